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
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// streams implements cluster.Backplane and cluster.Journal over the streams
// adapter: broadcasts and commands are entries of a stream, questions and answers
// go by pub/sub. Between the two there is no order, as with npm's adapter.
//
// Its goroutines are two for each stream that has a namespace, one for what comes
// by pub/sub to each namespace, the publisher, the subscriber, and one for
// sessions.
type streams struct {
	base
	ops      clusterOps
	plain    *subscriber
	shards   *shardSubscriber // in its place with StreamSharded
	sessions *sessionStore

	// Replaced, never changed.
	logs    atomic.Pointer[map[string]*streamLog]    // by namespace
	inboxes atomic.Pointer[map[string]*clusterInbox] // by namespace

	all    map[string]*streamLog // by key; mu guards it
	tell   func(error)           // set when the goroutines run
	follow map[string]followed   // asked for before AddNamespace; mu guards it

	received, ignored atomic.Uint64
}

// followed is what Follow was told.
type followed struct {
	age      time.Duration
	follower cluster.Follower
}

var (
	_ cluster.Backplane = (*streams)(nil)
	_ cluster.Journal   = (*streams)(nil)
)

func newStreams(o Options, c *connector) *streams {
	b := &streams{all: make(map[string]*streamLog), follow: make(map[string]followed)}
	lost := func() { b.beat.lost(); b.pending.fail(errAway) }
	var out sender = &redisSender{connector: c}
	if o.StreamSharded {
		b.shards = &shardSubscriber{
			connector: c,
			ioTimeout: o.IOTimeout,
			onMessage: b.hear,
			onLost:    lost,
			log:       o.Logger,
			wanted:    make(map[string]int),
			nodes:     make(map[string]*shardNode),
			look:      make(chan struct{}, 1),
			known:     make(chan struct{}),
		}
		out = &shardSender{connector: c, subs: b.shards}
	}
	b.init(o, c, newClusterID(), out, b.servers)
	b.ops = clusterOps{uid: b.uid, carrier: b, pending: b.pending}
	if o.StreamSharded {
		b.shards.add(b.publisher.channel)
	} else {
		b.plain = &subscriber{
			connector: c,
			heartbeat: b.publisher.channel,
			ioTimeout: o.IOTimeout,
			onMessage: b.hear,
			onLost:    lost,
			log:       o.Logger,
			added:     make(chan struct{}, 1),
		}
	}
	b.sessions = newSessionStore(c, o)
	b.logs.Store(&map[string]*streamLog{})
	b.inboxes.Store(&map[string]*clusterInbox{})
	return b
}

// Start implements cluster.Backplane.
func (b *streams) Start(ctx context.Context, sink cluster.Sink) error {
	return b.start(ctx, sink, b.open, b.run)
}

// run starts the goroutines. The pod has begun when it hears the channels and has
// read each stream up to its end.
func (b *streams) run(tell func(error)) {
	pending := new(atomic.Int32)
	pending.Store(int32(len(b.all)) + 1)
	once := func() func(error) {
		told := new(atomic.Bool)
		return func(err error) {
			switch {
			case err != nil:
				tell(err)
			case !told.Swap(true) && pending.Add(-1) == 0:
				tell(nil)
			}
		}
	}
	heard := once()
	ready := func() { b.publisher.beatNow(); heard(nil) }
	if b.shards != nil {
		b.shards.onReady, b.shards.onFail = ready, heard
		b.wg.Go(func() { b.shards.run(b.ctx) })
	} else {
		b.plain.onReady, b.plain.onFail = ready, heard
		b.wg.Go(func() { b.plain.run(b.ctx) })
	}
	b.wg.Go(func() { b.sessions.run(b.ctx) })
	for _, l := range b.all {
		b.launchLog(l, once())
	}
	b.tell = func(error) {} // of streams that come later nobody waits to hear
}

func (b *streams) launchLog(l *streamLog, tell func(error)) {
	b.wg.Go(func() { l.write(b.ctx) })
	b.wg.Go(func() { l.read(b.ctx, tell) })
}

// AddNamespace reads the stream of a namespace and subscribes to its channels. It
// doesn't wait for Redis.
func (b *streams) AddNamespace(namespace string) error {
	if strings.Contains(namespace, "#") {
		return fmt.Errorf("%w: namespace %q has a #, which ends a namespace in the names of channels", ErrOptions, namespace)
	}
	return b.addNamespace(namespace, b.open)
}

// open takes a namespace in; mu is held.
func (b *streams) open(ctx context.Context, namespace string) {
	key := redisadapter.StreamOf(b.options.Stream, b.options.StreamCount, namespace)
	l := b.all[key]
	if l == nil {
		l = b.newLog(key)
		b.all[key] = l
		if b.tell != nil {
			defer b.launchLog(l, b.tell)
		}
	}
	if f, ok := b.follow[namespace]; ok {
		l.follow(namespace, f.age, f.follower)
		l.lively.Store(b.tell != nil)
	}
	logs := maps.Clone(*b.logs.Load())
	logs[namespace] = l
	b.logs.Store(&logs)
	in := newClusterInbox(b.options, &b.ops, b.signer, namespace, b.sink)
	in.foreign = b.guard.saw
	inboxes := maps.Clone(*b.inboxes.Load())
	inboxes[namespace] = in
	b.inboxes.Store(&inboxes)
	b.wg.Go(func() { in.run(ctx) })
	if b.shards != nil {
		b.shards.add(in.own, in.main)
	} else {
		b.plain.add(topic{in.own, false}, topic{in.main, false})
	}
}

