package server

import (
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// Emitter is a broadcast in the making. Its methods return a changed copy, so
// one emitter may be kept and used from several goroutines.
type Emitter struct {
	ns       *Namespace
	rooms    []string
	except   []string
	volatile bool
	local    bool
	timeout  time.Duration
	verbatim bool // not to be deflated
}

// To adds rooms to the union that receives.
func (e *Emitter) To(rooms ...string) *Emitter {
	c := *e
	c.rooms = append(c.rooms[:len(c.rooms):len(c.rooms)], rooms...)
	return &c
}

// Except adds rooms whose members do not receive.
func (e *Emitter) Except(rooms ...string) *Emitter {
	c := *e
	c.except = append(c.except[:len(c.except):len(c.except)], rooms...)
	return &c
}

// ExceptConn excludes one connection.
func (e *Emitter) ExceptConn(conn *Conn) *Emitter { return e.Except(conn.id) }

// Volatile skips clients that can't take the message at once.
func (e *Emitter) Volatile() *Emitter {
	c := *e
	c.volatile = true
	return &c
}

// Compress says whether the message is worth deflating where
// Options.Compression applies and its size allows; that is the default. Turn it
// off for what is compressed already. It holds on all pods.
func (e *Emitter) Compress(on bool) *Emitter {
	c := *e
	c.verbatim = !on
	return &c
}

// Local keeps the broadcast on this pod.
func (e *Emitter) Local() *Emitter {
	c := *e
	c.local = true
	return &c
}

// Timeout bounds the wait of EmitAck, FetchSockets and the like for answers, in
// place of Options.AckTimeout and Options.RequestTimeout. A context that ends
// earlier ends it earlier.
func (e *Emitter) Timeout(d time.Duration) *Emitter {
	c := *e
	c.timeout = d
	return &c
}

// Emit sends an event. Each argument is marshalled to JSON, except that a
// json.RawMessage is taken as it is and a []byte goes as a binary attachment.
// The members of this pod have it in their queues when Emit returns, or, where
// pods share a journal and it is kept there, when it has its place in the
// journal's order; the other pods get it through the backplane, without waiting.
func (e *Emitter) Emit(event string, args ...any) error {
	raw, attachments, err := encodeArgs(args)
	if err != nil {
		return fmt.Errorf("emit %q: %w", event, err)
	}
	return e.EmitRaw(event, raw, attachments...)
}

// EmitRaw is Emit with arguments that are JSON already, separated by commas and
// without brackets. It keeps args and attachments: don't change them afterwards.
func (e *Emitter) EmitRaw(event string, args []byte, attachments ...[]byte) error {
	if e.ns.match != nil {
		return e.toMembers(event, args, attachments)
	}
	b, err := e.broadcast(event, args, attachments)
	if err != nil {
		return err
	}
	s := e.ns.srv
	s.count.broadcasts.Add(1)
	if q := e.ns.seq; q != nil {
		if kept := q.shared.keeps(b, e.local); kept != nil {
			s.pace(messageBytes(b.Args, b.Attachments))
			q.shared.record(b, kept)
			return nil
		}
	}
	e.ns.deliver(b)
	if e.crossesPods() {
		s.opts.Backplane.Publish(b)
	}
	return nil
}

// broadcast makes what is delivered here and sent to the other pods.
func (e *Emitter) broadcast(event string, args []byte, attachments [][]byte) (*cluster.Broadcast, error) {
	array, err := eventArray(event, args)
	if err != nil {
		return nil, err
	}
	if messageBytes(array, attachments) > e.ns.srv.opts.QueueBytes {
		return nil, fmt.Errorf("emit %q: %w", event, ErrTooLarge)
	}
	return &cluster.Broadcast{
		Namespace: e.ns.name, Rooms: e.rooms, Except: e.except,
		Args: array, Attachments: attachments, Volatile: e.volatile, NoCompress: e.verbatim,
	}, nil
}

// crossesPods reports whether other pods are meant too.
func (e *Emitter) crossesPods() bool { return !e.local && e.ns.srv.clustered() }

// messageBytes is about what a message takes in a queue.
func messageBytes(array []byte, attachments [][]byte) int {
	n := len(array) + 64
	for _, a := range attachments {
		n += len(a) + maxWSHead
	}
	return n
}

// eventArray makes ["event",args…] for clients.
func eventArray(event string, args []byte) ([]byte, error) {
	if socketio.Reserved(event) {
		return nil, fmt.Errorf("emit %q: %w", event, ErrReservedEvent)
	}
	array, err := appendEventArray(event, args)
	if err != nil {
		return nil, fmt.Errorf("emit %q: %w", event, err)
	}
	return array, nil
}

func appendEventArray(event string, args []byte) ([]byte, error) {
	return socketio.EventArray(event, args)
}

// encodeArgs marshals arguments into JSON without brackets.
func encodeArgs(args []any) (raw []byte, attachments [][]byte, err error) {
	return socketio.EncodeArgs(args)
}

// marshal is json.Marshal without HTML escaping, as JSON.stringify has it.
func marshal(v any) ([]byte, error) { return socketio.Marshal(v) }
