package compare

import (
	"math/rand/v2"
	"testing"
)

// outcomes counts what comparisons of two servers say.
func outcomes(t *testing.T, times int, base, head *server, n int) map[Outcome]int {
	t.Helper()
	got := map[Outcome]int{}
	for i := range times {
		// No tolerance: it would hide false alarms.
		zero := []Tolerance{{Amount: 0}}
		res := mustCompare(t, base.runs(n), head.runs(n), Options{Seed: uint64(i), Tolerances: zero, Floor: 1e-9})
		got[res.Outcome]++
	}
	return got
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// What is asked of the intervals is that equal servers are told apart in at
// most one of twenty comparisons. Of 60, 3 are expected at the most; more than 8
// would come by chance once in 250 times. (Of 300 there were 0 to 7.)
func TestEqualServersAreNotToldApart(t *testing.T) {
	t.Parallel()
	const times, allowed = 60, 8
	for name, tc := range map[string]struct {
		s    server
		runs int
	}{
		"independent samples, one run":  {server{samples: 4000, sigma: 0.6}, 1},
		"samples that hang together":    {server{samples: 4000, sigma: 0.6, drift: 0.25}, 1},
		"runs that differ, three each":  {server{samples: 1600, sigma: 0.6, drift: 0.1, betweenRuns: 0.2}, 3},
		"runs that are alike, two each": {server{samples: 1600, sigma: 0.6}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.s.r, tc.s.median = source(11), 0.02
			got := outcomes(t, times, &tc.s, &tc.s, tc.runs)
			if alarms := got[Regressed] + got[Improved]; alarms > allowed {
				t.Errorf("%d of %d comparisons of equal servers told them apart: %v", alarms, times, got)
			} else {
				t.Logf("%d of %d false alarms", alarms, times)
			}
		})
	}
}

// Without the run's spans the samples count as independent, and the test above
// would fail: this is what they are for.
func TestSpansAreWhatKeepsOneRunHonest(t *testing.T) {
	t.Parallel()
	s := &server{r: source(12), samples: 4000, sigma: 0.6, drift: 0.25, median: 0.02, noSpans: true}
	got := outcomes(t, 30, s, s, 1)
	if alarms := got[Regressed] + got[Improved]; alarms < 10 {
		t.Errorf("only %d of 30 false alarms without spans: the test of equal servers can't fail", alarms)
	}
}

func TestAShiftIsFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		base, head server
		runs       int
		want       Outcome
	}{
		"slower, one run":             {server{samples: 8000, sigma: 0.5, median: 0.02}, server{samples: 8000, sigma: 0.5, median: 0.026}, 1, Regressed},
		"faster, one run":             {server{samples: 8000, sigma: 0.5, median: 0.02}, server{samples: 8000, sigma: 0.5, median: 0.014}, 1, Improved},
		"only the tail is slower":     {server{samples: 8000, sigma: 0.3, median: 0.02}, server{samples: 8000, sigma: 0.5, median: 0.02}, 1, Regressed},
		"slower, five runs that vary": {server{samples: 3000, sigma: 0.5, median: 0.02, betweenRuns: 0.05}, server{samples: 3000, sigma: 0.5, median: 0.032, betweenRuns: 0.05}, 5, Regressed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.base.r, tc.head.r = source(1), source(2)
			hits := 0
			for i := range 20 {
				res := mustCompare(t, tc.base.runs(tc.runs), tc.head.runs(tc.runs), Options{Seed: uint64(i)})
				if res.Outcome == tc.want {
					hits++
				}
			}
			if hits < 19 {
				t.Errorf("found in %d of 20 comparisons", hits)
			}
		})
	}
}

// Equal sides with enough samples are not only not different: they are the
// same within the tolerance.
func TestEnoughSamplesShowThatSidesAreTheSame(t *testing.T) {
	t.Parallel()
	s := &server{r: source(3), samples: 60000, sigma: 0.4, median: 0.02}
	for range 10 {
		if res := mustCompare(t, s.runs(1), s.runs(1), Options{}); res.Outcome != Same {
			t.Errorf("%s: %s", res.Outcome, res.Reason)
		}
	}
}

// A hundred samples can't show a difference of a tenth, whichever way.
func TestTooFewSamplesAreTooNoisy(t *testing.T) {
	t.Parallel()
	s := &server{r: source(4), samples: 800, sigma: 0.8, median: 0.02}
	res := mustCompare(t, s.runs(1), s.runs(1), Options{})
	if res.Outcome != Noisy || res.ExitCode != 4 {
		t.Errorf("%s (%d): %s", res.Outcome, res.ExitCode, res.Reason)
	}
}

// One run a side of servers whose runs differ: what can't be known is not.
func TestOneRunKnowsNothingOfOtherRuns(t *testing.T) {
	t.Parallel()
	s := &server{r: source(5), samples: 8000, sigma: 0.4, median: 0.02, betweenRuns: 0.2}
	one := outcomes(t, 40, s, s, 1)
	if one[Regressed]+one[Improved] < 10 {
		t.Errorf("one run each told equal servers apart in only %d of 40 comparisons: there is nothing to guard against", one[Regressed]+one[Improved])
	}
	if five := outcomes(t, 40, s, s, 5); five[Regressed]+five[Improved] > 6 {
		t.Errorf("five runs each: %v", five)
	}
}
