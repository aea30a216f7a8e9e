package redis

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
)

// fakeSender is a Redis that can be away, break, stall or refuse.
type fakeSender struct {
	mu      sync.Mutex
	away    bool  // no connection
	fail    error // the send of a message b fails
	stall   bool  // sends wait for their context
	refuse  error // an error answer to every message
	pings   int
	beats   int
	got     []string
	batches int
}

func (f *fakeSender) ping(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pings++
	if f.away {
		return errors.New("connection refused")
	}
	return nil
}

func (f *fakeSender) send(ctx context.Context, batch []message) (int, error) {
	f.mu.Lock()
	stall := f.stall
	f.mu.Unlock()
	if stall {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches++
	switch {
	case f.away:
		return 0, errNotConnected
	case f.refuse != nil:
		return 0, f.refuse
	}
	for i, m := range batch {
		if f.fail != nil && string(m.payload) == "b" {
			err := f.fail
			f.fail = nil
			return i, err
		}
		if m.channel == "beat" {
			f.beats++
			continue
		}
		f.got = append(f.got, string(m.payload))
	}
	return len(batch), nil
}

// set changes the fake while the publisher runs.
func (f *fakeSender) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// publish runs a publisher over the fake in a bubble of its own time.
func publish(t *testing.T, f *fakeSender, test func(t *testing.T, p *publisher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{
			sender: f, outbox: queue.New[message](4, 1000), age: time.Hour, beat: &heartbeat{timeout: 3 * time.Second},
			channel: "beat", interval: time.Second, ioTimeout: 10 * time.Second,
			kick: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler),
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.run(ctx) }()
		test(t, p)
		cancel()
		<-done
	})
}

func text(s string) message { return message{channel: "c", payload: []byte(s)} }

func TestPublisherSendsAtOnce(t *testing.T) {
	t.Parallel()
	f := &fakeSender{}
	publish(t, f, func(t *testing.T, p *publisher) {
		synctest.Wait()
		if f.beats != 1 {
			t.Errorf("%d heartbeats at the start, want 1", f.beats)
		}
		p.push(text("a"))
		p.push(message{channel: "c", payload: []byte("v"), volatile: true})
		synctest.Wait()
		if diff := cmp.Diff([]string{"a", "v"}, f.got); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if f.beats != 6 {
			t.Errorf("%d heartbeats after 5 s, want 6", f.beats)
		}
		p.beatNow()
		synctest.Wait()
		if f.beats != 7 {
			t.Errorf("%d heartbeats after a kick, want 7", f.beats)
		}
		if p.published.Load() != 2 || p.dropped.Load() != 0 {
			t.Errorf("published %d, dropped %d; want 2, 0: heartbeats don't count", p.published.Load(), p.dropped.Load())
		}
	})
}

func TestPublisherKeepsWhatWaits(t *testing.T) {
	t.Parallel()
	f := &fakeSender{away: true}
	publish(t, f, func(t *testing.T, p *publisher) {
		time.Sleep(time.Minute)
		synctest.Wait()
		if f.batches != 0 {
			t.Errorf("%d sends without a connection", f.batches)
		}
		if f.pings < 60 || f.pings > 130 {
			t.Errorf("%d tries to connect in a minute, want a backoff to one in 0.5 to 1 s", f.pings)
		}
		for _, s := range []string{"a", "b", "c", "d", "e", "f"} {
			p.push(text(s))
		}
		p.push(message{channel: "c", payload: []byte("v"), volatile: true})
		if why := p.problem.Load(); why == nil || !strings.Contains(*why, "refused") {
			t.Errorf("problem %v, want the refusal", why)
		}
		f.set(func() { f.away = false })
		time.Sleep(maxBackoff)
		synctest.Wait()
		f.set(func() {
			if len(f.got) > 0 {
				t.Errorf("sent %q before the other pods are back", f.got)
			}
		})
		time.Sleep(returnGrace)
		synctest.Wait()
		if diff := cmp.Diff([]string{"c", "d", "e", "f"}, f.got); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if p.dropped.Load() != 3 || p.problem.Load() != nil || p.queued() != 0 {
			t.Errorf("dropped %d, problem %v, queued %d; want 2 for the outbox and a volatile one, none, 0", p.dropped.Load(), p.problem.Load(), p.queued())
		}
	})
}

