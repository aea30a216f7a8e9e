package throttle

import (
	"sync/atomic"
	"time"
)

// WaitBounds are the upper bounds of a Histogram's classes; one more class takes
// what is longer.
var WaitBounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	500 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute,
}

// Histogram counts waits by length. The zero value is ready. It is safe for
// concurrent use.
type Histogram struct {
	counts [len(WaitBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

// Add counts one wait.
func (h *Histogram) Add(wait time.Duration) {
	i := 0
	for i < len(WaitBounds) && wait > WaitBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(wait))
}

// Snapshot returns the number of waits in each class, the last one without a
// bound, and the sum of all waits.
func (h *Histogram) Snapshot() (counts []uint64, sum time.Duration) {
	counts = make([]uint64, len(h.counts))
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
	}
	return counts, time.Duration(h.sum.Load())
}
