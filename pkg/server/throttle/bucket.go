package throttle

import (
	"math"
	"time"
)

// fine is the number of bucket units in one nanosecond. Sub-nanosecond units
// keep the rounding of the interval between events below 0.002 % at MaxRate.
const fine = 64

// maxSpan caps an interval and a burst tolerance, in bucket units (about half a
// year), so that a Limit built by hand cannot overflow the arithmetic.
const maxSpan = 1 << 60

// Bucket is the throttle state of one peer: the theoretical arrival time of
// GCRA. The zero value is a full bucket. It is not safe for concurrent use; its
// owner serialises the calls.
type Bucket struct {
	tat uint64 // in 1/64 ns; compared by wrapping difference, so it never runs out
}

// Allow reports whether one event may pass at now and, if so, counts it. A
// refused event costs nothing, and retryAfter is then the exact time until the
// next one passes. now is a monotonic reading (time since the owner started),
// never negative; the same bucket wants the same clock each time. The limit may
// change between calls.
//
// Over any stretch of time t no more than Burst + Rate*t events pass.
func (b *Bucket) Allow(l Limit, now time.Duration) (ok bool, retryAfter time.Duration) {
	if l.Off() {
		return true, 0
	}
	interval, tolerance := l.spans()
	at := uint64(now) * fine
	ahead := max(int64(b.tat-at), 0)
	if ahead > tolerance {
		return false, time.Duration((ahead - tolerance + fine - 1) / fine)
	}
	b.tat = at + uint64(ahead) + uint64(interval)
	return true, 0
}

// spans is the limit in bucket units: the interval between events at the
// sustained rate, rounded up so that the rate is never exceeded, and how far
// ahead of that rate a burst may run.
func (l Limit) spans() (interval, tolerance int64) {
	exact := math.Ceil(float64(time.Second) * fine / l.Rate)
	interval = int64(min(exact, maxSpan))
	tolerance = int64(min(float64(interval)*float64(max(l.Burst, 1)-1), maxSpan))
	return interval, tolerance
}
