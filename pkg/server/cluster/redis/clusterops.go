package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// carrier moves cluster messages: what the sharded and the streams adapter do
// each in their way. No method but servers waits for the network.
type carrier interface {
	// post sends m to all pods of its namespace, in the order of the calls as far
	// as the adapter keeps one. What is fleeting is for now or never: it isn't
	// kept for a Redis that is away.
	post(m *redisadapter.ClusterMessage, fleeting bool)
	// respond sends m, an answer, to the pod with that uid, which waits for it
	// no longer than answerPatience.
	respond(uid string, m *redisadapter.ClusterMessage)
	// servers counts the pods of a namespace, this one among them.
	servers(ctx context.Context, namespace string) (int, error)
	// away returns why the other pods can't be asked now, nil when they can.
	away() error
}

const (
	// defaultTimeout is how long clients have to acknowledge when the peer who
	// asks doesn't say (socket.io-adapter, DEFAULT_TIMEOUT).
	defaultTimeout = 5 * time.Second
	maxAckTimeout  = time.Hour
	// maxUID bounds what of a peer's message becomes part of a channel's name.
	maxUID = 64
)

// clusterOps does what the gateway and the other pods ask for in cluster
// messages. It is safe for concurrent use.
type clusterOps struct {
	uid     string // of this pod, 16 hex digits
	carrier carrier
	pending *pending
}

// publish sends a broadcast.
func (o *clusterOps) publish(b *cluster.Broadcast) { o.carrier.post(o.broadcast(b), b.Volatile) }

// broadcast makes a cluster message of a broadcast.
func (o *clusterOps) broadcast(b *cluster.Broadcast) *redisadapter.ClusterMessage {
	return &redisadapter.ClusterMessage{
		Type: redisadapter.ClusterBroadcast, UID: o.uid, Namespace: b.Namespace,
		Rooms: b.Rooms, Except: b.Except,
		Volatile: b.Volatile, Compress: b.Compress, NoCompress: b.NoCompress,
		Args: b.Args, Attachments: b.Attachments,
	}
}

var commandTypes = map[cluster.Op]redisadapter.ClusterType{
	cluster.OpJoin:           redisadapter.ClusterJoin,
	cluster.OpLeave:          redisadapter.ClusterLeave,
	cluster.OpDisconnect:     redisadapter.ClusterDisconnect,
	cluster.OpServerSideEmit: redisadapter.ClusterServerSideEmit,
}

// send sends a command.
func (o *clusterOps) send(c *cluster.Command) { o.carrier.post(o.command(c), false) }

// command makes a cluster message of a command.
func (o *clusterOps) command(c *cluster.Command) *redisadapter.ClusterMessage {
	return &redisadapter.ClusterMessage{
		Type: commandTypes[c.Op], UID: o.uid, Namespace: c.Namespace,
		Rooms: c.Rooms, Except: c.Except, Targets: c.Targets, Close: c.Close,
		Args: c.Args, Attachments: c.Attachments,
	}
}

// ask is cluster.Backplane's Ask. Pods are counted while the question is on its
// way: one that comes at that very moment may be counted and not have heard it,
// or have heard it and not be counted.
func (o *clusterOps) ask(ctx context.Context, q *cluster.Query, each func(*cluster.Answer)) error {
	if err := o.carrier.away(); err != nil {
		return err
	}
	m := o.question(q)
	a, err := o.pending.open(m.RequestID, q.Op)
	if err != nil {
		return err
	}
	defer o.pending.close(a)
	var counting sync.WaitGroup
	defer counting.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.carrier.post(m, true)
	counting.Go(func() {
		n, err := o.carrier.servers(ctx, q.Namespace)
		a.expect(n-1, err)
	})
	return a.wait(ctx, each)
}

func (o *clusterOps) question(q *cluster.Query) *redisadapter.ClusterMessage {
	m := &redisadapter.ClusterMessage{UID: o.uid, Namespace: q.Namespace, RequestID: newClusterID()}
	switch q.Op {
	case cluster.OpServerSideEmit:
		m.Type, m.Args, m.Attachments = redisadapter.ClusterServerSideEmit, q.Args, q.Attachments
	case cluster.OpBroadcastAck:
		m.Type, m.Args, m.Attachments = redisadapter.ClusterBroadcast, q.Args, q.Attachments
		m.Rooms, m.Except, m.NoCompress = q.Rooms, q.Except, q.NoCompress
		m.Timeout = q.Timeout
	case cluster.OpAllRooms:
		// Cluster messages have no such question: the rooms are those of the
		// sockets, which Node servers tell too.
		m.Type = redisadapter.ClusterFetchSockets
	default:
		m.Type, m.Rooms, m.Except = redisadapter.ClusterFetchSockets, q.Rooms, q.Except
	}
	return m
}

