// Package sse encodes and parses server-sent events: the text/event-stream
// format of the WHATWG HTML standard, section 9.2.
//
// Append writes one event. Parser takes a stream in chunks of any size and
// yields what a browser's EventSource would dispatch, with comments and retry
// times besides. Nothing here does I/O.
//
// It imports the standard library only.
package sse
