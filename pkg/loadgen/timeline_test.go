package loadgen

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// TestTimelineOfARun: counts, rates and the latency of each second are those of
// the second, not of the run so far.
func TestTimelineOfARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond, deliver: func(d delivery) []delivery { return []delivery{d} }}
		r := bench(t, s, crossPod, func(o *Options) { o.Progress = nil })
		if r.TimelineMetric != DeliveryLatency || len(r.Timeline) < 10 {
			t.Fatalf("%d points of %q", len(r.Timeline), r.TimelineMetric)
		}
		mid := r.Timeline[5]
		if mid.Elapsed < 5*time.Second || mid.Elapsed > 7*time.Second || mid.Open != 10 || mid.Phase != "running" || mid.SentRate < 18 || mid.SentRate > 22 ||
			mid.RecvRate < 100 || mid.P99 < 0.001 || mid.P99 > 0.1 {
			t.Errorf("in the middle: %+v", mid)
		}
		last := r.Timeline[len(r.Timeline)-1]
		if last.Sent != 208 || last.Received != 1200 || last.RecvRate != 0 || last.P99 != 0 {
			t.Errorf("at the end: %+v", last)
		}
	})
}

// TestTimelineIsBounded: a run of any length fits, evenly spaced, and loses
// neither its end nor its worst moment.
func TestTimelineIsBounded(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{1, maxTimeline, maxTimeline + 1, 10*maxTimeline + 7, 90_000} {
		set := hist.NewSet(1)
		id := set.Add(hist.Coarse)
		tl := &timeline{stride: 1}
		for i := range seconds {
			v := time.Millisecond
			if i == seconds/2 {
				v = time.Second
			}
			// The slow moment is the only one that is measured for real: reading
			// a histogram for each of them would take long.
			var now *hist.Histogram
			if i == seconds/2 {
				set.Record(0, id, v)
				now = set.Read(id)
			} else if now = tl.before; now == nil {
				now = &hist.Histogram{}
			}
			tl.add(TimelinePoint{Elapsed: time.Duration(i+1) * time.Second, Sent: int64(10 * (i + 1))}, now)
		}
		points := tl.finish()
		if len(points) > maxTimeline || len(points) < min(seconds, maxTimeline/2) {
			t.Errorf("%d seconds: %d points", seconds, len(points))
		}
		if last := points[len(points)-1]; last.Elapsed != time.Duration(seconds)*time.Second || last.Sent != int64(10*seconds) {
			t.Errorf("%d seconds: the last is %+v", seconds, last)
		}
		worst, gaps := 0.0, map[time.Duration]int{}
		for i, p := range points {
			worst = max(worst, p.P99)
			if p.SentRate != 10 {
				t.Fatalf("%d seconds: rate %v at %v", seconds, p.SentRate, p.Elapsed)
			}
			if i > 0 {
				gaps[p.Elapsed-points[i-1].Elapsed]++
			}
		}
		if worst < 0.99 || worst > 1.02 {
			t.Errorf("%d seconds: worst p99 %v", seconds, worst)
		}
		if len(gaps) > 2 { // the last may be short
			t.Errorf("%d seconds: gaps %v", seconds, gaps)
		}
	}
}

func TestPercentileSinceIsOfTheNewValues(t *testing.T) {
	t.Parallel()
	set := hist.NewSet(2)
	id := set.Add(hist.Fine)
	record := func(d time.Duration) *hist.Histogram {
		for shard := range 200 {
			set.Record(shard, id, d)
		}
		return set.Read(id)
	}
	first, second, third := record(time.Second), record(time.Millisecond), set.Read(id)
	got := []float64{first.PercentileSince(nil, 99), second.PercentileSince(first, 99), third.PercentileSince(second, 99), second.PercentileSince(&hist.Histogram{}, 99)}
	near := cmp.Comparer(func(a, b float64) bool { return a == b || a > b*0.995 && a < b*1.005 })
	if diff := cmp.Diff([]float64{1, 0.001, 0, 1}, got, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
