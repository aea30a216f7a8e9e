// Package history keeps the latest messages of rooms, so that a client that
// comes back gets what it missed. It knows offsets and bounds and nothing of
// messages: those are the type parameter.
//
// All rooms of one log share one sequence of offsets. Therefore a single Cursor
// says how far a client is in every room it follows: what it has not seen is
// what has a larger offset, in whatever room. A vector of one offset a room
// would say the same and would have to be encoded anew for each recipient; the
// shared sequence makes it the same bytes for all.
//
// Memory is the log of one process. A backend that several processes share, such
// as a Redis stream, implements Log with the stream's own ids as offsets: its
// "ms-seq" fits as ms<<20 | seq, and the epoch is then a hash of the stream's
// name, so that a cursor holds on every pod.
//
// It imports the standard library only.
package history
