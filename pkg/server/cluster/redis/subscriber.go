package redis

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// topic is what can be subscribed to.
type topic struct {
	name    string
	pattern bool // PSUBSCRIBE
}

// subscriber owns the one connection that all subscriptions are on: one reader,
// so that a publisher's order holds.
type subscriber struct {
	connector *connector
	heartbeat string // channel
	ioTimeout time.Duration
	rooms     *roomSet                    // nil unless rooms have subscriptions of their own
	roomTopic func(roomKey) string        // the channel of a room
	onMessage func(rueidis.PubSubMessage) // on the reader's goroutine: must be quick
	onReady   func()                      // after each time that all subscriptions are in force
	onFail    func(error)                 // after each try that failed
	onLost    func()                      // when subscriptions that were in force are not any more
	log       *slog.Logger

	mu     sync.Mutex
	topics []topic // in the order they came
	taken  int     // how many of them the present connection has been told of
	gone   []topic // that it has been told of and must not have any more
	added  chan struct{}

	up         atomic.Bool
	subscribed atomic.Int64 // topics in force
	problem    atomic.Pointer[string]
	reconnects atomic.Uint64
}

// subscribeAtOnce bounds the names in one command, so that a pod of many
// namespaces doesn't stall Redis.
const subscribeAtOnce = 128

// Rooms are subscribed to in batches. Many of them, after a reconnect, have
// pauses of random length between, so that all pods together don't keep Redis
// from its other work.
const (
	roomsAtOnce  = 512
	roomPause    = 10 * time.Millisecond
	roomsNoPause = 8 * roomsAtOnce
)

// add makes the subscriptions to topics due, which are taken in this order.
func (s *subscriber) add(topics ...topic) {
	s.mu.Lock()
	s.topics = append(s.topics, topics...)
	s.mu.Unlock()
	s.signal()
}

// remove takes back what add did.
func (s *subscriber) remove(topics ...topic) {
	s.mu.Lock()
	for _, t := range topics {
		i := slices.Index(s.topics, t)
		if i < 0 {
			continue
		}
		s.topics = slices.Delete(s.topics, i, i+1)
		if i < s.taken {
			s.taken--
			s.gone = append(s.gone, t)
		}
	}
	s.mu.Unlock()
	s.signal()
}

func (s *subscriber) signal() {
	select {
	case s.added <- struct{}{}:
	default:
	}
}

// restart is called for a new connection, which has nothing.
func (s *subscriber) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken, s.gone = 0, nil
}

// due returns what the connection must be told next: topics to give up, or else
// some to subscribe to. It counts them as told: when that fails, so does the
// connection.
func (s *subscriber) due() (add, remove []topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gone) > 0 {
		remove, s.gone = s.gone, nil
		return nil, remove
	}
	for _, t := range s.topics[s.taken:] {
		if len(add) == subscribeAtOnce || len(add) > 0 && t.pattern != add[0].pattern {
			break
		}
		add = append(add, t)
	}
	s.taken += len(add)
	return add, nil
}

// run keeps the subscriptions until ctx ends.
func (s *subscriber) run(ctx context.Context) {
	var b backoff
	for first := true; ; {
		err := s.session(ctx, func() {
			b.reset()
			if !first {
				s.reconnects.Add(1)
			}
			first = false
			s.problem.Store(nil)
			s.up.Store(true)
			s.onReady()
		})
		wasUp := s.up.Swap(false)
		s.subscribed.Store(0)
		if ctx.Err() != nil {
			return
		}
		text := "subscribe: " + reason(err)
		s.problem.Store(&text)
		if wasUp {
			s.onLost()
			s.log.Warn("redis subscription lost", "error", text)
		} else {
			s.onFail(err)
		}
		if !b.wait(ctx) {
			return
		}
	}
}

