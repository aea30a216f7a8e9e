package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// Publish implements cluster.Backplane.
func (b *streams) Publish(m *cluster.Broadcast) { b.ops.publish(m) }

// Send implements cluster.Backplane.
func (b *streams) Send(c *cluster.Command) { b.ops.send(c) }

// Ask implements cluster.Backplane. While Redis is away it fails at once, and so
// does a question whose answers were lost with a connection.
func (b *streams) Ask(ctx context.Context, q *cluster.Query, each func(*cluster.Answer)) error {
	if b.logOf(q.Namespace) == nil {
		return fmt.Errorf("namespace %q is not one of the backplane's", q.Namespace)
	}
	return b.ops.ask(ctx, q, each)
}

// Servers implements cluster.Backplane: who hears the namespace's channel is one.
func (b *streams) Servers(ctx context.Context, namespace string) (int, error) {
	if err := b.away(); err != nil {
		return 0, err
	}
	n, err := b.servers(ctx, namespace)
	if err != nil {
		return 0, fmt.Errorf("count the servers: %s", reason(err))
	}
	return n, nil
}

// Follow implements cluster.Journal.
func (b *streams) Follow(namespace string, age time.Duration, f cluster.Follower) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follow[namespace] = followed{age, f}
}

// Record implements cluster.Journal.
func (b *streams) Record(m *cluster.Broadcast, mark any) bool {
	return b.write(b.ops.broadcast(m), &record{broadcast: m, mark: mark, volatile: m.Volatile})
}

// Level implements cluster.Journal.
func (b *streams) Level(namespace string) bool {
	l := b.logOf(namespace)
	return l != nil && l.level()
}

// Reached implements cluster.Journal.
func (b *streams) Reached(namespace string) cluster.Offset {
	if l := b.logOf(namespace); l != nil {
		return l.reached()
	}
	return cluster.Offset{}
}

// SaveSession implements cluster.Journal.
func (b *streams) SaveSession(s *cluster.Session, first bool, keep time.Duration, taken func()) {
	b.sessions.save(s, first, keep, taken)
}

// TakeSession implements cluster.Journal.
func (b *streams) TakeSession(ctx context.Context, pid string, mine func(*cluster.Session) bool) (*cluster.Session, error) {
	return b.sessions.take(ctx, pid, mine)
}

func (b *streams) logOf(namespace string) *streamLog { return (*b.logs.Load())[namespace] }

// post implements carrier: what has an answer, and server-side emits, go by
// pub/sub and everything else into the stream (socket.io-redis-streams-adapter,
// isEphemeral).
func (b *streams) post(m *redisadapter.ClusterMessage, fleeting bool) {
	switch {
	case m.Type == redisadapter.ClusterBroadcast && m.RequestID == "",
		m.Type == redisadapter.ClusterJoin, m.Type == redisadapter.ClusterLeave, m.Type == redisadapter.ClusterDisconnect:
		b.write(m, &record{volatile: fleeting})
		return
	}
	b.send("", m, fleeting)
}

// respond implements carrier.
func (b *streams) respond(uid string, m *redisadapter.ClusterMessage) { b.send(uid, m, false) }

// send publishes a message on the channel of a namespace or of one server.
func (b *streams) send(uid string, m *redisadapter.ClusterMessage, fleeting bool) {
	payload, err := redisadapter.AppendClusterPack(nil, m)
	out := message{channel: redisadapter.ClusterChannel(b.options.Prefix, m.Namespace, uid), payload: payload, volatile: fleeting}
	if m.RequestID != "" { // nobody waits for what is answered later
		out.expires = time.Now().Add(max(m.Timeout, answerPatience))
	}
	b.base.post(out, err)
}

// write puts a message in the outbox of its stream and reports whether it is there.
func (b *streams) write(m *redisadapter.ClusterMessage, r *record) bool {
	l := b.logOf(m.Namespace)
	data, err := redisadapter.AppendStreamData(make([]byte, 0, len(m.Args)+128), m)
	if l == nil || err != nil || b.closed.Load() {
		b.publisher.dropped.Add(1)
		if err != nil {
			b.options.Logger.Error("message can't be written to the stream", "namespace", m.Namespace, "error", err)
		}
		return false
	}
	r.namespace, r.kind, r.data = m.Namespace, strconv.Itoa(int(m.Type)), string(data)
	return l.push(r)
}

// servers implements carrier.
func (b *streams) servers(ctx context.Context, namespace string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.IOTimeout)
	defer cancel()
	count := b.connector.numSub
	if b.shards != nil {
		count = b.connector.shardNumSub
	}
	n, err := count(ctx, redisadapter.ClusterChannel(b.options.Prefix, namespace, ""))
	return max(n, 1), err
}

// away implements carrier.
func (b *streams) away() error {
	up, _, _, _ := b.subscriptions()
	switch {
	case b.closed.Load():
		return cluster.ErrClosed
	case !up || !b.publisher.up.Load():
		return errAway
	}
	return nil
}
