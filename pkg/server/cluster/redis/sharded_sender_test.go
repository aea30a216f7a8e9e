package redis

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
)

// TestPublisherKeepsForOneServer has one of two servers of a Cluster away: what is
// for it waits in its order, and the rest goes on.
func TestPublisherKeepsForOneServer(t *testing.T) {
	t.Parallel()
	f := &halfSender{away: true}
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{
			sender: f, outbox: queue.New[message](10_000, 1<<20), age: time.Hour, beat: &heartbeat{timeout: 3 * time.Second},
			channel: "heartbeat", interval: time.Second, ioTimeout: 10 * time.Second,
			kick: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler),
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { p.run(ctx) })
		defer wg.Wait()
		defer cancel()
		var here, there []string
		for i := range 3000 {
			p.push(message{channel: "here", payload: fmt.Append(nil, i)})
			p.push(message{channel: "there", payload: fmt.Append(nil, i)})
			here, there = append(here, fmt.Sprint("here ", i)), append(there, fmt.Sprint("there ", i))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		f.mu.Lock()
		if diff := cmp.Diff(here, f.got); diff != "" {
			t.Errorf("sent while one is away (-want +got):\n%s", diff)
		}
		if n := p.outbox.Len(); n != 3000 || p.problem.Load() == nil || p.dropped.Load() != 0 {
			t.Errorf("queued %d, problem %v, dropped %d; want 3000, one, 0", n, p.problem.Load(), p.dropped.Load())
		}
		f.got, f.away = nil, false
		f.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if diff := cmp.Diff(there, f.got); diff != "" {
			t.Errorf("sent when it is back (-want +got):\n%s", diff)
		}
		if n := p.published.Load(); n != 6000 || p.problem.Load() != nil {
			t.Errorf("published %d, problem %v; want 6000, none", n, p.problem.Load())
		}
	})
}

// halfSender sends to two servers, of which one may be away.
type halfSender struct {
	mu   sync.Mutex
	away bool
	got  []string
}

func (*halfSender) ping(context.Context) error { return nil }

func (f *halfSender) send(_ context.Context, batch []message) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var unsent []message
	sent := 0
	for _, m := range batch {
		switch {
		case m.channel == "there" && f.away:
			unsent = append(unsent, m)
			continue
		case m.channel != "heartbeat":
			f.got = append(f.got, m.channel+" "+string(m.payload))
		}
		sent++
	}
	if unsent != nil {
		return sent, &unsentError{messages: unsent, err: errNotConnected}
	}
	return sent, nil
}
