package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// classic implements cluster.Backplane over the classic adapter. Its goroutines
// are the publisher, the subscriber and one inbox for each namespace; Close ends
// them all.
//
// One uid names the pod in all namespaces, where Node has one for each: the
// channels that it is compared on have the namespace in their names.
type classic struct {
	options   Options
	uid       string
	signer    *redisadapter.Signer
	connector *connector
	beat      *heartbeat
	publisher *publisher
	subs      *subscriber
	guard     *guard
	pending   *pending
	done      chan struct{} // closed with the backplane

	// inboxes and routes are replaced, never changed, so that the reader takes
	// no lock.
	inboxes atomic.Pointer[map[string]*inbox] // by namespace
	routes  atomic.Pointer[map[string]route]  // by pattern or channel
	ignored atomic.Uint64                     // outside any inbox
	closed  atomic.Bool

	mu     sync.Mutex
	sink   cluster.Sink
	names  map[string]bool
	ctx    context.Context // of the goroutines, set by Start
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// route says whose a subscription's messages are, and what they are.
type route struct {
	inbox *inbox
	kind  messageKind
}

var _ cluster.Backplane = (*classic)(nil)

func newClassic(o Options, c *connector) *classic {
	b := &classic{
		options:   o,
		uid:       newUID(),
		signer:    redisadapter.NewSigner(o.SignKey, o.SignRequired),
		connector: c,
		beat:      &heartbeat{timeout: o.HeartbeatTimeout},
		names:     make(map[string]bool),
		done:      make(chan struct{}),
	}
	b.pending = newPending(b.done)
	b.guard = &guard{
		options: o, mark: newMark(o, b.uid), client: c.byKey,
		namespaces: b.namespaces, servers: b.Servers, log: o.Logger,
	}
	b.inboxes.Store(&map[string]*inbox{})
	b.routes.Store(&map[string]route{})
	heartbeatChannel := o.Prefix + "-rtk-heartbeat#" + b.uid + "#"
	b.publisher = &publisher{
		sender:    &redisSender{connector: b.connector},
		outbox:    queue.New[message](o.OutboxMessages, o.OutboxBytes),
		age:       o.OutboxAge,
		beat:      b.beat,
		channel:   heartbeatChannel,
		interval:  o.HeartbeatInterval,
		ioTimeout: o.IOTimeout,
		onLost:    func() { b.pending.fail(errAway) },
		kick:      make(chan struct{}, 1),
		log:       o.Logger,
	}
	b.subs = &subscriber{
		connector: b.connector,
		heartbeat: heartbeatChannel,
		ioTimeout: o.IOTimeout,
		onMessage: b.route,
		onLost:    func() { b.beat.lost(); b.pending.fail(errAway) },
		log:       o.Logger,
		added:     make(chan struct{}, 1),
	}
	if o.RoomSubscriptions {
		b.subs.rooms = newRoomSet()
		b.subs.roomTopic = func(r roomKey) string { return redisadapter.BroadcastChannel(o.Prefix, r.namespace, r.room) }
	}
	return b
}

// Start connects and subscribes. It waits for the first try to connect, until
// ctx ends or the dial timeout. ctx bounds the start only: Close ends what runs.
// After an error the backplane is closed.
func (b *classic) Start(ctx context.Context, sink cluster.Sink) error {
	if err := b.claim(sink); err != nil {
		return err
	}
	// When Redis is there, what other pods publish from now on must arrive;
	// when it isn't, this is not the place to wait for it.
	patience, cancel := context.WithTimeout(ctx, b.options.DialTimeout)
	defer cancel()
	if err := b.enter(patience); err != nil {
		b.shut()
		return err
	}
	outcome := make(chan error, 1)
	b.launch(func(err error) {
		select {
		case outcome <- err:
		default:
		}
	})
	select {
	case err := <-outcome:
		if err != nil && permanent(err) {
			b.shut()
			return fmt.Errorf("connect to redis: %w", err)
		}
	case <-patience.Done():
	}
	return nil
}

// claim makes the backplane sink's, once.
func (b *classic) claim(sink cluster.Sink) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed.Load():
		return cluster.ErrClosed
	case b.sink != nil:
		return cluster.ErrStarted
	}
	b.sink = sink
	if b.subs.rooms != nil {
		b.subs.rooms.has = sink.HasRoom
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for name := range b.names {
		b.open(name)
	}
	return nil
}

// enter asks the guard whether the prefix is free. A Redis that doesn't answer
// while patience lasts is asked again by the guard's run.
func (b *classic) enter(patience context.Context) error {
	entered := make(chan error, 1)
	b.wg.Go(func() { entered <- b.guard.enter(patience) })
	select {
	case err := <-entered:
		return err
	case <-patience.Done():
		return nil
	}
}

// launch starts the goroutines; tell hears how each try to subscribe went.
func (b *classic) launch(tell func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return
	}
	b.subs.onReady = func() { b.publisher.beatNow(); tell(nil) }
	b.subs.onFail = tell
	b.wg.Go(func() { b.publisher.run(b.ctx) })
	b.wg.Go(func() { b.subs.run(b.ctx) })
	b.wg.Go(func() { b.guard.run(b.ctx) })
}

// namespaces returns those that are subscribed to.
func (b *classic) namespaces() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.names))
}

