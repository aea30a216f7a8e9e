package server

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// deadline is a wheel entry that notes when it fired.
type deadline struct {
	wheelEntry
	w     *wheel
	mu    sync.Mutex
	fired []time.Duration
}

func (d *deadline) fire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fired = append(d.fired, d.w.now())
}

func (d *deadline) times() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fired
}

// spin runs a wheel in a bubble.
func spin(t *testing.T, fn func(w *wheel, entry func() *deadline)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		w := newWheel()
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.run(stop)
		}()
		fn(w, func() *deadline {
			d := &deadline{w: w}
			d.owner = d
			return d
		})
		close(stop)
		<-done
	})
}

func TestWheel(t *testing.T) {
	t.Parallel()
	t.Run("fires once, not early and at most a tick late", func(t *testing.T) {
		t.Parallel()
		spin(t, func(w *wheel, entry func() *deadline) {
			rng := rand.New(rand.NewPCG(1, 2))
			want := map[*deadline]time.Duration{}
			for range 1000 {
				d := entry()
				// Beyond one turn of the wheel too, and armed at odd times.
				want[d] = w.now() + time.Duration(rng.Int64N(int64(90*time.Second)))
				w.arm(&d.wheelEntry, want[d])
				time.Sleep(time.Duration(rng.Int64N(int64(10 * time.Millisecond))))
			}
			time.Sleep(2 * time.Minute)
			for d, at := range want {
				got := d.times()
				if len(got) != 1 || got[0] < at || got[0] > at+2*wheelTick {
					t.Errorf("due %v, fired %v", at, got)
				}
			}
		})
	})
	t.Run("the earlier of two deadlines holds", func(t *testing.T) {
		t.Parallel()
		spin(t, func(w *wheel, entry func() *deadline) {
			d := entry()
			w.arm(&d.wheelEntry, time.Hour)
			w.arm(&d.wheelEntry, time.Second)
			w.arm(&d.wheelEntry, time.Minute)
			time.Sleep(2 * time.Hour)
			if got := d.times(); len(got) != 1 || got[0].Round(100*time.Millisecond) != time.Second {
				t.Errorf("fired %v, want 1s", got)
			}
		})
	})
	t.Run("disarmed", func(t *testing.T) {
		t.Parallel()
		spin(t, func(w *wheel, entry func() *deadline) {
			d, other := entry(), entry()
			w.arm(&d.wheelEntry, time.Second)
			w.arm(&other.wheelEntry, time.Second)
			w.disarm(&d.wheelEntry)
			w.disarm(&d.wheelEntry)
			time.Sleep(time.Minute)
			if len(d.times()) != 0 || len(other.times()) != 1 {
				t.Errorf("fired %v and %v, want the second only", d.times(), other.times())
			}
		})
	})
	t.Run("a deadline in the past fires at once", func(t *testing.T) {
		t.Parallel()
		spin(t, func(w *wheel, entry func() *deadline) {
			time.Sleep(time.Hour)
			d := entry()
			w.arm(&d.wheelEntry, time.Second)
			time.Sleep(2 * wheelTick)
			if len(d.times()) != 1 {
				t.Errorf("fired %v", d.times())
			}
		})
	})
}
