package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

var waitsDesc = prometheus.NewDesc("rtk_throttle_dry_run_wait_seconds",
	"How long what a throttle in a dry run would have refused would have had to wait.", nil, nil)

// waitsMetric is a histogram of waits, whose classes Prometheus wants summed up.
func waitsMetric(w *stats.Waits) prometheus.Metric {
	buckets := make(map[float64]uint64, len(w.BoundsSeconds))
	sum := uint64(0)
	for i, n := range w.Counts {
		sum += n
		if i < len(w.BoundsSeconds) {
			buckets[w.BoundsSeconds[i]] = sum
		}
	}
	return prometheus.MustNewConstHistogram(waitsDesc, sum, w.SumSeconds, buckets)
}
