package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Offset is a place in a journal: the id of an entry of a Redis stream. Offsets
// of one namespace are in one order that all pods see.
type Offset struct {
	Time uint64 // milliseconds since 1970
	Seq  uint64
}

// Journal is what a Backplane also is when it keeps what it carries for a while,
// in one order that all pods see. The gateway then delivers in that order, so
// that an offset says on any pod what its client has seen.
type Journal interface {
	// Follow has f told of all broadcasts of a namespace in place of
	// Sink.Deliver, those of this pod among them, and before that of what the
	// journal holds that is not older than age. It is called once for a
	// namespace, before AddNamespace; RemoveNamespace ends it.
	Follow(namespace string, age time.Duration, f Follower)
	// Record is Publish for a namespace that is followed: the follower gets b
	// again, once, with the same mark, by Recorded or by Lost. When it reports
	// false, the journal does not take b and the follower hears no more of it. It
	// may be called with locks held that the follower takes.
	Record(b *Broadcast, mark any) bool
	// Level reports whether what is recorded now will come back at once, as far
	// as is known. It is quick, as is Reached.
	Level(namespace string) bool
	// Reached is the offset up to which the follower has been told all.
	Reached(namespace string) Offset

	// SaveSession keeps a session for as long as said, 0 deletes it. Unless it
	// is the first save of its owner, it does nothing when another owner's is
	// there, and calls taken. It doesn't wait for the network and tries again
	// while Redis is away.
	SaveSession(s *Session, first bool, keep time.Duration, taken func())
	// TakeSession returns a session if mine says so, once in the whole cluster,
	// and forgets it. For one that was taken and that its new owner has not saved
	// yet it waits, a second at most and until ctx ends: its client may have been
	// cut off again. The error is ErrNoSession, or says that the journal can't be
	// asked.
	TakeSession(ctx context.Context, pid string, mine func(*Session) bool) (*Session, error)
}

// Entry is one broadcast in a journal.
type Entry struct {
	Broadcast *Broadcast
	At        Offset
	Age       time.Duration // how long ago it was sent
	Mark      any           // of Record; nil when another pod sent it
	Past      bool          // from before the namespace was followed: to be kept, not delivered
}

// Follower is the gateway's side of one namespace of a journal. Its methods are
// called one at a time, in the journal's order, and never block on a client.
type Follower interface {
	// Begin comes first, and again after a gap: what came up to at was not told,
	// or can't be told any more. missed says that connections that are there
	// already may have missed some of it.
	Begin(at Offset, missed bool)
	// Recorded tells of one broadcast at its place.
	Recorded(e *Entry)
	// Level tells, once after Begin, that all up to at has been told: what comes
	// now is new.
	Level(at Offset)
	// Lost tells that a broadcast of this pod will never be in the journal.
	Lost(mark any)
}

// Session is what is kept of a Socket.IO connection for its client's return: the
// first four as the streams adapter of Socket.IO keeps it, the others are this
// gateway's and empty in what another server saved.
type Session struct {
	SID, PID  string
	Rooms     []string        // its own id first
	Data      json.RawMessage // socket.data
	Values    json.RawMessage // an object: what the pod keeps besides
	Namespace string
	Owner     string // SessionOwnerBytes characters that name the connection that saves it
	Begin     string // cursor with which it began
	Holder    string // whom it belongs to
}

// SessionOwnerBytes is the length of a session's owner.
const SessionOwnerBytes = 24

// ErrNoSession is returned by TakeSession.
var ErrNoSession = errors.New("no such session")
