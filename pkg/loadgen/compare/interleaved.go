package compare

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// Slice is what one side measured in one of its turns of an interleaved run:
// latencies by metric and labels.
type Slice struct{ Latencies []SliceLatency }

// SliceLatency is one of them.
type SliceLatency struct {
	Name   string
	Labels map[string]string
	Counts hist.Counts
}

// leastPairs is how many pairs of slices it takes.
const leastPairs = 4

// Interleaved compares the two sides of an interleaved run by the differences
// within pairs of slices that followed each other: what the machine did to one
// it did to the other. Ratios and checks are compared over the whole run.
func Interleaved(base, head Sides, baseSlices, headSlices []Slice, o Options) (*Result, error) {
	o = o.withDefaults()
	for _, at := range o.At {
		if _, ok := percentileOf(at); !ok {
			return nil, fmt.Errorf("percentile %q: want p50, p99, p99.9 or the like", at)
		}
	}
	if len(base.Runs) != 1 || len(head.Runs) != 1 {
		return nil, errors.New("an interleaved comparison is of one run a side")
	}
	if base.Runs[0].PlanHash != head.Runs[0].PlanHash && !o.Force {
		return nil, errors.New("the sides ran different plans; --force compares them all the same")
	}
	b, err := gather(base.Runs)
	if err != nil {
		return nil, err
	}
	h, err := gather(head.Runs)
	if err != nil {
		return nil, err
	}
	pairs := min(len(baseSlices), len(headSlices))
	addSlices(b, baseSlices[:pairs])
	addSlices(h, headSlices[:pairs])
	p := newPair(base.Runs[0].Scenario, base, head)
	p.Slices = pairs
	p.checks(base.Runs, head.Runs)
	p.rows(b, h, o, rowsOfSlices)
	p.judge(base, head)
	res := &Result{Schema: ResultID, Confidence: o.Confidence, Warnings: []string{}, Pairs: []Pair{*p}}
	res.Warnings = append(res.Warnings, warnings(append(base.Runs[:1:1], head.Runs...))...)
	res.conclude()
	return res, nil
}

// addSlices gives each series its slices, in their order.
func addSlices(all map[key][]*series, slices []Slice) {
	for i, s := range slices {
		for _, l := range s.Latencies {
			k := keyOf(&Metric{Name: l.Name, Labels: l.Labels})
			for _, x := range all[k] {
				if x.slices == nil {
					x.slices = make([]hist.Counts, len(slices))
				}
				x.slices[i] = x.slices[i].Add(l.Counts)
			}
		}
	}
}

// rowsOfSlices estimates from pairs of slices. A slice of head is compared with
// the base before it and after it, so that a machine that gets slower evenly
// does so for both; how sure that is, the differences within pairs tell.
func rowsOfSlices(base, head []*series, p float64, _ *rand.Rand) (b, h estimate, ok bool) {
	if len(base) == 0 || len(head) == 0 {
		return b, h, false
	}
	x, y := base[0].slices, head[0].slices
	var values, diffs, level []float64
	least := fewest(x, y)
	for i := range min(len(x), len(y)) {
		// The last turns may have been cut short, the first have few samples.
		if n := min(x[i].Total(), y[i].Total()); n < least || float64(n)*(1-p) < 1 {
			continue
		}
		at := func(c hist.Counts) float64 { return math.Log(atLeast(c.At(p))) }
		values = append(values, at(x[i]))
		diffs = append(diffs, at(y[i])-at(x[i]))
		after := at(x[i])
		if i+1 < len(x) && x[i+1].Total() >= least {
			after = at(x[i+1])
		}
		level = append(level, at(y[i])-(at(x[i])+after)/2)
	}
	if len(diffs) < leastPairs {
		return b, h, false
	}
	value, _ := spread(values)
	_, variance := spread(diffs)
	diff, _ := spread(level)
	n := float64(len(diffs))
	b = estimate{value: value, df: math.Inf(1)}
	h = estimate{value: value + diff, variance: variance / n, df: n - 1}
	return b, h, true
}

// fewest is half of what a slice has on average: one with less was no whole
// turn.
func fewest(x, y []hist.Counts) int64 {
	var all, n int64
	for _, side := range [][]hist.Counts{x, y} {
		for _, c := range side {
			all += c.Total()
			n++
		}
	}
	return max(all/max(n, 1)/2, 1)
}
