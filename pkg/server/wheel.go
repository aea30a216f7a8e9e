package server

import (
	"math/bits"
	"sync"
	"time"
)

// wheel is a hashed timing wheel: the one clock for all heartbeats, handshake
// limits, token expiries and acknowledgement timeouts, so that a connection
// costs no timer of its own. Its goroutine sleeps until the next slot that has
// an entry. Entries fire on that goroutine, up to one tick late, never early:
// fire must not block.
//
// Entries are re-armed lazily: one whose time has been put off stays where it is
// and looks at the clock again when it fires. That makes the common case, a
// heartbeat answered, free of locks.
type wheel struct {
	start time.Time
	poke  chan struct{} // something earlier than the current sleep was armed

	mu     sync.Mutex
	slots  [wheelSlots]*wheelEntry
	filled [wheelSlots / 64]uint64 // bit i: slots[i] has entries
	tick   int64                   // the last tick that has fired
	sleep  int64                   // tick that the goroutine sleeps for
}

const (
	wheelSlots = 4096
	wheelTick  = 5 * time.Millisecond
)

// wheelEntry is one deadline; it lies inside its owner. The zero value is idle.
type wheelEntry struct {
	prev, next *wheelEntry
	owner      interface{ fire() }
	due        int64 // tick; 0 when idle
}

func newWheel() *wheel {
	return &wheel{start: time.Now(), poke: make(chan struct{}, 1)}
}

// now is the monotonic time since the start of the wheel.
func (w *wheel) now() time.Duration { return time.Since(w.start) }

// arm makes e fire at the given time. If e is armed already the earlier of the
// two holds.
func (w *wheel) arm(e *wheelEntry, at time.Duration) {
	due := max(int64((at+wheelTick-1)/wheelTick), 1)
	w.mu.Lock()
	due = max(due, w.tick+1)
	if e.due != 0 {
		if e.due <= due {
			w.mu.Unlock()
			return
		}
		w.unlink(e)
	}
	e.due = due
	slot := due % wheelSlots
	e.prev, e.next = nil, w.slots[slot]
	if e.next != nil {
		e.next.prev = e
	}
	w.slots[slot] = e
	w.filled[slot/64] |= 1 << (slot % 64)
	early := due < w.sleep
	if early {
		w.sleep = due
	}
	w.mu.Unlock()
	if early {
		select {
		case w.poke <- struct{}{}:
		default:
		}
	}
}

// disarm stops e. It may fire once more if it was due.
func (w *wheel) disarm(e *wheelEntry) {
	w.mu.Lock()
	if e.due != 0 {
		w.unlink(e)
	}
	w.mu.Unlock()
}

func (w *wheel) unlink(e *wheelEntry) {
	slot := e.due % wheelSlots
	if e.prev != nil {
		e.prev.next = e.next
	} else if w.slots[slot] = e.next; e.next == nil {
		w.filled[slot/64] &^= 1 << (slot % 64)
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.prev, e.next, e.due = nil, nil, 0
}

// run fires entries until stop is closed.
func (w *wheel) run(stop <-chan struct{}) {
	var due []*wheelEntry
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due = w.advance(int64(w.now()/wheelTick), due[:0])
		for i, e := range due {
			e.owner.fire()
			due[i] = nil
		}
		timer.Reset(w.untilNext())
		select {
		case <-timer.C:
		case <-w.poke:
		case <-stop:
			return
		}
	}
}

// advance takes out the entries that are due by tick now.
func (w *wheel) advance(now int64, due []*wheelEntry) []*wheelEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := max(w.tick+1, now-wheelSlots+1)
	for t := from; t <= now; t++ {
		slot := t % wheelSlots
		if w.filled[slot/64] == 0 {
			t += 63 - slot%64 // nothing in the rest of this word
			continue
		}
		for e := w.slots[slot]; e != nil; {
			next := e.next
			if e.due <= now {
				w.unlink(e)
				due = append(due, e)
			}
			e = next
		}
	}
	w.tick = max(w.tick, now)
	return due
}

// untilNext is the time until the next slot that has an entry, at most one turn
// of the wheel.
func (w *wheel) untilNext() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sleep = w.tick + wheelSlots
	for d := int64(1); d < wheelSlots; {
		slot := (w.tick + d) % wheelSlots
		if word := w.filled[slot/64] >> (slot % 64); word != 0 {
			w.sleep = w.tick + d + int64(bits.TrailingZeros64(word))
			break
		}
		d += 64 - slot%64
	}
	return max(time.Duration(w.sleep)*wheelTick-w.now(), 0)
}