// receive does what a message of another pod says and reports whether it was for
// this one. It is called for one publisher in the publisher's order, with the
// namespace that it was received for.
func (o *clusterOps) receive(namespace string, m *redisadapter.ClusterMessage, sink cluster.Sink) bool {
	if m.UID == o.uid || m.Namespace != namespace {
		return false
	}
	switch m.Type {
	case redisadapter.ClusterBroadcast:
		if m.RequestID != "" {
			return o.serve(m, cluster.OpBroadcastAck, sink)
		}
		if !wanted(sink, namespace, m.Rooms) {
			return false
		}
		sink.Deliver(&cluster.Broadcast{
			Namespace: namespace, Rooms: m.Rooms, Except: m.Except, Args: m.Args, Attachments: m.Attachments,
			Volatile: m.Volatile, Compress: m.Compress, NoCompress: m.NoCompress,
		})
		return true
	case redisadapter.ClusterJoin:
		return execute(m, cluster.OpJoin, sink)
	case redisadapter.ClusterLeave:
		return execute(m, cluster.OpLeave, sink)
	case redisadapter.ClusterDisconnect:
		return execute(m, cluster.OpDisconnect, sink)
	case redisadapter.ClusterFetchSockets:
		return o.serve(m, cluster.OpFetchSockets, sink)
	case redisadapter.ClusterServerSideEmit:
		if m.RequestID != "" {
			return o.serve(m, cluster.OpServerSideEmit, sink)
		}
		return execute(m, cluster.OpServerSideEmit, sink)
	}
	return o.take(m)
}

// wanted reports whether this pod may have somebody to deliver a broadcast to.
func wanted(sink cluster.Sink, namespace string, rooms []string) bool {
	for _, r := range rooms {
		if sink.HasRoom(namespace, r) {
			return true
		}
	}
	return len(rooms) == 0
}

func execute(m *redisadapter.ClusterMessage, op cluster.Op, sink cluster.Sink) bool {
	sink.Execute(&cluster.Command{
		Op: op, Namespace: m.Namespace, Rooms: m.Rooms, Except: m.Except,
		Targets: m.Targets, Close: m.Close, Args: m.Args, Attachments: m.Attachments,
	})
	return true
}

// serve has the gateway answer a question of another pod.
func (o *clusterOps) serve(m *redisadapter.ClusterMessage, op cluster.Op, sink cluster.Sink) bool {
	if m.UID == "" || len(m.UID) > maxUID {
		return false // nowhere to answer to
	}
	q := &cluster.Query{
		Op: op, Namespace: m.Namespace, Rooms: m.Rooms, Except: m.Except,
		Args: m.Args, Attachments: m.Attachments, NoCompress: m.NoCompress,
	}
	if op == cluster.OpBroadcastAck {
		q.Timeout = defaultTimeout
		if m.Timeout > 0 {
			q.Timeout = min(m.Timeout, maxAckTimeout)
		}
	}
	asker, id := m.UID, m.RequestID
	sink.Answer(q, func(a *cluster.Answer) { o.carrier.respond(asker, o.reply(q, id, a)) })
	return true
}

// reply makes the message of an answer of this pod.
func (o *clusterOps) reply(q *cluster.Query, id string, a *cluster.Answer) *redisadapter.ClusterMessage {
	m := &redisadapter.ClusterMessage{UID: o.uid, Namespace: q.Namespace, RequestID: id}
	switch {
	case q.Op == cluster.OpFetchSockets:
		m.Type = redisadapter.ClusterFetchSocketsAnswer
		m.Sockets = make([]redisadapter.Socket, len(a.Sockets))
		for i, s := range a.Sockets {
			m.Sockets[i] = redisadapter.Socket(s)
		}
	case q.Op == cluster.OpServerSideEmit:
		m.Type, m.Args, m.Attachments = redisadapter.ClusterServerSideAnswer, a.Args, a.Attachments
	case a.Args == nil:
		m.Type, m.Clients = redisadapter.ClusterClientCount, a.Clients
	default:
		m.Type, m.Args, m.Attachments = redisadapter.ClusterBroadcastAck, a.Args, a.Attachments
	}
	if m.Type == redisadapter.ClusterServerSideAnswer && m.Args == nil {
		m.Args = []byte("null")
	}
	return m
}

// take hands an answer of another pod to the one who asked.
func (o *clusterOps) take(m *redisadapter.ClusterMessage) bool {
	op := o.pending.op(m.RequestID)
	a := new(cluster.Answer)
	switch m.Type {
	case redisadapter.ClusterFetchSocketsAnswer:
		switch op {
		case cluster.OpFetchSockets:
			a.Sockets = make([]cluster.Socket, len(m.Sockets))
			for i, s := range m.Sockets {
				a.Sockets[i] = cluster.Socket(s)
			}
		case cluster.OpAllRooms:
			a.Rooms = roomsOf(m.Sockets)
		default:
			return false
		}
	case redisadapter.ClusterServerSideAnswer:
		if op != cluster.OpServerSideEmit {
			return false
		}
		a.Args, a.Attachments = m.Args, m.Attachments
	case redisadapter.ClusterClientCount:
		if op != cluster.OpBroadcastAck {
			return false
		}
		a.Clients = m.Clients
	case redisadapter.ClusterBroadcastAck:
		if op != cluster.OpBroadcastAck {
			return false
		}
		a.Args, a.Attachments = m.Args, m.Attachments
	}
	return o.pending.answer(m.RequestID, m.UID, a)
}

// roomsOf returns the rooms that sockets are in, each once.
func roomsOf(sockets []redisadapter.Socket) []string {
	seen := make(map[string]bool)
	rooms := []string{}
	for i := range sockets {
		for _, r := range sockets[i].Rooms {
			if !seen[r] {
				seen[r] = true
				rooms = append(rooms, r)
			}
		}
	}
	return rooms
}

// newClusterID makes a uid or a request's id as socket.io-adapter makes them: 16
// hex digits.
func newClusterID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
