package loadgen

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// TestStretches: which part of a run the conditions choose.
func TestStretches(t *testing.T) {
	t.Parallel()
	s := func(n int) time.Duration { return time.Duration(n) * time.Second }
	e := &engine{plan: &Plan{Scenario: &Scenario{}}, hists: nil}
	ws := newWindows(e)
	add := func(kind windowKind, name string, from, to int) {
		ws.list = append(ws.list, &window{ws: ws, kind: kind, name: name, from: s(from), to: s(to)})
	}
	add(windowPhase, "base", 0, 60)
	add(windowPhase, "trouble", 60, 120)
	add(windowFault, "kill", 70, 80)
	add(windowFault, "drop", 100, 100)
	add(windowPhase, "rest", 120, 180)
	add(windowFault, "drop", 130, 130)
	add(windowFault, "lag", 140, 150)
	ws.edges = append(ws.edges, &snapshot{at: s(200)})
	for _, tt := range []struct {
		name   string
		labels []LabelMatch
		want   []stretch
		all    bool
	}{
		{"none", nil, []stretch{{0, s(200)}}, true},
		{"another label", []LabelMatch{{Key: LabelClients, Value: "a"}}, []stretch{{0, s(200)}}, true},
		{"phase", []LabelMatch{{Key: LabelPhase, Value: "trouble"}}, []stretch{{s(60), s(120)}}, false},
		{"unknown phase", []LabelMatch{{Key: LabelPhase, Value: "drop"}}, nil, false},
		{"during", []LabelMatch{{Key: LabelDuring, Value: "kill"}}, []stretch{{s(70), s(80)}}, false},
		{"after", []LabelMatch{{Key: LabelAfter, Value: "kill"}}, []stretch{{s(80), s(100)}}, false},
		{"after the last", []LabelMatch{{Key: LabelAfter, Value: "lag"}}, []stretch{{s(150), s(200)}}, false},
		{"without length, twice", []LabelMatch{{Key: LabelDuring, Value: "drop"}}, []stretch{{s(100), s(140)}}, false},
		{"both", []LabelMatch{{Key: LabelPhase, Value: "trouble"}, {Key: LabelDuring, Value: "drop"}}, []stretch{{s(100), s(120)}}, false},
		{"both, apart", []LabelMatch{{Key: LabelPhase, Value: "base"}, {Key: LabelDuring, Value: "lag"}}, nil, false},
	} {
		got, all := ws.stretches(tt.labels)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(stretch{})); diff != "" || all != tt.all {
			t.Errorf("%s: all is %t (-want +got):\n%s", tt.name, all, diff)
		}
	}
}

const phased = `
version: 1
targets: { api: { url: "http://127.0.0.1:3000", protocol: socketio } }
phases:
  - { name: slow, for: 10s }
  - { name: fast, for: 20s }
clients:
  subscribers:
    count: 4
    flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: ready }, { on: message, until: end }]
  publisher:
    flow: [{ barrier: ready }, { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, ack: {} }]
verify:
  lobby: { from: publisher, to: subscribers, guarantee: atMostOnce, settle: 1s }
`

// TestWindowsOfARun: what is measured in a phase is that of the phase: counts
// and latencies by their time, deliveries by the time of publishing.
func TestWindowsOfARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &fakeServer{}
		s.deliver = func(d delivery) []delivery {
			d.after = 5 * time.Millisecond
			if time.Since(start) < 10*time.Second {
				d.after = 300 * time.Millisecond
				if d.n%10 == 3 {
					return nil
				}
			}
			if time.Since(start) > 15*time.Second && d.n%100 == 50 {
				return []delivery{d, d}
			}
			return []delivery{d}
		}
		var e *engine
		r := bench(t, s, phased, func(o *Options) { o.onEngine = func(x *engine) { e = x } })
		wantVerdict(t, r, Fail) // duplicates
		if r.Duration < 30*time.Second || r.Duration > 33*time.Second {
			t.Errorf("the run took %s, want as long as its phases and the settle time", r.Duration)
		}
		in := func(metric, phase string) *merged {
			list, all := e.windows.stretches([]LabelMatch{{Key: LabelPhase, Value: phase}})
			if all || len(list) != 1 {
				t.Fatalf("phase %s: %v", phase, list)
			}
			return e.within(list).pick(metric, nil)
		}
		whole := metric(t, r, DeliveryLost)
		slow, fast := in(DeliveryLost, "slow"), in(DeliveryLost, "fast")
		if slow.n < 36 || slow.n > 44 || fast.n != 0 || slow.n+fast.n != whole.Count || slow.of+fast.of != whole.Total {
			t.Errorf("lost %d of %d, then %d of %d; altogether %d of %d", slow.n, slow.of, fast.n, fast.of, whole.Count, whole.Total)
		}
		if p := in(DeliveryLatency, "slow").h.Percentile(50); p < 0.295 || p > 0.305 {
			t.Errorf("latency in the first phase: p50 %g, want 300 ms", p)
		}
		if h := in(DeliveryLatency, "fast"); h.h.Percentile(90) > 0.006 || h.h.Count() < 760 {
			t.Errorf("latency in the second phase: %d, p90 %g, want 5 ms", h.h.Count(), h.h.Percentile(90))
		}
		if a, b := in(DeliveryDuplicated, "slow"), in(DeliveryDuplicated, "fast"); a.n != 0 || b.n == 0 || b.n != metric(t, r, DeliveryDuplicated).Count {
			t.Errorf("duplicated %d, then %d; altogether %d", a.n, b.n, metric(t, r, DeliveryDuplicated).Count)
		}
		if m := in(MessagesSent, "fast"); m.n < 199 || m.n > 201 || m.took != 20 {
			t.Errorf("%d messages sent in %g s of the second phase, want 200 in 20", m.n, m.took)
		}
	})
}

// TestWindowsAreBounded: a fault that comes again and again does not fill the
// memory, and whoever begins it needn't care.
func TestWindowsAreBounded(t *testing.T) {
	t.Parallel()
	ws := newWindows(&engine{plan: &Plan{Scenario: &Scenario{}}})
	ws.e.tally = make([]tally, 1)
	ws.e.hists = hist.NewSet(1)
	ws.e.lag = ws.e.hists.Add(hist.Coarse)
	for i := range maxWindows + 10 {
		w := ws.begin(windowFault, "drop", time.Duration(i)*time.Second)
		w.finish(time.Duration(i) * time.Second)
		w.finish(time.Hour) // again: nothing
	}
	if len(ws.list) != maxWindows || ws.dropped != 10 || ws.list[3].to != 3*time.Second {
		t.Errorf("%d windows kept, %d dropped, the third ends at %s", len(ws.list), ws.dropped, ws.list[3].to)
	}
	var none *window
	none.finish(0)
}
