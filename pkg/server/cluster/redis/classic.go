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

// classic implements cluster.Backplane over the classic adapter. Its goroutines
// are the publisher, the subscriber and one inbox for each namespace; Close ends
// them all.
//
// One uid names the pod in all namespaces, where Node has one for each: the
// channels that it is compared on have the namespace in their names.
type classic struct {
	base
	subs *subscriber

	// inboxes and routes are replaced, never changed, so that the reader takes
	// no lock.
	inboxes atomic.Pointer[map[string]*inbox] // by namespace
	routes  atomic.Pointer[map[string]route]  // by pattern or channel
	ignored atomic.Uint64                     // outside any inbox
}

// route says whose a subscription's messages are, and what they are.
type route struct {
	inbox *inbox
	kind  messageKind
}

var _ cluster.Backplane = (*classic)(nil)

func newClassic(o Options, c *connector) *classic {
	b := new(classic)
	b.init(o, c, newUID(), &redisSender{connector: c}, b.Servers)
	b.inboxes.Store(&map[string]*inbox{})
	b.routes.Store(&map[string]route{})
	b.subs = &subscriber{
		connector: c,
		heartbeat: b.publisher.channel,
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

// Start implements cluster.Backplane.
func (b *classic) Start(ctx context.Context, sink cluster.Sink) error {
	return b.start(ctx, sink, b.open, func(tell func(error)) {
		if b.subs.rooms != nil {
			b.subs.rooms.has = sink.HasRoom
		}
		b.subs.onReady = func() { b.publisher.beatNow(); tell(nil) }
		b.subs.onFail = tell
		b.wg.Go(func() { b.subs.run(b.ctx) })
	})
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
	return b.addNamespace(namespace, b.open)
}

// RemoveNamespace implements cluster.Backplane.
func (b *classic) RemoveNamespace(namespace string) { b.removeNamespace(namespace, b.drop) }

// open starts the inbox of a namespace and makes its subscriptions due: to
// requests last, since who hears those is counted as a server that answers.
func (b *classic) open(ctx context.Context, namespace string) {
	in := &inbox{
		backplane: b,
		namespace: namespace,
		own:       string(redisadapter.AppendUID(nil, b.uid))[1:],
		ownJSON:   string(redisadapter.AppendRequestHead(nil, b.uid)),
		sink:      b.sink,
		foreign:   b.guard.saw,
		queue:     queue.New[inbound](b.options.InboxMessages, b.options.InboxBytes),
	}
	subscriptions := b.subscriptions(namespace)
	inboxes, routes := maps.Clone(*b.inboxes.Load()), maps.Clone(*b.routes.Load())
	inboxes[namespace] = in
	topics := make([]topic, 0, len(subscriptions))
	for _, s := range subscriptions {
		routes[s.name] = route{in, s.kind}
		topics = append(topics, s.topic)
	}
	b.inboxes.Store(&inboxes)
	b.routes.Store(&routes)
	b.wg.Go(func() { in.run(ctx) })
	b.subs.add(topics...)
}

// drop undoes open.
func (b *classic) drop(namespace string) {
	inboxes, routes := maps.Clone(*b.inboxes.Load()), maps.Clone(*b.routes.Load())
	in := inboxes[namespace]
	delete(inboxes, namespace)
	var topics []topic
	for _, s := range b.subscriptions(namespace) {
		delete(routes, s.name)
		topics = append(topics, s.topic)
	}
	b.past.add(&in.counts)
	b.inboxes.Store(&inboxes)
	b.routes.Store(&routes)
	b.subs.remove(topics...)
}

// subscription is one of a namespace, and what it brings.
type subscription struct {
	topic
	kind messageKind
}

// subscriptions are those of a namespace in the order in which they are made.
func (b *classic) subscriptions(namespace string) []subscription {
	prefix := b.options.Prefix
	list := []subscription{{topic{redisadapter.BroadcastPattern(prefix, namespace), true}, aBroadcast}}
	if b.subs.rooms != nil {
		list = []subscription{
			{topic{socketPattern(prefix, namespace), true}, aBroadcast},
			{topic{redisadapter.BroadcastChannel(prefix, namespace, ""), false}, aBroadcast},
		}
	}
	return append(list,
		subscription{topic{redisadapter.ResponseChannel(prefix, namespace, ""), false}, aResponse},
		subscription{topic{redisadapter.ResponseChannel(prefix, namespace, b.uid), false}, aResponse},
		subscription{topic{redisadapter.RequestChannel(prefix, namespace), false}, aRequest},
	)
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
	b.heard.Add(1)
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
