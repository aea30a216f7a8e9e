package redis

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// sharded implements cluster.Backplane over the sharded adapter. On one server
// all channels are on one connection, and what a publisher sends arrives in its
// order. On a Cluster each channel has its own server, so that order holds
// within a channel: not between a room's channel and that of the namespace, as
// with npm's adapter.
type sharded struct {
	base
	ops  clusterOps
	subs *shardSubscriber

	inboxes atomic.Pointer[map[string]*clusterInbox] // by namespace; replaced, never changed
	ignored atomic.Uint64                            // outside any inbox
}

// shardedRooms is a sharded backplane that subscribes room by room: all but that
// with mode static.
type shardedRooms struct {
	*sharded
	rooms *roomSet
}

var (
	_ cluster.Backplane   = (*sharded)(nil)
	_ cluster.RoomWatcher = (*shardedRooms)(nil)
)

func newSharded(o Options, c *connector) cluster.Backplane {
	b := new(sharded)
	b.subs = &shardSubscriber{
		connector: c,
		ioTimeout: o.IOTimeout,
		onMessage: b.route,
		onLost:    func() { b.beat.lost(); b.pending.fail(errAway) },
		log:       o.Logger,
		wanted:    make(map[string]int),
		nodes:     make(map[string]*shardNode),
		look:      make(chan struct{}, 1),
		known:     make(chan struct{}),
	}
	b.init(o, c, newClusterID(), newShardSender(c, b.subs), b.Servers)
	b.ops = clusterOps{uid: b.uid, carrier: b, pending: b.pending}
	b.inboxes.Store(&map[string]*clusterInbox{})
	b.subs.add(b.publisher.channel)
	if o.ShardedMode == Static {
		return b
	}
	return &shardedRooms{sharded: b, rooms: newRoomSet()}
}

// Start implements cluster.Backplane.
func (b *sharded) Start(ctx context.Context, sink cluster.Sink) error {
	return b.start(ctx, sink, b.open, b.run)
}

func (b *sharded) run(tell func(error)) {
	b.subs.onReady = func() { b.publisher.beatNow(); tell(nil) }
	b.subs.onFail = tell
	b.wg.Go(func() { b.subs.run(b.ctx) })
}

// Start implements cluster.Backplane.
func (b *shardedRooms) Start(ctx context.Context, sink cluster.Sink) error {
	return b.start(ctx, sink, b.open, func(tell func(error)) {
		b.rooms.has = sink.HasRoom
		b.run(tell)
		b.wg.Go(func() { b.follow(b.ctx) })
	})
}

// AddNamespace subscribes to the channels of a namespace. It doesn't wait for
// Redis.
func (b *sharded) AddNamespace(namespace string) error {
	if strings.Contains(namespace, "#") {
		return fmt.Errorf("%w: namespace %q has a #, which ends a namespace in the names of channels", ErrOptions, namespace)
	}
	return b.addNamespace(namespace, b.open)
}

// open starts the inbox of a namespace and makes its subscriptions due.
func (b *sharded) open(ctx context.Context, namespace string) {
	in := newClusterInbox(b.options, &b.ops, b.signer, namespace, b.sink)
	in.foreign = b.guard.saw
	inboxes := maps.Clone(*b.inboxes.Load())
	inboxes[namespace] = in
	b.inboxes.Store(&inboxes)
	b.wg.Go(func() { in.run(ctx) })
	b.subs.add(in.main, in.own)
}

// RemoveNamespace implements cluster.Backplane.
func (b *sharded) RemoveNamespace(namespace string) { b.removeNamespace(namespace, b.drop) }

// drop undoes open.
func (b *sharded) drop(namespace string) {
	inboxes := maps.Clone(*b.inboxes.Load())
	in := inboxes[namespace]
	delete(inboxes, namespace)
	b.past.add(&in.counts)
	b.inboxes.Store(&inboxes)
	b.subs.remove(in.main, in.own)
}

// route runs on a reader's goroutine, of which a Cluster has one for each server.
func (b *sharded) route(m rueidis.PubSubMessage) {
	if m.Channel == b.publisher.channel {
		b.beat.receive(m.Message, time.Now())
		return
	}
	b.heard.Add(1)
	rest := strings.TrimPrefix(m.Channel, b.options.Prefix+"#")
	namespace, _, _ := strings.Cut(rest, "#")
	if in := (*b.inboxes.Load())[namespace]; in == nil || !in.accept(m.Channel, m.Message) {
		b.ignored.Add(1)
	}
}

// Publish implements cluster.Backplane.
func (b *sharded) Publish(m *cluster.Broadcast) { b.ops.publish(m) }

// Send implements cluster.Backplane.
func (b *sharded) Send(c *cluster.Command) { b.ops.send(c) }

// Ask implements cluster.Backplane. While Redis is away it fails at once, and so
// does a question whose answers were lost with a connection.
func (b *sharded) Ask(ctx context.Context, q *cluster.Query, each func(*cluster.Answer)) error {
	if (*b.inboxes.Load())[q.Namespace] == nil {
		return fmt.Errorf("namespace %q is not one of the backplane's", q.Namespace)
	}
	return b.ops.ask(ctx, q, each)
}

// Servers implements cluster.Backplane: who hears the namespace's channel is one.
func (b *sharded) Servers(ctx context.Context, namespace string) (int, error) {
	if err := b.away(); err != nil {
		return 0, err
	}
	n, err := b.servers(ctx, namespace)
	if err != nil {
		return 0, fmt.Errorf("count the servers: %s", reason(err))
	}
	return n, nil
}

