// Package cluster is the seam between a gateway and the other pods of its
// cluster. It holds the types of what pods send each other and the Backplane
// interface; an in-memory hub for tests and single-process clusters is here,
// Redis is in package redis below, so that a program that embeds the server
// links Redis only if it asks for it.
//
// It imports the standard library only.
package cluster

import (
	"context"
	"time"
)

// Broadcast is one message to the members of rooms of a namespace, or to all
// of the namespace when Rooms is empty. It is immutable once published: the
// gateway and the backplane share its slices.
type Broadcast struct {
	Namespace string
	Rooms     []string
	Except    []string // rooms; a socket id is a room too
	// Args is a JSON array whose first element is the event name. Binary
	// values stand as {"_placeholder":true,"num":i} for Attachments[i].
	Args        []byte
	Attachments [][]byte
	Volatile    bool
	Compress    bool // false is the wire's default
	NoCompress  bool // the sender asked not to deflate it
}

// overhead is what a queued broadcast takes besides its bytes, roughly.
const overhead = 128

// Size returns about how many bytes the broadcast holds in memory.
func (b *Broadcast) Size() int {
	return size(b.Args, b.Attachments, b.Rooms, b.Except)
}

// size adds up what a message of args, attachments and names holds.
func size(args []byte, attachments [][]byte, names ...[]string) int {
	n := overhead + len(args)
	for _, a := range attachments {
		n += len(a)
	}
	for _, list := range names {
		for _, name := range list {
			n += len(name)
		}
	}
	return n
}

// wanted reports whether the sink may have somebody to deliver b to.
func (b *Broadcast) wanted(sink Sink) bool {
	for _, r := range b.Rooms {
		if sink.HasRoom(b.Namespace, r) {
			return true
		}
	}
	return len(b.Rooms) == 0
}

// Sink is the gateway's side: where a backplane delivers what other pods sent.
type Sink interface {
	// HasRoom reports whether this pod has a member of room, so that a
	// backplane can drop a message before it decodes it.
	HasRoom(namespace, room string) bool
	// Deliver hands over one broadcast of another pod. It never blocks on a
	// client. Calls for one publisher must be in the publisher's order.
	Deliver(*Broadcast)
	// Execute does what another pod tells, in its order with Deliver. It never
	// blocks on a client.
	Execute(*Command)
	// Answer answers another pod. It returns at once and calls reply from any
	// goroutine, as often as Answer says, or not at all when it has nothing to
	// say to a server-side emit: that pod then counts as silent. reply doesn't
	// block, and does nothing once the one who asked has given up.
	Answer(q *Query, reply func(*Answer))
}

// Backplane carries broadcasts between pods.
//
// Publish must not block and must not wait for the network: the gateway has
// already delivered locally. What can't be sent is kept in a bounded outbox in
// order; what the outbox drops is counted in Status.
type Backplane interface {
	// Start connects and subscribes. It returns an error only for what will
	// not mend itself (bad URL, refused credentials, wrong configuration); a
	// backplane that can't reach its server yet starts degraded.
	Start(ctx context.Context, sink Sink) error
	// AddNamespace subscribes to a namespace; idempotent, may be called
	// before and after Start.
	AddNamespace(namespace string) error
	// RemoveNamespace undoes AddNamespace, and Follow of a Journal; it does nothing
	// for a namespace that isn't there. It doesn't wait for the network: what is
	// under way may reach the sink yet. The namespace may be added again.
	RemoveNamespace(namespace string)
	Publish(*Broadcast)
	// Send sends a command under the rules of Publish, in order with it.
	Send(*Command)
	// Ask asks the other pods and calls each with every answer, one at a time,
	// until all pods that take part have answered in full or ctx ends; ctx has
	// a deadline. The error is ErrPartial, or says that the pods can't be
	// reached. No call of each follows its return.
	Ask(ctx context.Context, q *Query, each func(*Answer)) error
	// Servers counts the pods of a namespace, this one among them.
	Servers(ctx context.Context, namespace string) (int, error)
	Status() Status
	// Close flushes the outbox until ctx ends and disconnects.
	Close(ctx context.Context) error
}

// Status is a backplane's health at one moment.
type Status struct {
	Kind      string // "memory", "redis-classic", "redis-sharded", "redis-streams"
	Connected bool
	Degraded  bool   // messages to or from other pods may be late or lost
	Reason    string // why degraded, without secrets
	Published uint64
	Received  uint64
	// Heard counts what came over the subscriptions without the heartbeats: also
	// the pod's own messages and those for nobody here. What it is above Received
	// is what the pod pays for hearing more than it can use.
	Heard      uint64
	Dropped    uint64 // outbox overflow, and what was lost with a connection
	Overrun    uint64 // messages of other pods that came faster than they could be delivered
	Ignored    uint64 // garbage on the channels
	Reconnects uint64 // subscriptions made anew after a loss
	Foreign    uint64 // messages of another adapter, which must not be on the same channels
	Queued     int    // messages in the outbox now
	// QueuedBytes is what they take; QueuedFor is how long the oldest has waited.
	QueuedBytes int
	QueuedFor   time.Duration
	RTTMicros   int64 // last heartbeat through the backplane to oneself
	// Servers is how many pods were counted last, Node's among them and this one;
	// 0 before the first count.
	Servers int
	// Subscriptions is the number of channels and patterns that the pod hears.
	Subscriptions int
}