// session subscribes on a connection of its own and returns when that is lost.
func (s *subscriber) session(ctx context.Context, ready func()) error {
	var add []roomKey
	if s.rooms != nil {
		add = s.rooms.restart(time.Now())
	}
	client, err := s.connector.get()
	if err != nil {
		return err
	}
	conn, release := client.Dedicate()
	defer release()
	defer conn.Close()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: s.onMessage})
	if err := s.do(ctx, conn, conn.B().Subscribe().Channel(s.heartbeat).Build()); err != nil {
		return err
	}
	s.restart()
	for done := 0; ; {
		for {
			more, fewer := s.due()
			if len(more)+len(fewer) == 0 {
				break
			}
			if err := s.change(ctx, conn, more, fewer); err != nil {
				return err
			}
			done += len(more) - len(fewer)
			s.subscribed.Store(int64(done))
		}
		if s.rooms != nil {
			if err := s.follow(ctx, conn, add); err != nil {
				return err
			}
			add = nil
			s.subscribed.Store(int64(done + s.rooms.size()))
		}
		ready()
		ready = func() {}
		if err := s.rest(ctx, lost); err != nil {
			return err
		}
	}
}

// rest waits until a subscription is due or the connection is lost.
func (s *subscriber) rest(ctx context.Context, lost <-chan error) error {
	var changed <-chan struct{}
	var expires <-chan time.Time
	if s.rooms != nil {
		changed = s.rooms.changed
		if d, ok := s.rooms.wait(time.Now()); ok {
			t := time.NewTimer(d)
			defer t.Stop()
			expires = t.C
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-lost:
		if err == nil {
			err = rueidis.ErrClosing
		}
		return err
	case <-s.added:
	case <-changed:
	case <-expires:
	}
	return nil
}

// follow subscribes to rooms, those that must be and those that have changed,
// and unsubscribes from those that nobody has been in for a while.
func (s *subscriber) follow(ctx context.Context, conn rueidis.DedicatedClient, add []roomKey) error {
	pause := len(add) > roomsNoPause
	add = append(add, s.rooms.settle(time.Now())...)
	for len(add) > 0 {
		n := min(len(add), roomsAtOnce)
		if err := s.do(ctx, conn, conn.B().Subscribe().Channel(s.channels(add[:n])...).Build()); err != nil {
			return err
		}
		s.rooms.confirm(add[:n])
		if add = add[n:]; pause && len(add) > 0 && !sleep(ctx, rand.N(roomPause)) {
			return ctx.Err()
		}
	}
	remove := s.rooms.expired(time.Now())
	for len(remove) > 0 {
		n := min(len(remove), roomsAtOnce)
		if err := s.do(ctx, conn, conn.B().Unsubscribe().Channel(s.channels(remove[:n])...).Build()); err != nil {
			return err
		}
		remove = remove[n:]
	}
	return nil
}

func (s *subscriber) channels(rooms []roomKey) []string {
	names := make([]string, len(rooms))
	for i, r := range rooms {
		names[i] = s.roomTopic(r)
	}
	return names
}

// change subscribes to topics, of which all are patterns or none, and gives up
// others.
func (s *subscriber) change(ctx context.Context, conn rueidis.DedicatedClient, more, fewer []topic) error {
	if names := namesOf(more, false); len(names) > 0 {
		return s.do(ctx, conn, conn.B().Subscribe().Channel(names...).Build())
	}
	if names := namesOf(more, true); len(names) > 0 {
		return s.do(ctx, conn, conn.B().Psubscribe().Pattern(names...).Build())
	}
	for names := range slices.Chunk(namesOf(fewer, false), subscribeAtOnce) {
		if err := s.do(ctx, conn, conn.B().Unsubscribe().Channel(names...).Build()); err != nil {
			return err
		}
	}
	for names := range slices.Chunk(namesOf(fewer, true), subscribeAtOnce) {
		if err := s.do(ctx, conn, conn.B().Punsubscribe().Pattern(names...).Build()); err != nil {
			return err
		}
	}
	return nil
}

func namesOf(topics []topic, patterns bool) (names []string) {
	for _, t := range topics {
		if t.pattern == patterns {
			names = append(names, t.name)
		}
	}
	return names
}

func (s *subscriber) do(ctx context.Context, conn rueidis.DedicatedClient, cmd rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(ctx, s.ioTimeout)
	defer cancel()
	return conn.Do(ctx, cmd).Error()
}
