// Package conformance holds the built program to the rules of the Engine.IO 4
// and Socket.IO 5 protocols, frame by frame, at the raw endpoint /engine.io/ and
// at /socket.io/. It knows no client library: what it sends and expects are the
// bytes of the protocols.
package conformance
