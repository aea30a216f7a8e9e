package feed

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is an audience that a test opens and closes.
type recorder struct {
	open atomic.Bool
	mu   sync.Mutex
	got  [][]byte
}

func (r *recorder) Listening(topic string) bool { return r.open.Load() && topic == TopicTicker }

func (r *recorder) Send(_, _ string, data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, data)
	return nil
}

func (r *recorder) events() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

func TestTickerTicksOnlyForListeners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &recorder{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			New(Options{Seed: 1}).Run(ctx, r)
		}()

		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		if n := len(r.events()); n != 0 {
			t.Errorf("%d prices while nobody listened, want 0", n)
		}
		r.open.Store(true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := len(r.events()); n != 3 {
			t.Errorf("%d prices in 3 s, want 3", n)
		}
		cancel()
		<-done

		for i, data := range r.events() {
			var p struct {
				Symbol string
				Price  float64
				Seq    int
				At     int64
			}
			if err := json.Unmarshal(data, &p); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if p.Symbol != "RTK" || p.Seq != i+1 || p.At == 0 || p.Price < 95 || p.Price > 105 {
				t.Errorf("price %d is %s", i, data)
			}
		}
	})
}

func TestWalkIsRepeatable(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1)
	a, b := New(Options{Seed: 7}), New(Options{Seed: 7})
	for range 1000 {
		x, y := string(a.next(at)), string(b.next(at))
		if x != y {
			t.Fatalf("same seed, %s and %s", x, y)
		}
	}
}