// Status returns the health as of now.
func (b *sharded) Status() cluster.Status {
	s := cluster.Status{
		Kind:          "redis-sharded",
		Connected:     b.publisher.up.Load() && b.subs.up.Load(),
		Ignored:       b.ignored.Load(),
		Reconnects:    b.subs.reconnects.Load(),
		Subscriptions: int(b.subs.subscribed.Load()),
	}
	for _, in := range *b.inboxes.Load() {
		in.fill(&s)
	}
	b.fill(&s, b.subs.problem.Load())
	return s
}

// away implements carrier.
func (b *sharded) away() error {
	switch {
	case b.closed.Load():
		return cluster.ErrClosed
	case !b.publisher.up.Load() || !b.subs.up.Load():
		return errAway
	}
	return nil
}

// servers implements carrier. The number is 1 at least: a pod that has just lost
// its subscription still is one.
func (b *sharded) servers(ctx context.Context, namespace string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.IOTimeout)
	defer cancel()
	n, err := b.connector.shardNumSub(ctx, redisadapter.ClusterChannel(b.options.Prefix, namespace, ""))
	return max(n, 1), err
}

// post implements carrier.
func (b *sharded) post(m *redisadapter.ClusterMessage, fleeting bool) {
	payload, err := redisadapter.AppendCluster(make([]byte, 0, 160+len(m.Args)), m)
	out := message{channel: b.options.shardedChannel(m), payload: payload, volatile: fleeting}
	if m.RequestID != "" { // nobody waits for what is answered later
		out.expires = time.Now().Add(max(m.Timeout, answerPatience))
	}
	b.base.post(out, err)
}

// respond implements carrier.
func (b *sharded) respond(uid string, m *redisadapter.ClusterMessage) {
	payload, err := redisadapter.AppendCluster(nil, m)
	b.base.post(message{
		channel: redisadapter.ClusterChannel(b.options.Prefix, m.Namespace, uid),
		payload: payload, expires: time.Now().Add(answerPatience),
	}, err)
}

// shardedChannel returns where a message is sent (redis-adapter,
// computeChannel).
func (o Options) shardedChannel(m *redisadapter.ClusterMessage) string {
	main := redisadapter.ClusterChannel(o.Prefix, m.Namespace, "")
	if m.Type != redisadapter.ClusterBroadcast || m.RequestID != "" || len(m.Rooms) != 1 || !o.ownChannel(m.Rooms[0]) {
		return main
	}
	return main + m.Rooms[0] + "#"
}

// ownChannel reports whether a room has a channel of its own.
func (o Options) ownChannel(room string) bool {
	switch o.ShardedMode {
	case Static:
		return false
	case DynamicPrivate:
		return true
	}
	return !redisadapter.LooksLikeSocketID(room)
}

// clusterInbox takes the cluster messages of one namespace from the reader and
// decodes them on a goroutine of its own, in the order they came.
type clusterInbox struct {
	ops       *clusterOps
	signer    *redisadapter.Signer
	namespace string
	main, own string    // channels, of all servers and of this one
	tails     [2]string // how each message that we published ends, when they aren't signed
	sink      cluster.Sink
	foreign   func(string) bool // whether a message is another adapter's, nil for never
	queue     *queue.Queue[inbound]

	counts
}

func newClusterInbox(o Options, ops *clusterOps, signer *redisadapter.Signer, namespace string, sink cluster.Sink) *clusterInbox {
	return &clusterInbox{
		ops: ops, signer: signer, namespace: namespace, sink: sink,
		main: redisadapter.ClusterChannel(o.Prefix, namespace, ""),
		own:  redisadapter.ClusterChannel(o.Prefix, namespace, ops.uid),
		tails: [2]string{
			string(redisadapter.AppendClusterTail(nil, ops.uid, namespace, false)),
			string(redisadapter.AppendClusterTail(nil, ops.uid, namespace, true)),
		},
		queue: queue.New[inbound](o.InboxMessages, o.InboxBytes),
	}
}

// accept runs on a reader's goroutine and reports whether the channel is one of
// the namespace's. It drops what isn't for this pod by the channel's name and by
// the last bytes, before anything is decoded.
func (in *clusterInbox) accept(channel, msg string) bool {
	if channel != in.main && channel != in.own {
		if len(channel) <= len(in.main) || channel[:len(in.main)] != in.main || channel[len(channel)-1] != '#' {
			return false
		}
		if !in.sink.HasRoom(in.namespace, channel[len(in.main):len(channel)-1]) {
			return true
		}
	}
	for _, tail := range in.tails {
		if len(msg) > len(tail) && msg[len(msg)-len(tail):] == tail {
			return true
		}
	}
	if n := in.queue.Push(inbound{channel: channel, payload: msg}, len(msg)); n > 0 {
		in.overrun.Add(uint64(n))
	}
	return true
}

// run decodes and delivers until ctx ends.
func (in *clusterInbox) run(ctx context.Context) {
	var batch []inbound
	for {
		select {
		case <-ctx.Done():
			return
		case <-in.queue.Ready():
		}
		batch = in.queue.Drain(batch[:0], 64, batchBytes)
		for _, m := range batch {
			in.take(m)
		}
		clear(batch)
	}
}

func (in *clusterInbox) take(m inbound) {
	msg, err := in.signer.Open(m.channel, []byte(m.payload))
	if err != nil {
		in.ignored.Add(1)
		return
	}
	decoded, err := redisadapter.DecodeCluster(msg)
	if err != nil {
		if in.foreign == nil || !in.foreign(m.payload) {
			in.ignored.Add(1)
		}
		return
	}
	if in.ops.receive(in.namespace, decoded, in.sink) {
		in.received.Add(1)
	}
}
