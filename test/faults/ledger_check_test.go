package faults_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLedger has a ledger judge what is known.
func TestLedger(t *testing.T) {
	t.Parallel()
	zero := time.Now()
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	var sent sends
	for i := range 10 {
		sent.at = append(sent.at, at(10*i))
	}
	for _, tc := range []struct {
		name string
		got  []arrival
		want outcome
	}{
		{
			"all is well",
			[]arrival{{0, at(1)}, {1, at(11)}, {2, at(21)}, {3, at(31)}, {4, at(41)}, {5, at(51)}, {6, at(61)}, {7, at(71)}, {8, at(81)}, {9, at(91)}},
			outcome{sent: 8, still: time.Millisecond, back: time.Millisecond},
		},
		{
			"a gap, one late, one twice",
			[]arrival{{0, at(1)}, {1, at(11)}, {2, at(21)}, {6, at(61)}, {5, at(62)}, {7, at(71)}, {7, at(72)}, {8, at(81)}, {9, at(91)}},
			outcome{sent: 8, lost: 2, twice: 1, disorder: 1, still: 31 * time.Millisecond, back: 11 * time.Millisecond},
		},
		{
			"all held up",
			[]arrival{{0, at(1)}, {1, at(11)}, {2, at(200)}, {3, at(200)}, {4, at(200)}, {5, at(200)}, {6, at(200)}, {7, at(200)}, {8, at(200)}, {9, at(200)}},
			outcome{sent: 8, still: 180 * time.Millisecond, back: 150 * time.Millisecond},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := &flow{sent: &sent, arrivals: tc.got}
			if diff := cmp.Diff(tc.want, f.since(at(15), at(50)), cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
