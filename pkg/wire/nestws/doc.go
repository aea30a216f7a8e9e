// Package nestws encodes and decodes the frames of a NestJS WebSocket gateway
// (WsAdapter): {"event":"name","data":…} in one text frame.
//
// NestJS has no acknowledgements on a plain WebSocket. As an extension, a
// request may carry an "id", any JSON value, which NestJS ignores; the answer is
// then {"event":"ack","id":…,"data":…}. Who sends no id sees NestJS's bytes.
//
// Everything is pure: no I/O, appending encoders, results that alias the input.
// Functions are safe for concurrent use and never panic.
//
// It imports the standard library and its siblings in package wire only.
package nestws
