package loadgen

import (
	"math"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

func latencyMetric(t *testing.T, label string, from, to int) Metric {
	t.Helper()
	set := hist.NewSet(1)
	id := set.Add(hist.Fine)
	for ms := from; ms <= to; ms++ {
		set.Record(0, id, time.Duration(ms)*time.Millisecond)
	}
	h := set.Read(id)
	hdr, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return Metric{
		Name: DeliveryLatency, Kind: string(KindLatency), Labels: map[string]string{LabelTo: label}, Count: h.Count(),
		Min: h.Min(), Mean: h.Mean(), Max: h.Max(), P50: h.Percentile(50), P99: h.Percentile(99), HDR: hdr,
	}
}

func TestTotal(t *testing.T) {
	t.Parallel()
	r := &Report{Metrics: []Metric{
		latencyMetric(t, "a", 1, 100),
		latencyMetric(t, "b", 101, 200),
		{Name: DeliveryLatency, Kind: string(KindLatency), Labels: map[string]string{LabelTo: "c"}}, // no samples
		{Name: Throttled, Kind: string(KindRatio), Count: 10, Total: 100},
		{Name: Throttled, Kind: string(KindRatio), Count: 0, Total: 300},
		{Name: AcceptedRate, Kind: string(KindRate), Count: 2, Min: 9, Max: 11},
		{Name: AcceptedRate, Kind: string(KindRate), Count: 3, Min: 8, Max: 10},
	}}
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want*0.02 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	m := r.total(DeliveryLatency)
	near("count", float64(m.Count), 200)
	near("min", m.Min, 0.001)
	near("p50", m.P50, 0.1)
	near("p99", m.P99, 0.198)
	near("max", m.Max, 0.2)
	near("mean", m.Mean, 0.1005)
	if m := r.total(Throttled); m.Count != 10 || m.Total != 400 || m.Rate != 0.025 {
		t.Errorf("throttled is %+v", m)
	}
	if m := r.total(AcceptedRate); m.Count != 5 || m.Min != 8 || m.Max != 11 {
		t.Errorf("accepted rate is %+v", m)
	}
	if r.total(AckLatency) != nil {
		t.Error("a metric without series has a total")
	}
}
