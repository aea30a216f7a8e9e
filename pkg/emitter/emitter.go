package emitter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// ErrReservedEvent is returned for an event name that belongs to the protocol.
var ErrReservedEvent = errors.New("event name is reserved")

// Emitter is a connection to the Redis of a cluster. Its Operator is that of the
// namespace "/". It is safe for concurrent use.
type Emitter struct {
	*Operator
	redis *redis.Emitter
}

// New makes an emitter. It checks the options, of which it uses those of the
// connection, the adapter, the prefix and the signature, which must be the
// servers', and connects at the first call. Close it in the end.
func New(o redis.Options) (*Emitter, error) {
	r, err := redis.NewEmitter(o)
	if err != nil {
		return nil, err
	}
	return &Emitter{Operator: &Operator{redis: r, namespace: "/"}, redis: r}, nil
}

// Close disconnects. Calls that are under way fail.
func (e *Emitter) Close() { e.redis.Close() }

// Of returns the operator of a namespace. A missing slash is put before it.
func (e *Emitter) Of(namespace string) *Operator {
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	return &Operator{redis: e.redis, namespace: namespace}
}

// Operator says to whom something goes, and sends it. Its methods To, Except and
// the like return a changed copy, so one may be kept and used from several
// goroutines. Those that send wait until Redis has the message, until their
// context ends or for redis.Options.IOTimeout; a message whose call fails may
// have been sent all the same. What one goroutine sends arrives in its order, but
// for server-side emits with the streams adapter, which don't go by the stream.
type Operator struct {
	redis         *redis.Emitter
	namespace     string
	rooms, except []string
	volatile      bool
	compress      *bool
}

// To adds rooms to the union that is meant; a socket's id is a room too. Without
// any, the whole namespace is.
func (o *Operator) To(rooms ...string) *Operator {
	c := *o
	c.rooms = union(o.rooms, rooms)
	return &c
}

// Except adds rooms whose members are not meant.
func (o *Operator) Except(rooms ...string) *Operator {
	c := *o
	c.except = union(o.except, rooms)
	return &c
}

// Volatile skips clients that can't take the event at once.
func (o *Operator) Volatile() *Operator {
	c := *o
	c.volatile = true
	return &c
}

// Compress says whether the event is worth deflating.
func (o *Operator) Compress(on bool) *Operator {
	c := *o
	c.compress = &on
	return &c
}

// union has each name once: the channel of a message depends on how many rooms
// it has.
func union(names, more []string) []string {
	all := slices.Clone(names)
	for _, n := range more {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// Emit sends an event to the clients. Each argument is marshalled to JSON, except
// that a json.RawMessage is taken as it is and a []byte goes as a binary
// attachment. Clients of an emitter can't acknowledge.
func (o *Operator) Emit(ctx context.Context, event string, args ...any) error {
	array, attachments, err := o.event(event, args)
	if err != nil {
		return err
	}
	b := &cluster.Broadcast{
		Namespace: o.namespace, Rooms: o.rooms, Except: o.except,
		Args: array, Attachments: attachments, Volatile: o.volatile,
	}
	if o.compress != nil {
		b.Compress, b.NoCompress = *o.compress, !*o.compress
	}
	return named(event, o.redis.Broadcast(ctx, b))
}

// ServerSideEmit sends an event to the servers, for their OnServerSideEmit. Rooms
// mean nothing to it, and servers can't answer.
func (o *Operator) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	array, attachments, err := o.event(event, args)
	if err != nil {
		return err
	}
	return named(event, o.redis.Command(ctx, &cluster.Command{
		Op: cluster.OpServerSideEmit, Namespace: o.namespace, Args: array, Attachments: attachments,
	}))
}

// SocketsJoin makes the clients join rooms.
func (o *Operator) SocketsJoin(ctx context.Context, rooms ...string) error {
	return o.command(ctx, &cluster.Command{Op: cluster.OpJoin, Targets: rooms})
}

// SocketsLeave makes the clients leave rooms.
func (o *Operator) SocketsLeave(ctx context.Context, rooms ...string) error {
	return o.command(ctx, &cluster.Command{Op: cluster.OpLeave, Targets: rooms})
}

// DisconnectSockets disconnects the clients from the namespace, or from the
// server when closeTransport is true.
func (o *Operator) DisconnectSockets(ctx context.Context, closeTransport bool) error {
	return o.command(ctx, &cluster.Command{Op: cluster.OpDisconnect, Close: closeTransport})
}

// Servers counts the servers that hear the namespace. A count of 0 where there
// are some means another prefix or another adapter.
func (o *Operator) Servers(ctx context.Context) (int, error) {
	return o.redis.Servers(ctx, o.namespace)
}

func (o *Operator) command(ctx context.Context, c *cluster.Command) error {
	c.Namespace, c.Rooms, c.Except = o.namespace, o.rooms, o.except
	return named(c.Op.String(), o.redis.Command(ctx, c))
}

// event makes the array that an event is on the wire.
func (o *Operator) event(event string, args []any) (array []byte, attachments [][]byte, err error) {
	if socketio.Reserved(event) {
		return nil, nil, named(event, ErrReservedEvent)
	}
	array, attachments, err = socketio.EncodeEvent(event, args)
	return array, attachments, named(event, err)
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("emit %q: %w", what, err)
}
