// Package engineio encodes and decodes the packets of Engine.IO protocol 4: one
// per WebSocket frame, or several records in the body of a polling request.
//
// Everything is pure: no I/O, appending encoders, decoders whose results alias
// their input. Functions are safe for concurrent use and never panic.
//
// It imports the standard library and its siblings in package wire only.
package engineio
