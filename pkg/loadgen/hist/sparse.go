package hist

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Sparse is a reading of a histogram that takes memory only for the values
// that occur: it is kept to be subtracted from a later one. It is immutable.
type Sparse struct {
	digits   int
	min, max int64
	sum      float64
	over     int64
	total    int64
	at       []int32 // indices of the counts that are not zero
	n        []int64
}

// Sparse is a compact copy, nil when h is empty.
func (h *Histogram) Sparse() *Sparse {
	if h.Count() == 0 {
		return nil
	}
	s := &Sparse{digits: int(h.h.SignificantFigures()), min: h.min, max: h.max, sum: h.sum, over: h.Over, total: h.Count()}
	counts := h.h.Export().Counts
	used := 0
	for _, n := range counts {
		if n > 0 {
			used++
		}
	}
	s.at, s.n = make([]int32, 0, used), make([]int64, 0, used)
	for i, n := range counts {
		if n > 0 {
			s.at, s.n = append(s.at, int32(i)), append(s.n, n)
		}
	}
	return s
}

// Count is the number of values.
func (s *Sparse) Count() int64 {
	if s == nil {
		return 0
	}
	return s.total
}

// Since is the histogram of the values that s has and an earlier reading of
// the same series had not; nil stands for an empty reading. Its smallest and
// largest values are within the precision of the series, because a reading
// does not tell when the extreme one came.
func (s *Sparse) Since(before *Sparse) *Histogram {
	out := &Histogram{}
	if s.Count() == before.Count() || s == nil {
		return out
	}
	counts := make([]int64, s.at[len(s.at)-1]+1)
	for i, at := range s.at {
		counts[at] = s.n[i]
	}
	out.sum, out.Over = s.sum, s.over
	if before != nil {
		for i, at := range before.at {
			if int(at) < len(counts) {
				counts[at] = max(counts[at]-before.n[i], 0)
			}
		}
		out.sum, out.Over = max(s.sum-before.sum, 0), max(s.over-before.over, 0)
	}
	out.h = hdrhistogram.Import(&hdrhistogram.Snapshot{
		LowestTrackableValue: 1, HighestTrackableValue: Top.Microseconds(), SignificantFigures: int64(s.digits), Counts: counts,
	})
	out.min, out.max = max(out.h.Min(), s.min), min(out.h.Max(), s.max)
	if before == nil {
		out.min, out.max = s.min, s.max
	} else if s.max > before.max {
		out.max = s.max
	}
	if math.IsNaN(out.sum) {
		out.sum = 0
	}
	return out
}
