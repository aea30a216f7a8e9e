package redis

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// subscriber owns the one connection that all subscriptions are on: one reader,
// so that a publisher's order holds.
type subscriber struct {
	connector *connector
	heartbeat string // channel
	ioTimeout time.Duration
	onMessage func(rueidis.PubSubMessage) // on the reader's goroutine: must be quick
	onReady   func()                      // after each time that all subscriptions are in force
	onFail    func(error)                 // after each try that failed
	onLost    func()                      // when subscriptions that were in force are not any more
	log       *slog.Logger

	mu       sync.Mutex
	patterns []string // in the order they came
	added    chan struct{}

	up         atomic.Bool
	problem    atomic.Pointer[string]
	reconnects atomic.Uint64
}

// subscribeAtOnce bounds the names in one command, so that a pod of many
// namespaces doesn't stall Redis.
const subscribeAtOnce = 128

// add makes the subscription to a pattern due.
func (s *subscriber) add(pattern string) {
	s.mu.Lock()
	s.patterns = append(s.patterns, pattern)
	s.mu.Unlock()
	select {
	case s.added <- struct{}{}:
	default:
	}
}

// from returns the patterns after the first n.
func (s *subscriber) from(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.patterns[n:len(s.patterns):len(s.patterns)]
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
	done := 0
	for {
		names := s.from(done)
		for len(names) > 0 {
			n := min(len(names), subscribeAtOnce)
			if err := s.do(ctx, conn, conn.B().Psubscribe().Pattern(names[:n]...).Build()); err != nil {
				return err
			}
			names, done = names[n:], done+n
		}
		ready()
		ready = func() {}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			if err == nil {
				err = rueidis.ErrClosing
			}
			return err
		case <-s.added:
		}
	}
}

func (s *subscriber) do(ctx context.Context, conn rueidis.DedicatedClient, cmd rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(ctx, s.ioTimeout)
	defer cancel()
	return conn.Do(ctx, cmd).Error()
}
