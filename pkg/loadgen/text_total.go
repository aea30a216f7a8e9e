package loadgen

import (
	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// total is a metric over all its series, nil when there is none. Counts add
// up, latencies are merged exactly from their histograms; of rates only the
// count and the extremes can be told.
func (r *Report) total(name string) *Metric {
	return r.totalOf(name, func(map[string]string) bool { return true })
}

// totalOf is total over the series whose labels satisfy keep.
func (r *Report) totalOf(name string, keep func(labels map[string]string) bool) *Metric {
	var sum *Metric
	var merged *hdrhistogram.Histogram
	for i := range r.Metrics {
		m := &r.Metrics[i]
		if m.Name != name || !keep(m.Labels) {
			continue
		}
		if m.HDR != "" {
			if h, err := hdrhistogram.Decode([]byte(m.HDR)); err == nil && merged == nil {
				merged = h
			} else if err == nil {
				merged.Merge(h)
			}
		}
		if sum == nil {
			only := *m
			sum = &only
			continue
		}
		if m.Count == 0 && m.Kind != string(KindRatio) {
			continue
		}
		if sum.Count == 0 || m.Min < sum.Min {
			sum.Min = m.Min
		}
		sum.Max = max(sum.Max, m.Max)
		sum.Count += m.Count
		sum.Total += m.Total
		sum.Rate += m.Rate
	}
	if sum == nil {
		return nil
	}
	if sum.Kind == string(KindRatio) && sum.Total > 0 {
		sum.Rate = float64(sum.Count) / float64(sum.Total)
	}
	if merged != nil {
		at := func(p float64) float64 { return min(float64(merged.ValueAtPercentile(p))/1e6, sum.Max) }
		sum.P50, sum.P90, sum.P99, sum.P999, sum.Mean = at(50), at(90), at(99), at(99.9), merged.Mean()/1e6
	}
	return sum
}

// latencies adds up the histograms (microseconds) and the sums (seconds) of a
// latency's series whose labels satisfy keep. The histogram is nil when no
// series has one.
func (r *Report) latencies(name string, keep func(labels map[string]string) bool) (merged *hdrhistogram.Histogram, sum float64) {
	for i := range r.Metrics {
		m := &r.Metrics[i]
		if m.Name != name || !keep(m.Labels) {
			continue
		}
		sum += m.Mean * float64(m.Count)
		h, err := hdrhistogram.Decode([]byte(m.HDR))
		switch {
		case m.HDR == "" || err != nil:
		case merged == nil:
			merged = h
		default:
			merged.Merge(h)
		}
	}
	return merged, sum
}
