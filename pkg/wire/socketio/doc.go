// Package socketio encodes and decodes the packets of Socket.IO protocol 5, the
// text and binary packets that Socket.IO v3 and v4 speak. The Engine.IO '4' in
// front of a packet is not part of it.
//
// Parse is as strict as socket.io-parser 4.2.6 and stricter where that parser
// takes nonsense that no encoder writes (white space or an exponent for a
// number, an event without a payload, an id beyond 2^63-1).
//
// Everything is pure: no I/O, appending encoders, results that alias the input.
// Functions are safe for concurrent use and never panic.
//
// It imports the standard library and its siblings in package wire only.
package socketio
