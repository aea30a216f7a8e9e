package stats

import (
	"math"
	"sync/atomic"
	"time"
)

// HistogramSchema is the resolution of a Histogram: two to the power of it
// buckets for each doubling, in the numbering of Prometheus' native histograms.
// Bucket i holds durations in (2^((i-1)/4), 2^(i/4)] seconds.
const HistogramSchema = 2

// Bounds of the numbered buckets. What is at most HistogramZero long is in the
// zero bucket; what is longer than the last bound counts in the last bucket.
const (
	firstBucket = -19*4 + 1 // begins at 2^-19 s, 1.9 µs
	lastBucket  = 6 * 4     // ends at 64 s
	buckets     = lastBucket - firstBucket + 1
)

// HistogramZero is the upper bound of the zero bucket, in seconds: 2^-19.
const HistogramZero = 1.0 / (1 << 19)

// Histogram is a distribution of durations since the start of the process. All
// its counts are totals.
type Histogram struct {
	Count      uint64  `json:"count"`
	SumSeconds float64 `json:"sumSeconds"`
	// P50Seconds and P99Seconds are quantiles over the whole life of the
	// process, too high by at most a fifth; 0 when nothing has been counted.
	P50Seconds float64 `json:"p50Seconds"`
	P99Seconds float64 `json:"p99Seconds"`
	// Zero counts durations of at most HistogramZero seconds, Buckets the
	// longer ones by the number of their bucket. Empty buckets are left out.
	Zero    uint64         `json:"zero"`
	Buckets map[int]uint64 `json:"buckets"`
}

// AtMost returns how many durations were at most 2^exponent seconds long.
func (h *Histogram) AtMost(exponent int) uint64 {
	n := h.Zero
	for i, c := range h.Buckets {
		if i <= exponent<<HistogramSchema {
			n += c
		}
	}
	return n
}

// quantile is the upper bound of the bucket in which the q-quantile lies.
func (h *Histogram) quantile(q float64) float64 {
	if h.Count == 0 {
		return 0
	}
	want := uint64(math.Ceil(q * float64(h.Count)))
	n := h.Zero
	if n >= want {
		return HistogramZero
	}
	for i := firstBucket; i < lastBucket; i++ {
		if n += h.Buckets[i]; n >= want {
			return bound(i)
		}
	}
	return bound(lastBucket)
}

func bound(i int) float64 { return math.Exp2(float64(i) / (1 << HistogramSchema)) }

// nanoBounds are the upper bounds of the numbered buckets in nanoseconds.
var nanoBounds = func() (b [buckets]int64) {
	for i := range b {
		b[i] = int64(bound(firstBucket+i) * 1e9)
	}
	return b
}()

// Recorder makes a Histogram. The zero value is ready; it is safe for
// concurrent use and allocates nothing.
type Recorder struct {
	zero  atomic.Uint64
	sum   atomic.Int64 // nanoseconds: 292 years
	count [buckets]atomic.Uint64
}

// Observe counts one duration. A negative one counts as zero.
func (r *Recorder) Observe(d time.Duration) {
	n := max(int64(d), 0)
	r.sum.Add(n)
	if float64(n) <= HistogramZero*1e9 {
		r.zero.Add(1)
		return
	}
	lo, hi := 0, buckets-1
	for lo < hi {
		if mid := (lo + hi) / 2; n <= nanoBounds[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	r.count[lo].Add(1)
}

// Since counts the time from start until now.
func (r *Recorder) Since(start time.Time) { r.Observe(time.Since(start)) }

// Snapshot returns what has been counted. Durations that are counted meanwhile
// may be in it or not.
func (r *Recorder) Snapshot() Histogram {
	h := Histogram{Buckets: map[int]uint64{}, Zero: r.zero.Load()}
	h.SumSeconds = float64(r.sum.Load()) / 1e9
	h.Count = h.Zero
	for i := range r.count {
		if n := r.count[i].Load(); n > 0 {
			h.Buckets[firstBucket+i] = n
			h.Count += n
		}
	}
	h.P50Seconds, h.P99Seconds = h.quantile(0.5), h.quantile(0.99)
	return h
}
