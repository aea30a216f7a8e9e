package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// beat is the heartbeat that one connection expects from its server.
type beat struct {
	last   atomic.Int64  // Unix nanoseconds of the last one
	limit  time.Duration // longest time without one
	expire func()        // ends the connection, must not block
}

func (b *beat) touch(at time.Time) { b.last.Store(at.UnixNano()) }

func (b *beat) deadline() time.Time { return time.Unix(0, b.last.Load()).Add(b.limit) }

// minSweep bounds how often the watch looks at all connections.
const minSweep = 10 * time.Millisecond

// heartbeats watches the heartbeats of all connections with one goroutine and
// one timer. A heartbeat only moves a deadline further away, so the watch sleeps
// until the earliest deadline it saw and looks again. The goroutine runs while
// there are connections.
type heartbeats struct {
	mu      sync.Mutex
	beats   map[*beat]struct{}
	next    time.Time     // when the watch looks again
	poke    chan struct{} // look now; buffered, so that nobody waits
	running bool
}

func (w *heartbeats) add(b *beat) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.beats == nil {
		w.beats, w.poke = map[*beat]struct{}{}, make(chan struct{}, 1)
	}
	w.beats[b] = struct{}{}
	switch {
	case !w.running:
		w.running, w.next = true, b.deadline()
		go w.watch()
	case b.deadline().Before(w.next):
		w.pokeLocked()
	}
}

func (w *heartbeats) remove(b *beat) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.beats, b)
	if len(w.beats) == 0 && w.running {
		w.pokeLocked()
	}
}

func (w *heartbeats) pokeLocked() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

func (w *heartbeats) watch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-w.poke:
		}
		now := time.Now()
		late, next, more := w.sweep(now)
		for _, b := range late {
			b.expire()
		}
		if !more {
			return
		}
		timer.Reset(max(next.Sub(now), minSweep))
	}
}

// sweep removes and returns the heartbeats that are late.
func (w *heartbeats) sweep(now time.Time) (late []*beat, next time.Time, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b := range w.beats {
		d := b.deadline()
		if !d.After(now) {
			late = append(late, b)
			delete(w.beats, b)
			continue
		}
		if next.IsZero() || d.Before(next) {
			next = d
		}
	}
	w.next, w.running = next, len(w.beats) > 0
	return late, next, w.running
}
