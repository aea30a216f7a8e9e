// Package rawjson works on JSON text without decoding it: it checks it, walks
// over its arrays and objects, and quotes strings. The wire codecs use it so
// that a message body travels through a gateway as the bytes that came in.
//
// A text is valid when it is RFC 8259 JSON in valid UTF-8 and nested no deeper
// than MaxDepth. All functions are pure, safe for concurrent use, and never
// panic on any input.
//
// It imports the standard library only.
package rawjson

// MaxDepth is how deep arrays and objects may be nested. JavaScript peers parse
// recursively, so a deeper text is an attack rather than a message.
const MaxDepth = 512
