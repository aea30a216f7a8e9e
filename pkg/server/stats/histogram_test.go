package stats

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestRecorderPutsDurationsInTheirBucket(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		d      time.Duration
		zero   uint64
		bucket int
	}{
		{"negative", -time.Second, 1, 0},
		{"nothing", 0, 1, 0},
		{"a microsecond", time.Microsecond, 1, 0},
		{"1 s is the upper bound of bucket 0", time.Second, 0, 0},
		{"above 1 s", time.Second + time.Millisecond, 0, 1},
		{"250 ms", 250 * time.Millisecond, 0, -8},
		{"64 s", 64 * time.Second, 0, lastBucket},
		{"an hour", time.Hour, 0, lastBucket},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r Recorder
			r.Observe(tt.d)
			h := r.Snapshot()
			if h.Count != 1 || h.Zero != tt.zero || h.Zero == 0 && h.Buckets[tt.bucket] != 1 {
				t.Errorf("%v: %+v, want zero %d, bucket %d", tt.d, h, tt.zero, tt.bucket)
			}
		})
	}
}

func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	var r Recorder
	var sum float64
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		d := time.Duration(rnd.Int64N(int64(time.Second)))
		sum += d.Seconds()
		r.Observe(d)
	}
	h := r.Snapshot()
	for _, q := range []struct{ got, want float64 }{{h.P50Seconds, 0.5}, {h.P99Seconds, 0.99}} {
		if q.got < q.want*0.99 || q.got > q.want*1.2 {
			t.Errorf("quantile %v, want %v to a fifth more", q.got, q.want)
		}
	}
	if math.Abs(h.SumSeconds-sum) > 1e-3 {
		t.Errorf("sum %v, want %v", h.SumSeconds, sum)
	}
	if n := h.AtMost(-1); math.Abs(float64(n)-50_000) > 1000 {
		t.Errorf("%d of 100,000 within 0.5 s, want half", n)
	}
	if n := h.AtMost(4); n != 100_000 {
		t.Errorf("%d of 100,000 within 16 s", n)
	}
}

func TestRecorderAllocatesNothing(t *testing.T) {
	var r Recorder
	if n := testing.AllocsPerRun(1000, func() { r.Observe(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations a duration", n)
	}
}

func BenchmarkRecorder(b *testing.B) {
	var r Recorder
	for b.Loop() {
		r.Observe(3 * time.Millisecond)
	}
}
