package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

const (
	flushDelay = 100 * time.Microsecond
	keepAlive  = time.Second // a connection that was quiet for so long is pinged
)

// backplane implements cluster.Backplane. Its goroutines are the publisher, the
// subscriber and one inbox for each namespace; Close ends them all.
type backplane struct {
	options   Options
	uid       string
	connector *connector
	beat      *heartbeat
	publisher *publisher
	subs      *subscriber
	guard     *guard

	// inboxes is replaced, never changed, so that the reader takes no lock.
	inboxes atomic.Pointer[map[string]*inbox] // by pattern
	ignored atomic.Uint64                     // outside any inbox
	closed  atomic.Bool

	mu     sync.Mutex
	sink   cluster.Sink
	names  map[string]bool
	ctx    context.Context // of the goroutines, set by Start
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var _ cluster.Backplane = (*backplane)(nil)

// New makes a backplane. It checks the options and doesn't connect.
func New(o Options) (cluster.Backplane, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	option, err := clientOption(o)
	if err != nil {
		return nil, err
	}
	b := &backplane{
		options:   o,
		uid:       newUID(),
		connector: newConnector(option),
		beat:      &heartbeat{timeout: o.HeartbeatTimeout},
		names:     make(map[string]bool),
	}
	b.guard = &guard{
		options: o, mark: newMark(o, b.uid), client: b.connector.get,
		namespaces: b.namespaces, servers: b.Servers, log: o.Logger,
	}
	b.inboxes.Store(&map[string]*inbox{})
	heartbeatChannel := o.Prefix + "-rtk-heartbeat#" + b.uid + "#"
	b.publisher = &publisher{
		sender:    &redisSender{connector: b.connector},
		outbox:    queue.New[message](o.OutboxMessages, o.OutboxBytes),
		beat:      b.beat,
		channel:   heartbeatChannel,
		interval:  o.HeartbeatInterval,
		ioTimeout: o.IOTimeout,
		kick:      make(chan struct{}, 1),
		log:       o.Logger,
	}
	b.subs = &subscriber{
		connector: b.connector,
		heartbeat: heartbeatChannel,
		ioTimeout: o.IOTimeout,
		onMessage: b.route,
		onLost:    b.beat.lost,
		log:       o.Logger,
		added:     make(chan struct{}, 1),
	}
	return b, nil
}

// Start connects and subscribes. It waits for the first try to connect, until
// ctx ends or the dial timeout. ctx bounds the start only: Close ends what runs.
// After an error the backplane is closed.
func (b *backplane) Start(ctx context.Context, sink cluster.Sink) error {
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
func (b *backplane) claim(sink cluster.Sink) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed.Load():
		return cluster.ErrClosed
	case b.sink != nil:
		return cluster.ErrStarted
	}
	b.sink = sink
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for name := range b.names {
		b.open(name)
	}
	return nil
}

// enter asks the guard whether the prefix is free. A Redis that doesn't answer
// while patience lasts is asked again by the guard's run.
func (b *backplane) enter(patience context.Context) error {
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
func (b *backplane) launch(tell func(error)) {
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
func (b *backplane) namespaces() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.names))
}

// AddNamespace subscribes to the broadcasts of a namespace. It doesn't wait for
// Redis.
func (b *backplane) AddNamespace(namespace string) error {
	if err := redisadapter.CheckName(namespace); err != nil {
		return fmt.Errorf("namespace %w", err)
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

// open starts the inbox of a namespace and makes its subscription due.
func (b *backplane) open(namespace string) {
	in := &inbox{
		prefix:    b.options.Prefix,
		namespace: namespace,
		own:       string(redisadapter.AppendUID(nil, b.uid)),
		sink:      b.sink,
		foreign:   b.guard.saw,
		queue:     queue.New[string](b.options.InboxMessages, b.options.InboxBytes),
	}
	pattern := redisadapter.BroadcastPattern(b.options.Prefix, namespace)
	next := make(map[string]*inbox, len(*b.inboxes.Load())+1)
	for k, v := range *b.inboxes.Load() {
		next[k] = v
	}
	next[pattern] = in
	b.inboxes.Store(&next)
	b.wg.Go(func() { in.run(b.ctx) })
	b.subs.add(pattern)
}

// route runs on the reader's goroutine of the subscription.
func (b *backplane) route(m rueidis.PubSubMessage) {
	if m.Pattern == "" && m.Channel == b.subs.heartbeat {
		b.beat.receive(m.Message, time.Now())
		return
	}
	if in := (*b.inboxes.Load())[m.Pattern]; in != nil {
		in.accept(m)
		return
	}
	b.ignored.Add(1)
}

// Publish encodes the broadcast and puts it in the outbox.
func (b *backplane) Publish(m *cluster.Broadcast) {
	if b.closed.Load() {
		b.publisher.dropped.Add(1)
		return
	}
	room := ""
	if len(m.Rooms) == 1 {
		room = m.Rooms[0]
	}
	payload, err := redisadapter.AppendBroadcast(make([]byte, 0, m.Size()), &redisadapter.Broadcast{
		UID:         b.uid,
		Namespace:   m.Namespace,
		Rooms:       m.Rooms,
		Except:      m.Except,
		Args:        m.Args,
		Attachments: m.Attachments,
		Volatile:    m.Volatile,
		Compress:    m.Compress,
		NoCompress:  m.NoCompress,
	})
	if err != nil {
		b.publisher.dropped.Add(1)
		b.options.Logger.Error("broadcast can't be published", "namespace", m.Namespace, "error", err)
		return
	}
	b.publisher.push(message{
		channel:  redisadapter.BroadcastChannel(b.options.Prefix, m.Namespace, room),
		payload:  payload,
		volatile: m.Volatile,
	})
}

// Send implements cluster.Backplane.
func (b *backplane) Send(*cluster.Command) {}

// Ask implements cluster.Backplane.
func (b *backplane) Ask(context.Context, *cluster.Query, func(*cluster.Answer)) error { return nil }

// Servers implements cluster.Backplane.
func (b *backplane) Servers(context.Context, string) (int, error) { return 1, nil }

// Status returns the health as of now.
func (b *backplane) Status() cluster.Status {
	s := cluster.Status{
		Kind:       "redis-classic",
		Connected:  b.publisher.up.Load() && b.subs.up.Load(),
		Published:  b.publisher.published.Load(),
		Dropped:    b.publisher.dropped.Load(),
		Queued:     b.publisher.queued(),
		Ignored:    b.ignored.Load(),
		Reconnects: b.subs.reconnects.Load(),
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
func (b *backplane) Close(ctx context.Context) error {
	b.closed.Store(true)
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

func (b *backplane) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cancel != nil && b.ctx.Err() == nil
}

// shut ends all goroutines and connections and waits for them. It may be called
// again.
func (b *backplane) shut() {
	b.closed.Store(true)
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
func (b *backplane) flush(ctx context.Context) (left int) {
	const poll = 5 * time.Millisecond
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

// newUID makes the pod's name in the messages: six characters, as Node's uid2
// makes them.
func newUID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b[:])
}
