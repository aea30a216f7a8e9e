package admin

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// classicExponents are the bounds of the classic buckets as powers of two, in
// seconds: from 15 µs to 16 s by a factor of four. They are bounds of the native
// buckets too, so one count serves both.
var classicExponents = []int{-16, -14, -12, -10, -8, -6, -4, -2, 0, 2, 4}

// histogram is a metric in both formats: a Prometheus that scrapes native
// histograms gets those, any other the classic buckets.
type histogram struct {
	native, classic prometheus.Metric
}

var _ prometheus.Metric = histogram{}

// newHistogram makes a metric of a snapshot.
func newHistogram(desc *prometheus.Desc, h *stats.Histogram, since time.Time) (prometheus.Metric, error) {
	buckets := make(map[int]int64, len(h.Buckets))
	for i, n := range h.Buckets {
		buckets[i] = int64(n)
	}
	native, err := prometheus.NewConstNativeHistogram(desc, h.Count, h.SumSeconds, buckets, nil, h.Zero, stats.HistogramSchema, stats.HistogramZero, since)
	if err != nil {
		return nil, fmt.Errorf("native histogram: %w", err)
	}
	bounds := make(map[float64]uint64, len(classicExponents))
	for _, e := range classicExponents {
		bounds[math.Exp2(float64(e))] = h.AtMost(e)
	}
	classic, err := prometheus.NewConstHistogram(desc, h.Count, h.SumSeconds, bounds)
	if err != nil {
		return nil, fmt.Errorf("classic histogram: %w", err)
	}
	return histogram{native, classic}, nil
}

// Desc implements prometheus.Metric.
func (h histogram) Desc() *prometheus.Desc { return h.native.Desc() }

// Write implements prometheus.Metric.
func (h histogram) Write(out *dto.Metric) error {
	if err := h.native.Write(out); err != nil {
		return err
	}
	var classic dto.Metric
	if err := h.classic.Write(&classic); err != nil {
		return err
	}
	out.Histogram.Bucket = classic.Histogram.Bucket
	return nil
}
