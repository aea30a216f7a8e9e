package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// base is what a backplane is besides its adapter: its start and end, its
// namespaces, the outbox, the heartbeat and the guard of the prefix.
type base struct {
	options   Options
	uid       string
	signer    *redisadapter.Signer
	connector *connector
	beat      *heartbeat
	publisher *publisher
	guard     *guard
	pending   *pending
	done      chan struct{} // closed with the backplane
	closed    atomic.Bool
	heard     atomic.Uint64
	past      counts // of namespaces that were removed

	mu     sync.Mutex
	sink   cluster.Sink
	names  map[string]context.CancelFunc // what ends a namespace's goroutine, nil before start
	ctx    context.Context               // of the goroutines, set by start
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// init fills in all but the connections. servers counts those of a namespace.
func (b *base) init(o Options, c *connector, uid string, s sender, servers func(context.Context, string) (int, error)) {
	b.options, b.connector, b.uid = o, c, uid
	b.signer = redisadapter.NewSigner(o.SignKey, o.SignRequired)
	b.beat = &heartbeat{timeout: o.HeartbeatTimeout}
	b.names = make(map[string]context.CancelFunc)
	b.done = make(chan struct{})
	b.pending = newPending(b.done)
	b.guard = &guard{
		options: o, mark: newMark(o, uid), client: c.byKey,
		namespaces: b.namespaces, servers: servers, log: o.Logger,
	}
	b.publisher = &publisher{
		sender:    s,
		outbox:    queue.New[message](o.OutboxMessages, o.OutboxBytes),
		age:       o.OutboxAge,
		beat:      b.beat,
		channel:   o.Prefix + "-rtk-heartbeat#" + uid + "#",
		interval:  o.HeartbeatInterval,
		ioTimeout: o.IOTimeout,
		onLost:    func() { b.pending.fail(errAway) },
		moves:     c.dialer.Moves,
		kick:      make(chan struct{}, 1),
		log:       o.Logger,
	}
}

// start is Backplane.Start. open takes a namespace in until its context ends, launch starts the
// adapter's goroutines in wg; tell hears how each try to subscribe went.
func (b *base) start(ctx context.Context, sink cluster.Sink, open func(ctx context.Context, namespace string), launch func(tell func(error))) error {
	if err := b.claim(sink, open); err != nil {
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
	b.launch(launch, func(err error) {
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
func (b *base) claim(sink cluster.Sink, open func(ctx context.Context, namespace string)) error {
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
		b.begin(name, open)
	}
	return nil
}

// begin takes a namespace in. mu is held.
func (b *base) begin(namespace string, open func(ctx context.Context, namespace string)) {
	ctx, cancel := context.WithCancel(b.ctx)
	b.names[namespace] = cancel
	open(ctx, namespace)
}

// enter asks the guard whether the prefix is free. A Redis that doesn't answer
// while patience lasts is asked again by the guard's run.
func (b *base) enter(patience context.Context) error {
	entered := make(chan error, 1)
	b.wg.Go(func() { entered <- b.guard.enter(patience) })
	select {
	case err := <-entered:
		return err
	case <-patience.Done():
		return nil
	}
}

func (b *base) launch(start func(tell func(error)), tell func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return
	}
	start(tell)
	b.wg.Go(func() { b.publisher.run(b.ctx) })
	b.wg.Go(func() { b.guard.run(b.ctx) })
}

// namespaces returns those that are subscribed to.
func (b *base) namespaces() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.names))
}

// addNamespace is Backplane.AddNamespace.
func (b *base) addNamespace(namespace string, open func(ctx context.Context, namespace string)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return cluster.ErrClosed
	}
	if _, has := b.names[namespace]; has {
		return nil
	}
	b.names[namespace] = nil
	if b.sink != nil {
		b.begin(namespace, open)
	}
	return nil
}

// removeNamespace is Backplane.RemoveNamespace. drop takes a namespace out that
// open has taken in.
func (b *base) removeNamespace(namespace string, drop func(namespace string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	cancel, has := b.names[namespace]
	if !has {
		return
	}
	delete(b.names, namespace)
	if cancel != nil {
		drop(namespace)
		cancel()
	}
}

// counts are those of the inboxes of namespaces: what a status says must not go
// back when one is removed.
type counts struct{ received, overrun, ignored atomic.Uint64 }

func (c *counts) add(o *counts) {
	c.received.Add(o.received.Load())
	c.overrun.Add(o.overrun.Load())
	c.ignored.Add(o.ignored.Load())
}

func (c *counts) fill(s *cluster.Status) {
	s.Received += c.received.Load()
	s.Overrun += c.overrun.Load()
	s.Ignored += c.ignored.Load()
}

// post signs a message and puts it in the outbox. encoding is the error of
// making it.
func (b *base) post(m message, encoding error) {
	err := encoding
	if err == nil {
		m.payload, err = b.signer.Sign(m.channel, m.payload)
	}
	if err != nil {
		b.publisher.dropped.Add(1)
		b.options.Logger.Error("message can't be published", "channel", m.channel, "error", err)
		return
	}
	if b.closed.Load() {
		b.publisher.dropped.Add(1)
		return
	}
	b.publisher.push(m)
}

// fill puts into a status what the base knows; problem is the adapter's own.
func (b *base) fill(s *cluster.Status, problem *string) {
	now := time.Now()
	s.Published = b.publisher.published.Load()
	s.Heard += b.heard.Load()
	b.past.fill(s)
	s.Dropped += b.publisher.dropped.Load()
	s.Queued = b.publisher.queued()
	s.QueuedBytes = b.publisher.outbox.Bytes()
	s.QueuedFor = b.publisher.waiting(now)
	rtt, silence := b.beat.check(now)
	s.RTTMicros = rtt.Microseconds()
	for _, p := range []*string{problem, b.publisher.problem.Load(), &silence} {
		if p != nil && *p != "" {
			s.Degraded, s.Reason = true, *p
			break
		}
	}
	b.guard.fill(s)
}

// Close sends what is in the outbox until ctx ends, then disconnects. It returns
// an error when messages were left.
func (b *base) Close(ctx context.Context) error {
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
func (b *base) end() {
	if !b.closed.Swap(true) {
		close(b.done)
	}
}

func (b *base) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cancel != nil && b.ctx.Err() == nil
}

// shut ends all goroutines and connections and waits for them. It may be called
// again.
func (b *base) shut() {
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
func (b *base) flush(ctx context.Context) (left int) {
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
