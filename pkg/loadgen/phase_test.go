package loadgen

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestStages: how many clients a group has at the ends of the phases, and when
// each of them comes or goes.
func TestStages(t *testing.T) {
	t.Parallel()
	s := time.Second
	ramp := func(to int, over time.Duration) Phase { return Phase{Length: over, Ramps: true, RampTo: to} }
	hold := func(d time.Duration) Phase { return Phase{Length: d} }
	for _, tt := range []struct {
		name         string
		phases       []Phase
		count, total int
		want         []stage
		comers, peak int
	}{
		{"up, hold, down", []Phase{ramp(10, 10*s), hold(s), ramp(0, 5*s)}, 1, 1, []stage{{0, 10, 0, 10 * s}, {10, 0, 11 * s, 16 * s}}, 10, 10},
		{"a share", []Phase{ramp(10, 10*s)}, 30, 100, []stage{{0, 3, 0, 10 * s}}, 3, 3},
		{"a hold first", []Phase{hold(s), ramp(20, s)}, 5, 5, []stage{{0, 5, 0, 0}, {5, 20, s, 2 * s}}, 20, 20},
		{"up and down and up", []Phase{ramp(4, s), ramp(1, s), ramp(3, s)}, 1, 1, []stage{{0, 4, 0, s}, {4, 1, s, 2 * s}, {1, 3, 2 * s, 3 * s}}, 6, 4},
	} {
		got := stagesOf(tt.phases, tt.count, tt.total)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(stage{})); diff != "" || comers(got) != tt.comers || peak(got) != tt.peak {
			t.Errorf("%s: %d come, %d at the most (-want +got):\n%s", tt.name, comers(got), peak(got), diff)
		}
	}
	up, down := stage{0, 4, s, 5 * s}, stage{4, 0, s, 5 * s}
	if got := []time.Duration{up.due(0), up.due(3), down.due(0), down.due(3)}; !cmp.Equal(got, []time.Duration{s, 4 * s, 2 * s, 5 * s}) {
		t.Errorf("due at %v", got)
	}
}

const ramped = `
version: 1
targets:
  a: { url: "http://127.0.0.1:3000", protocol: socketio }
  b: { url: "http://127.0.0.1:3001", protocol: socketio }
phases:
  - { name: up, rampTo: 40, over: 10s }
  - { name: hold, for: 20s }
  - { name: down, rampTo: 10, over: 10s }
  - { name: again, rampTo: 20, over: 5s }
  - { name: drain, rampTo: 0, over: 5s }
clients:
  herd:
    target: each
    flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: ready }, { on: message, until: end }]
  publisher:
    target: a
    connect: { rate: 1/s }
    flow: [{ wait: 1s }, { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, ack: {} }]
verify:
  lobby: { from: publisher, to: herd, settle: 1s }
thresholds:
  delivery_lost: count == 0
  delivery_lost{phase=down}: count == 0
  disconnects_unplanned: count == 0
  delivery_latency{phase=again}: p99 < 100ms
`

// TestRamp: the number of connected clients follows the phases, who goes says
// goodbye, and nothing of that looks like a loss.
func TestRamp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		var mu sync.Mutex
		dialed := map[string]int{}
		s.dial = func(r *rt.DialRequest, _ *fakeConn) error {
			mu.Lock()
			defer mu.Unlock()
			dialed[r.Target.Name]++
			return nil
		}
		r := bench(t, s, ramped)
		wantBroken(t, r)
		wantVerdict(t, r, Pass)
		open := map[int]int{}
		for _, p := range r.Timeline {
			open[int(p.Elapsed.Seconds())] = p.Open
		}
		for at, want := range map[int]int{5: 22, 15: 41, 29: 41, 35: 26, 44: 19, 49: 5} {
			if d := open[at] - want; d < -3 || d > 3 {
				t.Errorf("after %d s there were %d connections, want about %d", at, open[at], want)
			}
		}
		if diff := cmp.Diff(map[string]int{"a": 26, "b": 25}, dialed); diff != "" {
			t.Errorf("connects by target (-want +got):\n%s", diff)
		}
		if g := r.Groups[0]; g.Planned != 50 || g.Connected != 50 || g.Finished != 50 || g.Disconnected != 0 {
			t.Errorf("herd: %+v", g)
		}
		var names []string
		for _, w := range r.Windows {
			names = append(names, w.Name+" "+w.From.String()+" "+w.To.String())
		}
		if diff := cmp.Diff([]string{"up 0s 10s", "hold 10s 30s", "down 30s 40s", "again 40s 45s", "drain 45s 50s"}, names); diff != "" {
			t.Errorf("windows (-want +got):\n%s", diff)
		}
		if r.Duration < 50*time.Second || r.Duration > 53*time.Second {
			t.Errorf("it took %s", r.Duration)
		}
	})
}