// AddNamespace subscribes to the channels of a namespace. It doesn't wait for
// Redis.
func (b *classic) AddNamespace(namespace string) error {
	if err := redisadapter.CheckName(namespace); err != nil {
		return fmt.Errorf("namespace %w", err)
	}
	if b.subs.rooms != nil && strings.Contains(namespace, "#") {
		return fmt.Errorf("namespace %q %w", namespace, errHashInName)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return cluster.ErrClosed
	}
	if b.names[namespace] {
		return nil
	}
	b.names[namespace] = true
	if b.sink != nil {
		b.open(namespace)
	}
	return nil
}

// open starts the inbox of a namespace and makes its subscriptions due: to
// requests last, since who hears those is counted as a server that answers.
func (b *classic) open(namespace string) {
	in := &inbox{
		backplane: b,
		namespace: namespace,
		own:       string(redisadapter.AppendUID(nil, b.uid))[1:],
		ownJSON:   string(redisadapter.AppendRequestHead(nil, b.uid)),
		sink:      b.sink,
		foreign:   b.guard.saw,
		queue:     queue.New[inbound](b.options.InboxMessages, b.options.InboxBytes),
	}
	prefix := b.options.Prefix
	type subscription struct {
		topic
		kind messageKind
	}
	subscriptions := []subscription{{topic{redisadapter.BroadcastPattern(prefix, namespace), true}, aBroadcast}}
	if b.subs.rooms != nil {
		subscriptions = []subscription{
			{topic{socketPattern(prefix, namespace), true}, aBroadcast},
			{topic{redisadapter.BroadcastChannel(prefix, namespace, ""), false}, aBroadcast},
		}
	}
	subscriptions = append(subscriptions, []subscription{
		{topic{redisadapter.ResponseChannel(prefix, namespace, ""), false}, aResponse},
		{topic{redisadapter.ResponseChannel(prefix, namespace, b.uid), false}, aResponse},
		{topic{redisadapter.RequestChannel(prefix, namespace), false}, aRequest},
	}...)
	inboxes, routes := maps.Clone(*b.inboxes.Load()), maps.Clone(*b.routes.Load())
	inboxes[namespace] = in
	topics := make([]topic, 0, len(subscriptions))
	for _, s := range subscriptions {
		routes[s.name] = route{in, s.kind}
		topics = append(topics, s.topic)
	}
	b.inboxes.Store(&inboxes)
	b.routes.Store(&routes)
	b.wg.Go(func() { in.run(b.ctx) })
	b.subs.add(topics...)
}

// route runs on the reader's goroutine of the subscription.
func (b *classic) route(m rueidis.PubSubMessage) {
	name := m.Pattern
	if name == "" {
		name = m.Channel
	}
	if name == b.subs.heartbeat {
		b.beat.receive(m.Message, time.Now())
		return
	}
	if r, ok := (*b.routes.Load())[name]; ok {
		r.inbox.accept(r.kind, m)
	} else if in := b.roomInbox(name); in != nil {
		in.accept(aBroadcast, m)
	} else {
		b.ignored.Add(1)
	}
}

// Status returns the health as of now.
func (b *classic) Status() cluster.Status {
	s := cluster.Status{
		Kind:          "redis-classic",
		Connected:     b.publisher.up.Load() && b.subs.up.Load(),
		Published:     b.publisher.published.Load(),
		Dropped:       b.publisher.dropped.Load(),
		Queued:        b.publisher.queued(),
		QueuedBytes:   b.publisher.outbox.Bytes(),
		QueuedFor:     b.publisher.waiting(time.Now()),
		Ignored:       b.ignored.Load(),
		Reconnects:    b.subs.reconnects.Load(),
		Subscriptions: int(b.subs.subscribed.Load()),
	}
	for _, in := range *b.inboxes.Load() {
		s.Received += in.received.Load()
		s.Overrun += in.overrun.Load()
		s.Ignored += in.ignored.Load()
	}
	rtt, problem := b.beat.check(time.Now())
	s.RTTMicros = rtt.Microseconds()
	for _, p := range []*string{b.subs.problem.Load(), b.publisher.problem.Load(), &problem} {
		if p != nil && *p != "" {
			s.Degraded, s.Reason = true, *p
			break
		}
	}
	b.guard.fill(&s)
	return s
}

// Close sends what is in the outbox until ctx ends, then disconnects. It returns
// an error when messages were left.
func (b *classic) Close(ctx context.Context) error {
	b.end()
	left := 0
	if b.running() {
		left = b.flush(ctx)
		if b.publisher.up.Load() { // without a connection, this would dial
			b.guard.leave(ctx)
		}
	}
	b.shut()
	if left > 0 {
		return fmt.Errorf("redis backplane closed with %d messages unsent", left)
	}
	return nil
}

// end takes no more messages, and ends the questions that are under way.
func (b *classic) end() {
	if !b.closed.Swap(true) {
		close(b.done)
	}
}

func (b *classic) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cancel != nil && b.ctx.Err() == nil
}

// shut ends all goroutines and connections and waits for them. It may be called
// again.
func (b *classic) shut() {
	b.end()
	b.mu.Lock()
	if b.cancel != nil {
		b.cancel()
	}
	b.mu.Unlock()
	b.connector.abort()
	b.wg.Wait()
	b.connector.close()
}

// flush waits until the outbox is empty or ctx ends.
func (b *classic) flush(ctx context.Context) (left int) {
	const poll = 5 * time.Millisecond
	b.publisher.drain()
	for left = b.publisher.queued(); left > 0; left = b.publisher.queued() {
		t := time.NewTimer(poll)
		select {
		case <-ctx.Done():
			t.Stop()
			return left
		case <-t.C:
		}
	}
	return left
}
