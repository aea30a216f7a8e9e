package throttle

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// The steady rate that passes is the configured one within 2 %, for messages
// and for bytes of mixed sizes, whatever the arrivals.
func TestSteadyRateIsTheConfiguredOne(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		limit Limit
		cost  func(i int) int
		every time.Duration // between tries
	}{
		{"messages", Limit{20, 40}, func(int) int { return 1 }, 3 * time.Millisecond},
		{"slow", Limit{1.5, 1}, func(int) int { return 1 }, 10 * time.Millisecond},
		{"fast", Limit{5000, 50}, func(int) int { return 1 }, 100 * time.Microsecond},
		{"bytes", Limit{64e3, 64e3}, func(i int) int { return 100 + i*37%900 }, 2 * time.Millisecond},
		{"bytes beyond the burst", Limit{10e3, 1000}, func(int) int { return 2500 }, 5 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				table := NewTable(0)
				var b Bucket
				now := func() time.Duration { return time.Since(start) }
				for ok := true; ok; { // the burst is not what is measured
					ok, _ = b.AllowN(tt.limit, tt.cost(0), now())
					keyed, _ := table.AllowN("k", tt.limit, tt.cost(0), now())
					if keyed != ok {
						t.Fatal("a table decides differently from a bucket")
					}
				}
				const length = 2 * time.Minute
				total := 0
				for i := 0; now() < length; i++ {
					if ok, _ := b.AllowN(tt.limit, tt.cost(i), now()); ok {
						total += tt.cost(i)
					}
					time.Sleep(tt.every)
				}
				rate := float64(total) / length.Seconds()
				if off := rate/tt.limit.Rate - 1; math.Abs(off) > 0.02 {
					t.Errorf("%.2f/s passed, want %v/s within 2 %%, is off by %.2f %%", rate, tt.limit.Rate, off*100)
				}
			})
		})
	}
}

func TestAllowNOfOneIsAllow(t *testing.T) {
	t.Parallel()
	l := Limit{7, 3}
	var a, b Bucket
	for now := time.Duration(0); now < 10*time.Second; now += 13 * time.Millisecond {
		ok, retry := a.Allow(l, now)
		okN, retryN := b.AllowN(l, 1, now)
		if ok != okN || retry != retryN || a != b {
			t.Fatalf("at %v: Allow = %v, %v and AllowN = %v, %v", now, ok, retry, okN, retryN)
		}
	}
}

func BenchmarkBucketAllowN(b *testing.B) {
	b.ReportAllocs()
	l := Limit{Rate: 64e3, Burst: 64e3}
	var bucket Bucket
	var now time.Duration
	for b.Loop() {
		now += 100 * time.Microsecond
		bucket.AllowN(l, 128, now)
	}
}
