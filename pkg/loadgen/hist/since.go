package hist

import (
	"github.com/HdrHistogram/hdrhistogram-go"
)

// PercentileSince is the percentile of the values that h has and an earlier
// reading of the same series had not, 0 when there are none. before may be
// nil for the beginning.
func (h *Histogram) PercentileSince(before *Histogram, p float64) float64 {
	if before == nil || before.h == nil || h.h == nil {
		return h.Percentile(p)
	}
	if h.Count() == before.Count() || h.h.SignificantFigures() != before.h.SignificantFigures() {
		return 0 // nothing new, or not the same series
	}
	now, then := h.h.Export(), before.h.Export()
	for i := range min(len(now.Counts), len(then.Counts)) {
		now.Counts[i] = max(now.Counts[i]-then.Counts[i], 0)
	}
	d := hdrhistogram.Import(now)
	return float64(min(d.ValueAtPercentile(p), h.max)) / 1e6
}
