package loadgen

import (
	"sync"
	"time"
)

// barrier is a point of the flows at which clients wait for each other. A
// client that can't come any more is taken out, so that no one waits for it.
type barrier struct {
	mu      sync.Mutex
	need    int // clients that are waited for: that have come or may come
	waiting []*client
	arrived int
	open    bool
	at      time.Duration
}

// arrive notes that c waits, and returns true when it needn't.
func (b *barrier) arrive(c *client, now time.Duration) (open bool, at time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := c.awaited()
	if counts {
		b.arrived++
	}
	if b.open {
		return true, now
	}
	if b.arrived >= b.need && (counts || b.need <= 0) {
		b.release(now)
		return true, b.at
	}
	b.waiting = append(b.waiting, c)
	return false, 0
}

// drop takes out a client that will not come.
func (b *barrier) drop(now time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.need--
	if !b.open && b.arrived >= b.need && (b.arrived > 0 || len(b.waiting) > 0) {
		b.release(now)
	}
}

// awaited tells whether barriers wait for the client. Those that a later phase
// brings go along with the others, if they come before it opens.
func (c *client) awaited() bool {
	return c.cell.group.plan.awaited(c.cell.plan, int(c.index))
}

func (b *barrier) release(now time.Duration) {
	b.open, b.at = true, now
	waiting := b.waiting
	b.waiting = nil
	// In a goroutine of its own, because the caller holds a client's lock. It
	// only takes locks that no one holds for long, and ends by itself.
	go func() {
		for _, c := range waiting {
			c.released(now)
		}
	}()
}

// progress returns how many have come of how many, for messages.
func (b *barrier) progress() (arrived, need int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.arrived, b.need
}
