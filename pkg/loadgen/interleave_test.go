package loadgen

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const interleaved = `
version: 1
targets: { a: { url: "http://a", protocol: socketio } }
clients:
  chatters:
    count: 5
    flow: [{ emit: join, ack: {} }, { barrier: in }, { emit: say, args: ["x"], rate: 10/s, for: 40s, ack: {} }]
`

// says notes when each side's clients send.
type says struct {
	mu sync.Mutex
	at [2][]time.Time
}

func (s *says) server(side int, delay time.Duration) *fakeServer {
	return &fakeServer{delay: delay, send: func(_ *fakeConn, m *rt.Outgoing) error {
		if m.Event == "say" {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.at[side] = append(s.at[side], time.Now())
		}
		return nil
	}}
}

func TestSidesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said says
		const slice, guard = 2 * time.Second, 200 * time.Millisecond
		rb, rh, err := RunInterleaved(t.Context(), plan(t, interleaved), plan(t, interleaved),
			Options{Dialer: said.server(0, 5*time.Millisecond)}, Options{Dialer: said.server(1, 9*time.Millisecond)}, Interleave{Slice: slice})
		if err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, rb, Pass)
		wantVerdict(t, rh, Pass)
		validateReports(t, rb, rh)
		// Every message was sent, and in the side's own turns only.
		zero := said.at[0][0]
		if said.at[1][0].Before(zero) {
			t.Fatal("head was first")
		}
		for side := range said.at {
			if n := len(said.at[side]); n != 5*10*40 {
				t.Errorf("side %d sent %d messages, want 2000", side, n)
			}
			for _, at := range said.at[side] {
				// The first send of all is at the beginning of a turn, up to
				// the phase of the client that makes it.
				x := at.Sub(zero)
				k := int((x + guard/2) / slice)
				if k%2 != side || x-time.Duration(k)*slice > slice-guard {
					t.Fatalf("side %d sent %v after the beginning, in slice %d", side, x, k)
				}
			}
		}
		// What arrived is in the slices: 40 s of sending in turns of 1.8 s.
		for i, r := range []*Report{rb, rh} {
			if n := len(r.Slices); n < 22 || n > 24 {
				t.Errorf("side %d has %d slices", i, n)
			}
			var all int64
			for n, s := range r.Slices {
				for _, l := range s.Latencies {
					if l.Name != AckLatency || l.Labels[LabelEvent] != "say" {
						continue
					}
					all += l.Counts.Total()
					p50, want := l.Counts.Percentile(50), []float64{0.005, 0.009}[i]
					if l.Counts.Total() > 0 && (p50 < want || p50 > want+0.0001) {
						t.Errorf("side %d, slice %d: median %g, want %g", i, n, p50, want)
					}
				}
			}
			if all != 2000 {
				t.Errorf("side %d: %d acks in the slices, want 2000", i, all)
			}
		}
	})
}

// A side that nobody answers ends the other as well.
func TestADeadSideEndsBoth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead := &fakeServer{dial: func(*rt.DialRequest, *fakeConn) error {
			return &rt.Error{Op: "dial", Kind: rt.KindUnreachable}
		}}
		start := time.Now()
		rb, rh, err := RunInterleaved(t.Context(), plan(t, interleaved), plan(t, interleaved),
			Options{Dialer: &fakeServer{}}, Options{Dialer: dead}, Interleave{Slice: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, rh, Unreachable)
		wantVerdict(t, rb, Interrupted)
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestInterruptedTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(7*time.Second, cancel)
		rb, rh, err := RunInterleaved(ctx, plan(t, interleaved), plan(t, interleaved),
			Options{Dialer: &fakeServer{}}, Options{Dialer: &fakeServer{}}, Interleave{Slice: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, rb, Interrupted)
		wantVerdict(t, rh, Interrupted)
	})
}

func TestWhatCantBeInterleaved(t *testing.T) {
	t.Parallel()
	once := plan(t, `
version: 1
targets: { a: { url: "http://a", protocol: socketio } }
clients: { c: { flow: [{ emit: x }] } }
`)
	good := plan(t, interleaved)
	for name, tc := range map[string]struct {
		p *Plan
		i Interleave
	}{"nothing at a rate": {once, Interleave{}}, "slices too short": {good, Interleave{Slice: time.Millisecond}}} {
		if _, _, err := RunInterleaved(t.Context(), good, tc.p, Options{}, Options{}, tc.i); rt.KindOf(err) != rt.KindUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Schedule and turns agree about time in both directions.
func TestTurnTime(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	e := &engine{epoch: begun.Add(-3 * time.Second)}
	ts := &alternation{slice: time.Second, guard: 100 * time.Millisecond, begun: begun}
	var at [2][]time.Duration
	for n := range 2 {
		s := &side{alternation: ts, e: e, no: n}
		for i := range 40 {
			offset := time.Duration(i) * 300 * time.Millisecond
			x := s.at(0, offset) - 3*time.Second
			if got := s.sentBefore(x); got != offset {
				t.Errorf("side %d: %v after %v of sending, but that is %v", n, x, offset, got)
			}
			at[n] = append(at[n], x/time.Second)
		}
		// A step that begins later goes on from there.
		if a, b := s.at(3*time.Second, 5*time.Second), s.at(s.at(0, 2*time.Second), 3*time.Second); a != b {
			t.Errorf("side %d: %v and %v", n, a, b)
		}
		at[n] = slices.Compact(at[n])
	}
	if got := at[0][:5]; !slices.Equal(got, []time.Duration{0, 2, 4, 6, 8}) {
		t.Errorf("base has the slices %v", got)
	}
	if got := at[1][:5]; !slices.Equal(got, []time.Duration{1, 3, 5, 7, 9}) {
		t.Errorf("head has the slices %v", got)
	}
}
