package loadgen

import (
	"math"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func kindName(kind int) string { return rt.ErrKind(kind).String() }

// merged is several series of one metric taken as one.
type merged struct {
	kind    MetricKind
	h       hist.Histogram
	n, of   int64
	samples []float64
	points  []point // over time: of the target's metrics, and for slopes
	took    float64
}

// pick merges the series of a metric whose labels satisfy the conditions.
func (l *seriesList) pick(metric string, labels []LabelMatch) *merged {
	def, _ := LookupMetric(metric)
	m := &merged{kind: def.Kind, took: l.took}
	if strings.HasPrefix(metric, serverPrefix) {
		m.kind = KindSampled
	}
next:
	for _, s := range l.list {
		if s.def.Name != metric {
			continue
		}
		// What was tried belongs to no kind of error: it counts once, from the
		// series without a kind.
		tries := metric == Errors && s.labels[LabelKind] == ""
		for _, lm := range labels {
			if m.kind != KindSampled && !lm.Matches(s.labels) && !(tries && lm.Key == LabelKind) {
				continue next
			}
		}
		of := m.of
		m.add(s)
		if metric == Errors && !tries {
			m.of = of
		}
	}
	slices.Sort(m.samples)
	return m
}

func (m *merged) add(s *series) {
	if s.h != nil {
		m.h.Merge(s.h)
	}
	m.n += s.n
	m.of += s.of
	m.samples = append(m.samples, s.samples...)
	m.points = append(m.points, s.points...)
}

// empty tells that there is nothing to judge by.
func (m *merged) empty() bool {
	switch m.kind {
	case KindLatency:
		return m.h.Count() == 0
	case KindCounter:
		return m.n == 0
	case KindRatio:
		return m.of == 0 && m.n == 0
	case KindSampled:
		return len(m.points) == 0
	}
	return len(m.samples) == 0
}

// value is an aggregate in base units. For a rate, value is the mean; what it
// must satisfy is decided in holds.
func (m *merged) value(x *ThresholdExpr) float64 {
	p, isP := x.Percentile()
	if x.Agg == "slope" {
		return slope(m.points)
	}
	if x.Per > 0 && m.took > 0 {
		return m.counted(x.Agg) / (m.took / x.Per.Seconds())
	}
	switch m.kind {
	case KindSampled:
		return sampledValue(m.points, x.Agg)
	case KindLatency:
		if isP {
			return m.h.Percentile(p)
		}
		switch x.Agg {
		case "count":
			return float64(m.h.Count())
		case "min":
			return m.h.Min()
		case "max":
			return m.h.Max()
		}
		return m.h.Mean()
	case KindCounter, KindRatio:
		return m.counted(x.Agg)
	}
	if isP {
		return percentile(m.samples, p)
	}
	switch x.Agg {
	case "count":
		return float64(len(m.samples))
	case "min":
		return m.samples[0]
	case "max":
		return m.samples[len(m.samples)-1]
	}
	return mean(m.samples)
}

func (m *merged) counted(agg string) float64 {
	switch {
	case agg == "total":
		return float64(m.of)
	case agg == "count":
		return float64(m.n)
	case m.kind == KindCounter && m.took > 0:
		return float64(m.n) / m.took
	case m.kind == KindRatio && m.of > 0:
		return float64(m.n) / float64(m.of)
	}
	return float64(m.n)
}

// holds judges one comparison. The value of a rate holds only if it holds for
// every client, so its extremes are what counts.
func (m *merged) holds(x *ThresholdExpr, ref float64) bool {
	if m.kind == KindRate && x.Agg == "value" {
		return x.Holds(m.samples[0], ref) && x.Holds(m.samples[len(m.samples)-1], ref)
	}
	return x.Holds(m.value(x), ref)
}

// percentile of sorted values, by the nearest rank.
func percentile(sorted []float64, p float64) float64 {
	rank := int(math.Ceil(p/100*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

func mean(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// sampledValue is an aggregate of the values that were read, in order.
func sampledValue(points []point, agg string) float64 {
	first, last := points[0], points[len(points)-1]
	lo, hi, sum, up := first.v, first.v, first.v, 0.0
	for i := 1; i < len(points); i++ {
		v := points[i].v
		lo, hi, sum = min(lo, v), max(hi, v), sum+v
		if d := v - points[i-1].v; d >= 0 {
			up += d
		} else { // a counter that began anew
			up += v
		}
	}
	switch agg {
	case "min":
		return lo
	case "max":
		return hi
	case "mean":
		return sum / float64(len(points))
	case "count":
		return float64(len(points))
	case "increase":
		return up
	case "rate":
		if last.at > first.at {
			return up / (last.at - first.at)
		}
		return 0
	}
	return last.v
}
