package loadgen

import (
	"math"
	"testing"
	"time"
)

// TestPaceOfRamps: the schedule of a rate that changes is exact. What is due by then
// is the integral of the rate, and each send is due when the integral comes to
// its number.
func TestPaceOfRamps(t *testing.T) {
	t.Parallel()
	up := &RateRamp{From: 0, To: 10, Over: 10 * time.Second}
	down := &RateRamp{From: 10, To: 0, Over: 10 * time.Second}
	for _, tt := range []struct {
		name  string
		s     Schedule
		n     int
		total int64           // over the clients
		due   []time.Duration // of the first client's first sends
	}{
		{"once", Schedule{}, 3, 3, []time.Duration{0}},
		{"steady", Schedule{Rate: 2, For: 10 * time.Second}, 1, 20, []time.Duration{0, 500 * time.Millisecond, time.Second}},
		{"steady, total", Schedule{TotalRate: 4, For: 10 * time.Second}, 3, 40, []time.Duration{0, 750 * time.Millisecond, 1500 * time.Millisecond}},
		{"count", Schedule{Rate: 4, Count: 3}, 2, 6, []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond}},
		// ½·t² = k: the sends come at √(2k).
		{"up from nothing", Schedule{Rate: 10, Ramp: up, For: 10 * time.Second}, 1, 50, []time.Duration{0, 1414213562, 2 * time.Second, 2449489743}},
		{"up and on", Schedule{Rate: 10, Ramp: up, For: 20 * time.Second}, 1, 150, []time.Duration{0, 1414213562}},
		{"cut off in the ramp", Schedule{Rate: 10, Ramp: up, For: 4 * time.Second}, 1, 8, []time.Duration{0, 1414213562}},
		{"down to nothing", Schedule{Rate: 10, Ramp: down, For: time.Minute}, 1, 50, []time.Duration{0, 100505063}},
		{"up, total", Schedule{TotalRate: 10, Ramp: up, For: 10 * time.Second}, 4, 50, []time.Duration{0, 2828427125}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const start = time.Minute
			total := int64(0)
			for i := range tt.n {
				p := newPace(tt.s, start, i, tt.n)
				total += p.total
				last := time.Duration(-1)
				for k := range p.total {
					due := p.due(k) - start
					if due < last || tt.s.For > 0 && due > tt.s.For {
						t.Fatalf("client %d: send %d is due at %s, after one at %s", i, k, due, last)
					}
					last = due
				}
			}
			if total != tt.total {
				t.Errorf("%d sends, want %d", total, tt.total)
			}
			p := newPace(tt.s, start, 0, tt.n)
			for k, want := range tt.due {
				if got := p.due(int64(k)) - start; got != want {
					t.Errorf("send %d is due at %s, want %s", k, got, want)
				}
			}
		})
	}
}

// TestRateCurveInverse: reaches is the inverse of sends, also where the ramp
// ends.
func TestRateCurveInverse(t *testing.T) {
	t.Parallel()
	for _, c := range []rateCurve{{1, 1, 0}, {0, 10, 10}, {10, 0, 10}, {3, 7, 0.5}, {7, 3, 100}, {5, 5, 10}} {
		for at := 0.0; at < 9.99; at += 0.37 {
			n := c.sends(seconds(at))
			if got := c.reaches(n); math.Abs(got-at) > 1e-6*(1+at) {
				t.Errorf("%+v: %g sends are due at %g, want %g", c, n, got, at)
			}
		}
	}
	if got := (rateCurve{10, 0, 10}).reaches(51); got < 1e8 {
		t.Errorf("a send that is never due is due at %g", got)
	}
}
