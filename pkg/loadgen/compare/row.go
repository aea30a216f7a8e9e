package compare

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// rate is the aggregate of ratios.
const rate = "rate"

// wanted is a row to be made.
type wanted struct {
	key
	agg        string
	base, head estimate
}

// estimator gives the two sides' estimates of a percentile.
type estimator func(base, head []*series, p float64, r *rand.Rand) (b, h estimate, ok bool)

// rowsOfRuns estimates from whole runs.
func rowsOfRuns(base, head []*series, p float64, r *rand.Rand) (b, h estimate, ok bool) {
	b, okB := percentile(base, p, r)
	h, okH := percentile(head, p, r)
	return b, h, okB && okH
}

// rows makes a row for each metric that both sides have. All of them share the
// probability that equal sides are told apart.
func (p *Pair) rows(base, head map[key][]*series, o Options, estimates estimator) {
	var list []wanted
	for _, k := range slices.SortedFunc(maps.Keys(base), func(a, b key) int { return strings.Compare(a.String(), b.String()) }) {
		if directions[k.metric] == neutral {
			continue
		}
		for _, agg := range o.aggs(k, base[k]) {
			w := wanted{key: k, agg: agg}
			if why := w.estimate(p, base[k], head[k], &o, estimates); why != "" {
				p.Untold = append(p.Untold, fmt.Sprintf("%s %s: %s", k, agg, why))
				continue
			}
			list = append(list, w)
		}
	}
	able := 0
	for _, w := range list {
		if w.agg != rate || w.base.value != w.head.value {
			able++ // equal shares can't be told apart, by chance or otherwise
		}
	}
	alpha := (1 - o.Confidence) / float64(max(able, 1))
	for _, w := range list {
		p.Rows = append(p.Rows, w.row(alpha, &o))
	}
}

// aggs are the aggregates of a metric that are asked for.
func (o *Options) aggs(k key, runs []*series) []string {
	latency := slices.ContainsFunc(runs, func(s *series) bool { return s.counts.Total() > 0 })
	ratio := slices.ContainsFunc(runs, func(s *series) bool { return s.of > 0 })
	var all []string
	switch {
	case latency:
		all = o.At
	case ratio:
		all = []string{rate}
	}
	if len(o.Metrics) == 0 {
		return all
	}
	var out []string
	for _, m := range o.Metrics {
		metric, agg := Split(m)
		if metric != "" && metric != k.metric && metric != k.String() {
			continue
		}
		if agg == "" {
			out = append(out, all...)
		} else if _, isP := percentileOf(agg); isP && latency || agg == rate && ratio {
			out = append(out, agg)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// estimate fills in both sides, or says why it can't.
func (w *wanted) estimate(p *Pair, base, head []*series, o *Options, estimates estimator) string {
	if w.agg == rate {
		var okB, okH bool
		w.base, okB = share(base)
		w.head, okH = share(head)
		switch {
		case !okH && okB:
			return p.vanished(w.key)
		case !okB:
			return "nothing was tried"
		}
		return ""
	}
	samples := func(runs []*series) (n int64) {
		for _, s := range runs {
			n += s.counts.Total()
		}
		return n
	}
	if samples(head) == 0 {
		return p.vanished(w.key)
	}
	if momentary := (*series).momentary; len(base) < leastRuns && slices.ContainsFunc(base, momentary) || len(head) < leastRuns && slices.ContainsFunc(head, momentary) {
		return fmt.Sprintf("all samples came at one moment of the run: compare %d runs a side", leastRuns)
	}
	at, _ := percentileOf(w.agg)
	var ok bool
	w.base, w.head, ok = estimates(base, head, at, o.random(w.key, w.agg))
	if !ok || isNaN(w.base) || isNaN(w.head) {
		return "too few samples"
	}
	return ""
}

// vanished notes a metric that base has and head has not: a server that does
// not answer has no latency that could be worse.
func (p *Pair) vanished(k key) string {
	text := "metric " + k.String()
	if !slices.Contains(p.Failing, text) {
		p.Failing = append(p.Failing, text)
	}
	return "head has no samples"
}

func (w *wanted) row(alpha float64, o *Options) Row {
	diff, low, high := interval(w.base, w.head, alpha)
	row := Row{Metric: w.key.String(), Agg: w.agg, Tolerance: o.tolerance(w.key, w.agg)}
	up := directions[w.metric] == higher
	if w.agg == rate {
		row.Base, row.Head, row.Change, row.Low, row.High = w.base.value, w.head.value, diff, low, high
		row.Outcome = judgeShare(&row, up)
		return row
	}
	row.Base, row.Head = math.Exp(w.base.value), math.Exp(w.head.value)
	row.Change, row.Low, row.High = math.Expm1(diff), math.Expm1(low), math.Expm1(min(high, 300))
	row.Outcome = judgeLatency(&row, o.Floor)
	return row
}

// judgeLatency: worse for certain and by more than is tolerated is a
// regression; certainly within what is tolerated is the same; anything else
// has too much noise to tell.
func judgeLatency(r *Row, floor float64) Outcome {
	tolerance := max(r.Tolerance, floor/r.Base)
	switch {
	case r.Low > 0 && r.Change > tolerance:
		return Regressed
	// Both sides of the tolerance are alike as ratios: 10 % slower, and as
	// much faster as undoes it.
	case r.High < 0 && r.Change < -tolerance/(1+tolerance):
		return Improved
	case r.High <= tolerance && r.Low >= -tolerance/(1+tolerance):
		return Same
	// Better for certain can't be worse than tolerated.
	case r.High < 0:
		return Same
	}
	return Noisy
}

// judgeShare: shares of failures are small, and a run of a few hundred
// operations can't show that two of them are equal. What is not certainly
// worse counts as the same.
func judgeShare(r *Row, higherIsBetter bool) Outcome {
	change, low, high := r.Change, r.Low, r.High
	if higherIsBetter {
		change, low, high = -change, -high, -low
	}
	switch {
	case low > 0 && change > r.Tolerance:
		return Regressed
	case high < 0 && change < -r.Tolerance:
		return Improved
	}
	return Same
}