// TestPublisherNoticesLoss has the connection gone when a batch is due: nothing
// was sent, so nothing is lost.
func TestPublisherNoticesLoss(t *testing.T) {
	t.Parallel()
	f := &fakeSender{}
	publish(t, f, func(t *testing.T, p *publisher) {
		synctest.Wait()
		f.set(func() { f.away = true })
		p.push(text("a"))
		p.push(text("b"))
		synctest.Wait()
		if p.up.Load() || p.queued() != 2 {
			t.Errorf("up %v, queued %d; want false, 2", p.up.Load(), p.queued())
		}
		p.push(text("c"))
		f.set(func() { f.away = false })
		time.Sleep(maxBackoff)
		synctest.Wait()
		f.set(func() {
			if len(f.got) > 0 {
				t.Errorf("sent %q before the other pods are back", f.got)
			}
		})
		time.Sleep(returnGrace)
		synctest.Wait()
		if diff := cmp.Diff([]string{"a", "b", "c"}, f.got); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if p.dropped.Load() != 0 {
			t.Errorf("dropped %d, want 0", p.dropped.Load())
		}
	})
}

// TestPublisherSendsNothingTwice breaks the connection amid a batch: Redis may
// have had the rest, so it counts as lost.
func TestPublisherSendsNothingTwice(t *testing.T) {
	t.Parallel()
	f := &fakeSender{}
	publish(t, f, func(t *testing.T, p *publisher) {
		synctest.Wait()
		f.set(func() { f.fail = errors.New("connection reset") })
		p.push(text("a"))
		p.push(text("b"))
		synctest.Wait()
		p.push(text("c"))
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"a", "c"}, f.got); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if p.published.Load() != 2 || p.dropped.Load() != 1 {
			t.Errorf("published %d, dropped %d; want 2, 1", p.published.Load(), p.dropped.Load())
		}
	})
}

func TestPublisherGivesUpAStall(t *testing.T) {
	t.Parallel()
	f := &fakeSender{}
	publish(t, f, func(t *testing.T, p *publisher) {
		synctest.Wait()
		f.set(func() { f.stall = true })
		p.push(text("a"))
		time.Sleep(9 * time.Second)
		if p.queued() != 1 || p.dropped.Load() != 0 {
			t.Errorf("queued %d, dropped %d amid a stall; want 1, 0", p.queued(), p.dropped.Load())
		}
		f.set(func() { f.away = true }) // the next connect fails, so that the problem stays to be seen
		time.Sleep(time.Second)
		synctest.Wait()
		if p.up.Load() || p.dropped.Load() != 1 || p.problem.Load() == nil {
			t.Errorf("up %v, dropped %d, problem %v; want false, 1, a problem", p.up.Load(), p.dropped.Load(), p.problem.Load())
		}
	})
}

// TestPublisherRefused has Redis answer with errors: another connection would
// hear the same, so this one is kept.
func TestPublisherRefused(t *testing.T) {
	t.Parallel()
	f := &fakeSender{}
	publish(t, f, func(t *testing.T, p *publisher) {
		synctest.Wait()
		f.set(func() { f.refuse = new(rueidis.RedisError) })
		p.push(text("a"))
		synctest.Wait()
		if !p.up.Load() || p.dropped.Load() != 1 || p.problem.Load() == nil || f.pings != 1 {
			t.Errorf("up %v, dropped %d, problem %v, %d connects; want true, 1, a problem, 1", p.up.Load(), p.dropped.Load(), p.problem.Load(), f.pings)
		}
		f.set(func() { f.refuse = nil })
		time.Sleep(time.Second)
		synctest.Wait()
		if p.problem.Load() != nil {
			t.Errorf("problem %q after a heartbeat that went well", *p.problem.Load())
		}
	})
}
