// Package redisadapter encodes and decodes what servers publish to each other
// through the adapters of Socket.IO over Redis: the channel names, broadcasts,
// requests and answers of the classic adapter, @socket.io/redis-adapter 8.3,
// JSON or MessagePack in the dialect of notepack.io 3.0; and the cluster messages
// of its sharded adapter and of @socket.io/redis-streams-adapter 0.3. It also
// signs them, in a place that the npm packages ignore.
//
// A broadcast's arguments are JSON on this side, with placeholders for binary
// values as in a Socket.IO binary packet, and MessagePack on the other.
// AppendBroadcast writes the bytes that notepack.io writes for the same values,
// but for two cases where it keeps what notepack would lose: whole numbers
// beyond 2^53 stay exact up to 64 bits, and greater ones become floats.
//
// Everything is pure and safe for concurrent use; decoders never panic and
// bound depth and size.
//
// It imports the standard library, tinylib/msgp and its siblings in package
// wire only.
package redisadapter
