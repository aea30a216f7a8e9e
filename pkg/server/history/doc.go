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
// Memory keeps the messages in this process. Where pods share a journal, each has
// a Memory that follows it: the offsets are then those of the journal and hold on
// every pod, and a client that comes back is served without a question to
// anybody.
//
// It imports the standard library only.
package history
