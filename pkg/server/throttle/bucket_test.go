package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

func TestBucketIsEightBytes(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(Bucket{}); got != 8 {
		t.Errorf("Bucket is %d bytes, want 8: there is one for each connection", got)
	}
}

func TestBucketBurstThenRate(t *testing.T) {
	t.Parallel()
	limits := []Limit{{1, 1}, {20, 40}, {3, 7}, {0.1, 2}, {999_999, 1000}, {7, 0}, {MaxRate, MaxBurst}}
	for _, l := range limits {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			var b Bucket
			start := 5 * time.Second
			passed := 0
			for ok := true; ok; {
				if ok, _ = b.Allow(l, start); ok {
					passed++
				}
			}
			if want := max(l.Burst, 1); passed != want {
				t.Fatalf("%d events passed at once, want the burst of %d", passed, want)
			}
			// From an empty bucket on, ask the moment that it says to.
			end := start + time.Duration(100/l.Rate*float64(time.Second))
			passed = 0
			for now := start; now <= end; {
				ok, retryAfter := b.Allow(l, now)
				if ok {
					passed++
				}
				now += retryAfter
			}
			if passed < 99 || passed > 100 {
				t.Errorf("%d events passed in the time of 100, want 99 or 100", passed)
			}
		})
	}
}

// Over any window the bucket lets through at most burst + rate*window, whatever
// the arrivals; and a refusal's retryAfter is exact to the nanosecond.
func TestBucketProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := Limit{Rate: []float64{0.3, 1, 3, 20, 333, 12_345.678}[rng.IntN(6)], Burst: 1 + rng.IntN(50)}
		mean := float64(time.Second) / l.Rate
		var b Bucket
		var passed []time.Duration
		now := time.Duration(rng.Int64N(int64(time.Hour)))
		for range 600 {
			switch rng.IntN(3) { // bursts, near-rate arrivals, and pauses
			case 0:
			case 1:
				now += time.Duration(rng.Float64() * mean)
			case 2:
				now += time.Duration(rng.ExpFloat64() * mean * 2)
			}
			before := b
			ok, retryAfter := b.Allow(l, now)
			if ok {
				if retryAfter != 0 {
					t.Fatalf("seed %d: passed with retryAfter %v", seed, retryAfter)
				}
				passed = append(passed, now)
				continue
			}
			if b != before {
				t.Fatalf("seed %d: a refusal changed the bucket", seed)
			}
			late, early := b, b
			if ok, _ := late.Allow(l, now+retryAfter); !ok || retryAfter <= 0 {
				t.Fatalf("seed %d: refused at retryAfter %v too", seed, retryAfter)
			}
			if ok, _ := early.Allow(l, now+retryAfter-1); ok {
				t.Fatalf("seed %d: passed 1 ns before retryAfter %v", seed, retryAfter)
			}
		}
		for i := range passed {
			for j := i; j < len(passed); j++ {
				window := (passed[j] - passed[i]).Seconds()
				if n, most := float64(j-i+1), float64(l.Burst)+l.Rate*window+1e-6; n > most {
					t.Fatalf("seed %d: %v events in %.9fs of %v, want at most %.3f", seed, n, window, l, most)
				}
			}
		}
	}
}

func TestBucketRefillsWhenIdle(t *testing.T) {
	t.Parallel()
	var b Bucket
	l := Limit{Rate: 10, Burst: 5}
	for range 5 {
		b.Allow(l, 0)
	}
	for name, idle := range map[string]time.Duration{"exactly": 500 * time.Millisecond, "for a year": 365 * 24 * time.Hour} {
		b, passed := b, 0
		for ok := true; ok; {
			if ok, _ = b.Allow(l, idle); ok {
				passed++
			}
		}
		if passed != 5 {
			t.Errorf("idle %s: %d events passed, want the burst of 5 and no more", name, passed)
		}
	}
}

func TestBucketOff(t *testing.T) {
	t.Parallel()
	var b Bucket
	for range 1000 {
		if ok, after := b.Allow(Limit{}, 0); !ok || after != 0 {
			t.Fatalf("Allow with the zero Limit = %v, %v, want true, 0", ok, after)
		}
	}
}

// A limit built by hand without Validate is kept as closely as the arithmetic
// allows and never wraps into letting everything through.
func TestBucketExtremeLimits(t *testing.T) {
	t.Parallel()
	var b Bucket
	l := Limit{Rate: 1e-300, Burst: 1}
	if ok, _ := b.Allow(l, 0); !ok {
		t.Error("refused the first event")
	}
	if ok, after := b.Allow(l, 24*time.Hour); ok || after < 24*time.Hour {
		t.Errorf("second event after a day = %v, %v, want a refusal for long", ok, after)
	}
}

func BenchmarkBucketAllow(b *testing.B) {
	b.ReportAllocs()
	l := Limit{Rate: 1000, Burst: 100}
	var bucket Bucket
	var now time.Duration
	for b.Loop() {
		now += 100 * time.Microsecond
		bucket.Allow(l, now)
	}
}
