package loadgen

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// TestStrainedGeneratorsAreInconclusive injects each figure that says that the
// generator did not make the load, or did not see the answers in time.
func TestStrainedGeneratorsAreInconclusive(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		soft, hard func(g *Generator)
		says       string
	}{
		{"scheduler lag", func(g *Generator) { g.SchedulerLagP99 = 0.02 }, func(g *Generator) { g.SchedulerLagP99 = 0.2 }, "scheduler lag p99"},
		{"send queue", func(g *Generator) { g.SendAgeP99 = 0.02 }, func(g *Generator) { g.SendAgeP99 = 0.2 }, "sends waited p99"},
		{"a long pause", func(g *Generator) { g.GCPauseMax = 3 }, nil, "garbage collection stopped everything for 3s"},
		{"garbage collection", func(g *Generator) { g.GCShare = 0.03 }, func(g *Generator) { g.GCShare = 0.3 }, "garbage collection stopped everything"},
		{"processors", func(g *Generator) { g.CPUShare = 0.96 }, func(g *Generator) { g.CPUShare = 1 }, "of the machine's processors"},
		{"steal", func(g *Generator) { g.StealShare = 0.1 }, func(g *Generator) { g.StealShare = 0.4 }, "the hypervisor took"},
		{"receive buffers", func(g *Generator) { g.UnreadShare = 0.05 }, func(g *Generator) { g.UnreadShare = 0.5 }, "receive buffers were half full"},
		{"drops", nil, func(g *Generator) { g.SelfDropped = 1 }, "dropped 1 messages itself"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, x := range []struct {
				strain func(g *Generator)
				want   Verdict
				exit   int
				check  CheckStatus
			}{{tt.soft, Pass, 0, CheckWarn}, {tt.hard, Inconclusive, 4, CheckInconclusive}} {
				if x.strain == nil {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					r := bench(t, &fakeServer{}, crossPod, func(o *Options) {
						o.strain = func(g *Generator) { *g = Generator{}; x.strain(g) }
					})
					wantVerdict(t, r, x.want)
					if code := r.Verdict.ExitCode(); code != x.exit {
						t.Errorf("exit code %d, want %d", code, x.exit)
					}
					last := r.Checks[len(r.Checks)-1]
					if last.Kind != "generator" || last.Status != x.check || !strings.Contains(last.Detail, tt.says) {
						t.Errorf("check %+v, want %s that says %q", last, x.check, tt.says)
					}
				})
			}
		})
	}
}

// A violation that no generator can cause fails however strained it was.
func TestStrainExcusesNoOutrightViolation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{deliver: func(d delivery) []delivery {
			if d.n == 50 && d.room == "lobby" {
				return []delivery{d, d}
			}
			return []delivery{d}
		}}
		r := bench(t, s, crossPod, func(o *Options) { o.strain = func(g *Generator) { *g = Generator{UnreadShare: 1} } })
		wantVerdict(t, r, Fail)
	})
}

func TestUnreadDataIsSampled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		waiting int
		want    Verdict
	}{{"read in time", 100, Pass}, {"not read", 180_000, Inconclusive}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{unread: func() (int, int) { return tt.waiting, 200_000 }}
				r := bench(t, s, crossPod)
				wantVerdict(t, r, tt.want)
				if g := r.Generator; g.UnreadMax != float64(tt.waiting)/200_000 {
					t.Errorf("largest fill %g, share %g", g.UnreadMax, g.UnreadShare)
				}
			})
		})
	}
}

func TestTrustworthy(t *testing.T) {
	t.Parallel()
	got := map[int64]float64{}
	for _, n := range []int64{0, 5, 19, 20, 99, 100, 999, 1000, 10_000, 100_000} {
		got[n] = trustworthy(n)
	}
	want := map[int64]float64{0: 0, 5: 0, 19: 0, 20: 50, 99: 50, 100: 90, 999: 90, 1000: 99, 10_000: 99.9, 100_000: 99.99}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	before, after := []uint64{0, 5, 0, 0}, []uint64{0, 7, 1, 0}
	if sum := sumPauses([]float64{math.Inf(-1), 0.01, 0.03, 0.05, math.Inf(1)}, before, after); math.Abs(sum-0.08) > 1e-9 {
		t.Errorf("pauses add up to %g, want 0.08", sum)
	}
	for text, g := range map[string]Generator{
		"": {},
		"numbers trustworthy up to p99.9, within 1.2ms": {TrustworthyUpTo: 0.0012, TrustworthyPercentile: 99.9},
		"latencies below 1.2ms are noise":               {TrustworthyUpTo: 0.0012},
	} {
		if got := g.trustText(); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}
