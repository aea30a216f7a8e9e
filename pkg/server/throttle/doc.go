// Package throttle bounds how fast one peer may send.
//
// A [Bucket] answers one question, "may this event pass now?", with the generic
// cell rate algorithm (GCRA, ITU-T I.371): eight bytes a peer, no timer, no
// goroutine, no allocation. [Strikes] tells a peer that was merely hasty from
// one that keeps on after being refused.
//
// Neither type takes a lock: the owner of a connection (its read loop) is the
// one goroutine that calls them. Time is the caller's monotonic reading, which
// keeps wall-clock steps out of the arithmetic and lets tests choose the time.
//
// The package imports the standard library only.
package throttle
