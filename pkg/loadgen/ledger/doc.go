// Package ledger accounts for deliveries: which message of which publisher
// reached which subscriber, how often, in what order and when.
//
// Publishers number their messages and mark them; every subscriber's read
// goroutine reports the markers that it sees. The state of a pair of
// publisher and subscriber is 24 bytes as long as messages come in order;
// gaps, duplicates and late arrivals cost more, and only where they happen.
// Nothing is allocated for an in-order arrival and no lock is shared between
// subscribers.
//
// The package imports the standard library only and knows nothing of sockets.
package ledger
