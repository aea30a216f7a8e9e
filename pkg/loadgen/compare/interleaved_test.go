package compare

import (
	"math"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// interleavedRuns are two sides on a machine that slows both down for a while
// now and then, by up to thrice.
func interleavedRuns(seed uint64, pairs int, ratio float64) (base, head Sides, b, h []Slice) {
	r := source(seed)
	s := &server{r: r, samples: 1600, sigma: 0.3, median: 0.02}
	base, head = Sides{"base", s.runs(1)}, Sides{"head", s.runs(1)}
	level := 0.0
	slice := func(factor float64) Slice {
		set := hist.NewSet(1)
		id := set.Add(hist.Fine)
		for range 1000 {
			set.Record(0, id, time.Duration(0.02*factor*math.Exp(level+0.3*r.NormFloat64())*1e9))
		}
		return Slice{[]SliceLatency{{"ack_latency", map[string]string{"event": "say"}, set.Read(id).Counts()}}}
	}
	for range pairs {
		level = 0.5*level + 0.4*r.NormFloat64()
		b, h = append(b, slice(1)), append(h, slice(ratio))
	}
	return base, head, b, h
}

func TestInterleavedSidesOnABusyMachine(t *testing.T) {
	t.Parallel()
	count := func(ratio float64) map[Outcome]int {
		got := map[Outcome]int{}
		for i := range 20 {
			base, head, b, h := interleavedRuns(uint64(i), 10, ratio)
			res, err := Interleaved(base, head, b, h, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got[res.Outcome]++
		}
		return got
	}
	if got := count(1); got[Same]+got[Noisy] < 19 || got[Same] < 10 {
		t.Errorf("equal sides: %v", got)
	}
	if got := count(1.3); got[Regressed] < 19 {
		t.Errorf("30 %% slower: %v", got)
	}
	if got := count(0.7); got[Improved] < 18 {
		t.Errorf("30 %% faster: %v", got)
	}
}

func TestTooFewSlices(t *testing.T) {
	t.Parallel()
	base, head, b, h := interleavedRuns(1, 3, 2)
	res, err := Interleaved(base, head, b, h, Options{})
	if err != nil || res.Outcome != Noisy || len(res.Pairs[0].Rows) != 0 {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestInterleavedSidesThatFail(t *testing.T) {
	t.Parallel()
	base, head, b, h := interleavedRuns(1, 8, 1)
	head.Runs[0].Checks = []Check{{"verify", "lobby", "fail"}}
	res, err := Interleaved(base, head, b, h, Options{})
	if err != nil || res.Outcome != Regressed || res.Pairs[0].Slices != 8 {
		t.Errorf("%v, %+v", err, res)
	}
	head.Runs[0].PlanHash = "another"
	if _, err := Interleaved(base, head, b, h, Options{}); err == nil {
		t.Error("different plans were compared")
	}
}
