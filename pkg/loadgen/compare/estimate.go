package compare

import (
	"math"
	"math/rand/v2"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// estimate is what is known of one side's value on the scale on which sides
// are compared: the logarithm of a percentile, or a share.
type estimate struct {
	value    float64
	variance float64 // of value
	df       float64 // how well the variance is known, +Inf for exactly
}

// draws is how many bootstrap samples a variance is taken from: enough to know
// its root to about 3 %.
const draws = 800

// leastRuns is how many runs a side tell how much runs differ.
const leastRuns = 3

// least is how many effective samples there must be, tail how many beyond the
// percentile, for it to be compared.
const least = 100

const tail = 4

// percentile estimates the logarithm of a percentile from the runs of a side.
// ok is false when there are too few samples.
func percentile(runs []*series, p float64, r *rand.Rand) (e estimate, ok bool) {
	values := make([]float64, 0, len(runs))
	within, df := 0.0, 0.0
	for _, s := range runs {
		n := s.counts.Total()
		if n == 0 {
			return estimate{}, false
		}
		eff, known := effective(s, p, r)
		enough := eff
		if len(runs) >= leastRuns {
			enough = float64(n) // the runs' differences tell how much it varies
		}
		if enough < least || enough*(1-p) < tail || enough*p < tail {
			return estimate{}, false
		}
		values = append(values, math.Log(atLeast(s.counts.At(p))))
		within += bootstrap(s.counts, p, eff, r)
		df += known
	}
	k := float64(len(runs))
	mean, between := spread(values)
	e = estimate{value: mean, variance: within / (k * k), df: df}
	if len(runs) > 1 {
		// The runs' differences hold what varies within them as well. A handful
		// of runs can be alike by chance, but not more than their own noise.
		e.df = k - 1
		if v := between / k; v > e.variance {
			e.variance = v
		}
	}
	return e, true
}

// atLeast keeps the logarithm of a latency finite: histograms resolve 1 µs.
func atLeast(seconds float64) float64 { return max(seconds, 1e-6) }

// bootstrap is the variance of the logarithm of a percentile of n samples that
// are drawn from the histogram. The percentile of such a resample is the value
// at a rank that has a beta distribution, so no resample is drawn.
func bootstrap(c hist.Counts, p, n float64, r *rand.Rand) float64 {
	q := newQuantiles(c)
	v := make([]float64, draws)
	for i := range v {
		v[i] = math.Log(q.at(beta(r, p*n+0.5, (1-p)*n+0.5)))
	}
	_, variance := spread(v)
	return variance
}

// quantiles finds the value at a rank fast.
type quantiles struct {
	ends, values []float64 // cumulated share, value
}

func newQuantiles(c hist.Counts) *quantiles {
	q := &quantiles{}
	total, seen := float64(c.Total()), 0.0
	c.Each(func(value float64, count int64) {
		seen += float64(count)
		q.ends = append(q.ends, seen/total)
		q.values = append(q.values, atLeast(value))
	})
	return q
}

func (q *quantiles) at(rank float64) float64 {
	lo, hi := 0, len(q.ends)-1
	for lo < hi {
		mid := (lo + hi) / 2
		if q.ends[mid] < rank {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return q.values[lo]
}

// leastBlocks is how many spans a run must have for their spread to count.
const leastBlocks = 4

// effective is the number of independent samples that would vary as much as
// the series did, and how well that is known.
//
// The percentiles of the run's spans vary by more than those of independent
// samples would: by that factor the samples count for less. Without spans the
// samples count for themselves; the comparison says so.
func effective(s *series, p float64, r *rand.Rand) (n, df float64) {
	n = float64(s.counts.Total())
	if len(s.blocks) < leastBlocks {
		return n, math.Inf(1)
	}
	logs := make([]float64, len(s.blocks))
	size := 0.0
	for i, b := range s.blocks {
		logs[i] = math.Log(atLeast(b.at(p)))
		size += float64(b.Count) / float64(len(s.blocks))
	}
	_, seen := spread(logs)
	independent := bootstrap(s.counts, p, size, r)
	df = float64(len(logs) - 1)
	if independent > 0 && seen > independent {
		return n * independent / seen, df
	}
	return n, df
}

// at is the percentile of the block that is nearest to p.
func (b *Block) at(p float64) float64 {
	switch {
	case p < 0.7:
		return b.P50
	case p < 0.95:
		return b.P90
	}
	return b.P99
}

// share estimates a ratio from the runs of a side. Adding one hit and one miss
// keeps a run without hits from looking exact.
func share(runs []*series) (e estimate, ok bool) {
	values := make([]float64, 0, len(runs))
	within := 0.0
	for _, s := range runs {
		if s.of <= 0 {
			return estimate{}, false
		}
		n := float64(s.of)
		values = append(values, float64(s.n)/n)
		p := min(max((float64(s.n)+1)/(n+2), 1/(n+2)), 1) // surplus deliveries may exceed 1
		within += p * max(1-p, 1/(n+2)) / n
	}
	k := float64(len(runs))
	mean, between := spread(values)
	e = estimate{value: mean, variance: within / (k * k), df: math.Inf(1)}
	if len(runs) > 1 {
		if v := between / k; v > e.variance {
			e.variance, e.df = v, k-1
		}
	}
	return e, true
}

// interval is the difference head − base with its interval, by Welch.
func interval(base, head estimate, alpha float64) (diff, low, high float64) {
	diff = head.value - base.value
	variance := base.variance + head.variance
	df := math.Inf(1)
	if d := part(base) + part(head); d > 0 {
		df = variance * variance / d
	}
	half := quantileT(alpha, max(df, 1)) * math.Sqrt(variance)
	return diff, diff - half, diff + half
}

func part(e estimate) float64 {
	if math.IsInf(e.df, 1) || e.df <= 0 {
		return 0
	}
	return e.variance * e.variance / e.df
}
