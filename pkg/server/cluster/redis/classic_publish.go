package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// errAway is returned for a question that can't be asked or answered now.
var errAway = errors.New("redis is away: the other pods can't be asked")

// askPatience bounds a question whose context has no deadline.
const askPatience = 5 * time.Second

// Publish encodes the broadcast and puts it in the outbox.
func (b *classic) Publish(m *cluster.Broadcast) {
	room := ""
	if len(m.Rooms) == 1 {
		room = m.Rooms[0]
	}
	payload, err := redisadapter.AppendBroadcast(make([]byte, 0, m.Size()), classicBroadcast(b.uid, m))
	b.post(message{
		channel:  redisadapter.BroadcastChannel(b.options.Prefix, m.Namespace, room),
		payload:  payload,
		volatile: m.Volatile,
	}, err)
}

func classicBroadcast(uid string, m *cluster.Broadcast) *redisadapter.Broadcast {
	return &redisadapter.Broadcast{
		UID:         uid,
		Namespace:   m.Namespace,
		Rooms:       m.Rooms,
		Except:      m.Except,
		Args:        m.Args,
		Attachments: m.Attachments,
		Volatile:    m.Volatile,
		Compress:    m.Compress,
		NoCompress:  m.NoCompress,
	}
}

// Send encodes the command and puts it in the outbox, behind the broadcasts that
// were published before it.
func (b *classic) Send(c *cluster.Command) {
	payload, err := appendCommand(b.uid, c)
	b.post(message{channel: redisadapter.RequestChannel(b.options.Prefix, c.Namespace), payload: payload}, err)
}

func appendCommand(uid string, c *cluster.Command) ([]byte, error) {
	kind, ok := requestTypes[c.Op]
	if !ok {
		return nil, fmt.Errorf("%s is not a command", c.Op)
	}
	return redisadapter.AppendRequest(nil, &redisadapter.Request{
		Type:        kind,
		UID:         uid,
		Rooms:       c.Rooms,
		Except:      c.Except,
		Targets:     c.Targets,
		Close:       c.Close,
		Args:        c.Args,
		Attachments: c.Attachments,
	})
}

var requestTypes = map[cluster.Op]redisadapter.RequestType{
	cluster.OpJoin:           redisadapter.RequestJoin,
	cluster.OpLeave:          redisadapter.RequestLeave,
	cluster.OpDisconnect:     redisadapter.RequestDisconnect,
	cluster.OpServerSideEmit: redisadapter.RequestServerSideEmit,
}

var questionTypes = map[cluster.Op]redisadapter.RequestType{
	cluster.OpServerSideEmit: redisadapter.RequestServerSideEmit,
	cluster.OpFetchSockets:   redisadapter.RequestFetch,
	cluster.OpAllRooms:       redisadapter.RequestAllRooms,
	cluster.OpBroadcastAck:   redisadapter.RequestBroadcast,
}

// Ask implements cluster.Backplane. While Redis is away it fails at once, and so
// does a question whose answers were lost with a connection.
func (b *classic) Ask(ctx context.Context, q *cluster.Query, each func(*cluster.Answer)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askPatience)
		defer cancel()
	}
	if err := b.ready(q.Namespace); err != nil {
		return err
	}
	kind, ok := questionTypes[q.Op]
	if !ok {
		return fmt.Errorf("%s is not a question", q.Op)
	}
	r := &redisadapter.Request{
		Type: kind, UID: b.uid, ID: newUID(), Namespace: q.Namespace,
		Rooms: q.Rooms, Except: q.Except, Args: q.Args, Attachments: q.Attachments,
		NoCompress: q.NoCompress, Timeout: q.Timeout,
	}
	payload, err := redisadapter.AppendRequest(nil, r)
	if err != nil {
		return fmt.Errorf("ask the other pods: %w", err)
	}
	channel := redisadapter.RequestChannel(b.options.Prefix, q.Namespace)
	if payload, err = b.signer.Sign(channel, payload); err != nil {
		return fmt.Errorf("ask the other pods: %w", err)
	}
	a, err := b.pending.open(r.ID, q.Op)
	if err != nil {
		return err
	}
	defer b.pending.close(a)
	deadline, _ := ctx.Deadline()
	// Nobody waits for a question that Redis gets after its time.
	if !b.publisher.push(message{channel: channel, payload: payload, volatile: true, expires: deadline}) {
		return errAway
	}
	// The servers are counted meanwhile: one that comes or goes at this moment
	// may be counted and not have heard, or the other way round.
	var counting sync.WaitGroup
	defer counting.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	counting.Go(func() {
		n, err := b.count(ctx, q.Namespace)
		a.expect(n-1, err)
	})
	return a.wait(ctx, each)
}

// ready returns why nothing can be asked in a namespace now.
func (b *classic) ready(namespace string) error {
	switch {
	case b.closed.Load():
		return cluster.ErrClosed
	case (*b.inboxes.Load())[namespace] == nil:
		return fmt.Errorf("namespace %q is not one of the backplane's", namespace)
	case !b.publisher.up.Load() || !b.subs.up.Load():
		return errAway
	}
	return nil
}

// Servers implements cluster.Backplane: who hears the requests answers them.
func (b *classic) Servers(ctx context.Context, namespace string) (int, error) {
	if err := b.ready(namespace); err != nil {
		return 0, err
	}
	n, err := b.count(ctx, namespace)
	if err != nil {
		return 0, fmt.Errorf("count the servers: %s", reason(err))
	}
	return n, nil
}

// count returns the number of servers, which is 1 at least: a pod that has just
// lost its subscription still is one.
func (b *classic) count(ctx context.Context, namespace string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.IOTimeout)
	defer cancel()
	n, err := b.connector.numSub(ctx, redisadapter.RequestChannel(b.options.Prefix, namespace))
	if err != nil {
		return 0, err
	}
	return max(n, 1), nil
}
