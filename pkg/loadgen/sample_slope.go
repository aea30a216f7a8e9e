package loadgen

import (
	"math"
	"slices"
	"time"
)

// point is a value at an instant, both in base units.
type point struct{ at, v float64 }

// fewPoints is how many points make a slope. From fewer, a single odd one
// would decide.
const fewPoints = 5

// points are the values of a condition's aggregate over time: of each slice
// between two readings that lies within the stretches.
func (s *sampler) points(t *Threshold, x *ThresholdExpr, list []stretch) []point {
	var out []point
	of := ThresholdExpr{Agg: x.Of}
	before := &snapshot{}
	for _, now := range s.coarse {
		slice := stretch{before.at, now.at}
		if slices.ContainsFunc(list, func(o stretch) bool { return o.from <= slice.from && slice.to <= o.to }) {
			m := s.e.windows.between(before, now).pick(t.Metric, t.seriesLabels())
			if !m.empty() {
				out = append(out, point{(slice.from + slice.to).Seconds() / 2, m.value(&of)})
			}
		}
		before = now
	}
	return out
}

// maxSlopePoints bounds the points of a slope, which looks at each two of them.
const maxSlopePoints = 512

// slope is how much the values grow in an hour: the median of the slopes
// between any two of them, which a few odd ones don't move.
func slope(points []point) float64 {
	points = thin(points, maxSlopePoints)
	var all []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			if b.at > a.at {
				all = append(all, (b.v-a.v)/(b.at-a.at))
			}
		}
	}
	if len(all) == 0 {
		return math.NaN()
	}
	slices.Sort(all)
	mid := all[len(all)/2]
	if len(all)%2 == 0 {
		mid = (mid + all[len(all)/2-1]) / 2
	}
	return mid * time.Hour.Seconds()
}

// thin puts neighbours together, as their mean, until there are at most n.
func thin(points []point, n int) []point {
	for len(points) > n {
		half := make([]point, 0, (len(points)+1)/2)
		for i := 0; i < len(points); i += 2 {
			p := points[i]
			if i+1 < len(points) {
				p = point{(p.at + points[i+1].at) / 2, (p.v + points[i+1].v) / 2}
			}
			half = append(half, p)
		}
		points = half
	}
	return points
}