// TestRampFindsLosses: a server that forgets members as others leave is found.
func TestRampFindsLosses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		start := time.Now()
		s.deliver = func(d delivery) []delivery {
			if at := time.Since(start); at > 32*time.Second && at < 38*time.Second && d.n%5 == 0 {
				return nil
			}
			return []delivery{d}
		}
		r := bench(t, s, ramped)
		wantVerdict(t, r, Fail)
		got := map[string]bool{}
		for _, c := range r.Checks {
			if c.Status == CheckFail {
				got[c.Name] = true
			}
		}
		if diff := cmp.Diff(map[string]bool{"lobby": true, "delivery_lost: count == 0": true, "delivery_lost{phase=down}: count == 0": true}, got); diff != "" {
			t.Errorf("failing checks (-want +got):\n%s", diff)
		}
	})
}

// TestBarrierOfARamp: a barrier opens when the clients of the first ramp are
// there, however many come before that in later ones or go again.
func TestBarrierOfARamp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		var n, opened atomic.Int64
		s.dial = func(*rt.DialRequest, *fakeConn) error {
			if n.Add(1) == 3 {
				time.Sleep(8 * time.Second) // the third of the first ramp comes last
			}
			return nil
		}
		start := time.Now()
		s.send = func(*fakeConn, *rt.Outgoing) error {
			opened.CompareAndSwap(0, int64(time.Since(start)))
			return nil
		}
		r := bench(t, s, `
version: 1
targets: { api: { url: "http://127.0.0.1:3000", protocol: socketio } }
phases:
  - { name: first, rampTo: 4, over: 2s }
  - { name: second, rampTo: 12, over: 4s }
  - { name: third, rampTo: 9, over: 1s }
  - { name: hold, for: 10s }
clients:
  herd:
    flow: [{ barrier: ready }, { emit: say, args: [x, y], rate: 1/s, ack: {} }]
thresholds:
  ack_latency: count > 50
`)
		wantBroken(t, r)
		if at := time.Duration(opened.Load()); at < 9*time.Second || at > 10*time.Second {
			t.Errorf("the barrier opened after %s, want when the last of the first four had come", at)
		}
	})
}

// TestCheckpoint: while a run goes on, partial reports of it come, and in the
// end the whole one.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w weather
		w.lose = func(at time.Duration, n int) bool { return between(at, 5*sec, 6*sec) }
		var got []*Report
		src := talk + "  delivery_lost: { expr: count == 0, window: 10s }\n  ack_latency{phase=first}: p99 < 1s\n"
		r := bench(t, w.server(), "checkpoint: { every: 25s, file: x }"+src, func(o *Options) {
			o.Checkpoint = func(r *Report) error { got = append(got, r); return nil }
		})
		if len(got) != 3 || got[2] != r {
			t.Fatalf("%d reports, want two partial ones and the last", len(got))
		}
		for i, p := range got[:2] {
			if !p.Partial || p.Verdict != Interrupted || p.Duration != time.Duration(i+1)*25*sec || len(p.Timeline) < 20 {
				t.Errorf("partial report %d: %s, %s, %d points", i, p.Verdict, p.Duration, len(p.Timeline))
			}
			if m := metric(t, p, DeliveryLost); m.Count != 40 || m.Total < int64(i+1)*750 || m.Total > int64(i+1)*1000 {
				t.Errorf("partial report %d: %d lost of %d", i, m.Count, m.Total)
			}
		}
		wantVerdict(t, r, Fail)
	})
}