// RemoveNamespace implements cluster.Backplane. The stream is read on, of which
// there is a fixed number.
func (b *streams) RemoveNamespace(namespace string) {
	b.removeNamespace(namespace, b.drop)
	b.mu.Lock()
	delete(b.follow, namespace)
	b.mu.Unlock()
}

// drop undoes open.
func (b *streams) drop(namespace string) {
	logs := maps.Clone(*b.logs.Load())
	logs[namespace].unfollow(namespace)
	delete(logs, namespace)
	b.logs.Store(&logs)
	inboxes := maps.Clone(*b.inboxes.Load())
	in := inboxes[namespace]
	delete(inboxes, namespace)
	b.past.add(&in.counts)
	b.inboxes.Store(&inboxes)
	if b.shards != nil {
		b.shards.remove(in.own, in.main)
	} else {
		b.plain.remove(topic{in.own, false}, topic{in.main, false})
	}
}

func (b *streams) newLog(key string) *streamLog {
	return &streamLog{
		key: key, uid: b.uid, options: b.options, signer: b.signer, log: b.options.Logger,
		client: func() (rueidis.Client, error) { return b.connector.stream(key) },
		deliver: func(m *redisadapter.ClusterMessage) {
			if b.ops.receive(m.Namespace, m, b.sink) {
				b.received.Add(1)
			}
		},
		wants:     func(namespace string) bool { return (*b.logs.Load())[namespace] != nil },
		wake:      make(chan struct{}, 1),
		following: make(map[string]*following),
	}
}

// hear runs on a reader's goroutine of the subscriptions.
func (b *streams) hear(m rueidis.PubSubMessage) {
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

// subscriptions is how those to channels are: whether they are in force, what is
// wrong, how often they were lost and how many there are.
func (b *streams) subscriptions() (up bool, problem string, reconnects uint64, n int) {
	var p *string
	if b.shards != nil {
		up, p, reconnects, n = b.shards.up.Load(), b.shards.problem.Load(), b.shards.reconnects.Load(), int(b.shards.subscribed.Load())
	} else {
		up, p, reconnects, n = b.plain.up.Load(), b.plain.problem.Load(), b.plain.reconnects.Load(), int(b.plain.subscribed.Load())
	}
	if p != nil {
		problem = *p
	}
	return up, problem, reconnects, n
}

// Status returns the health as of now.
func (b *streams) Status() cluster.Status {
	up, problem, reconnects, subscribed := b.subscriptions()
	s := cluster.Status{
		Kind:          "redis-streams",
		Connected:     up && b.publisher.up.Load(),
		Received:      b.received.Load(),
		Ignored:       b.ignored.Load(),
		Reconnects:    reconnects,
		Subscriptions: subscribed,
	}
	for _, in := range *b.inboxes.Load() {
		in.fill(&s)
	}
	now := time.Now()
	b.mu.Lock()
	logs := maps.Clone(b.all)
	b.mu.Unlock()
	var published uint64
	var queued, bytes int
	var oldest time.Duration
	for _, l := range logs {
		published += l.published.Load()
		s.Received += l.received.Load()
		s.Heard += l.heard.Load()
		s.Dropped += l.dropped.Load()
		s.Overrun += l.gaps.Load()
		s.Ignored += l.ignored.Load()
		s.Reconnects += l.reconnects.Load()
		s.Connected = s.Connected && l.level()
		n, size, age := l.queued(now)
		queued, bytes, oldest = queued+n, bytes+size, max(oldest, age)
		if problem == "" {
			problem = l.problem(now)
		}
	}
	b.fill(&s, &problem)
	s.Published += published
	s.Queued += queued
	s.QueuedBytes += bytes
	s.QueuedFor = max(s.QueuedFor, oldest)
	return s
}

// Close writes and sends what is to go out until ctx ends, then disconnects. It
// returns an error when something was left.
func (b *streams) Close(ctx context.Context) error {
	b.end()
	left := 0
	if b.running() {
		left = b.drain(ctx)
	}
	if err := b.base.Close(ctx); err != nil || left == 0 {
		return err
	}
	return fmt.Errorf("redis backplane closed with %d messages not in the stream", left)
}

// drain waits until the streams have all that was to be written to them.
func (b *streams) drain(ctx context.Context) int {
	b.mu.Lock()
	logs := maps.Clone(b.all)
	b.mu.Unlock()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		left := b.sessions.len()
		for _, l := range logs {
			n, _, _ := l.queued(time.Now())
			left += n
		}
		if left == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return left
		case <-tick.C:
		}
	}
}
