package loadgen

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const crossPod = `
version: 1
name: cross-pod
targets:
  pod-a: { url: "http://pod-a:3000", protocol: socketio }
  pod-b: { url: "http://pod-b:3000", protocol: socketio }
clients:
  subscribers:
    count: 3
    target: each
    flow:
      - { emit: join, args: [lobby], ack: { within: 2s } }
      - { barrier: ready }
      - { on: message, at: $.text, until: end }
  publishers:
    count: 1
    target: each
    flow:
      - { barrier: ready }
      - { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, for: 10s, ack: { within: 1s } }
  outsiders:
    count: 1
    target: each
    flow:
      - { emit: join, args: [other], ack: { within: 2s } }
      - { barrier: ready }
      - { on: message, until: end }
verify:
  lobby: { from: publishers, to: subscribers, guarantee: exactlyOnce, order: perPublisher, within: 1s, settle: 5s, groupBy: target }
  isolation: { from: publishers, to: outsiders, expect: nothing }
thresholds:
  delivery_latency: p99 < 250ms
`

// 2 publishers × 100 messages × 6 subscribers.
const crossPodExpected = 1200

func TestRunFindsExactlyTheInjectedOutcome(t *testing.T) {
	t.Parallel()
	first := func(d delivery) bool { return d.to.target == "pod-b" && d.room == "lobby" }
	tests := []struct {
		name    string
		deliver func(d delivery) []delivery
		want    Counts // of verify lobby, without Published
		broken  []string
	}{
		{
			name: "clean",
			want: Counts{Expected: crossPodExpected, Delivered: crossPodExpected},
		},
		{
			name: "lost",
			deliver: func(d delivery) []delivery {
				if first(d) && d.n >= 50 && d.n < 60 {
					return nil
				}
				return []delivery{d}
			},
			want:   Counts{Expected: crossPodExpected, Delivered: crossPodExpected - 30, Lost: 30},
			broken: []string{"fail verify lobby: 1170 of 1200 delivered, 30 lost"},
		},
		{
			name: "duplicated",
			deliver: func(d delivery) []delivery {
				if first(d) && d.n == 50 {
					return []delivery{d, d}
				}
				return []delivery{d}
			},
			want:   Counts{Expected: crossPodExpected, Delivered: crossPodExpected, Duplicated: 3},
			broken: []string{"fail verify lobby: 1200 of 1200 delivered, 3 duplicated"},
		},
		{
			name: "duplicated long after",
			deliver: func(d delivery) []delivery {
				if first(d) && d.n >= 198 { // nothing comes between them
					again := d
					again.after += 4 * time.Second
					return []delivery{d, again}
				}
				return []delivery{d}
			},
			want:   Counts{Expected: crossPodExpected, Delivered: crossPodExpected, Duplicated: 6},
			broken: []string{"fail verify lobby: 1200 of 1200 delivered, 6 duplicated"},
		},
		{
			name: "quoted twice in one event",
			deliver: func(d delivery) []delivery {
				text := strings.TrimPrefix(d.body, `{"text":`)
				d.body = `{"preview":` + strings.TrimSuffix(text, "}") + `,"text":` + text
				return []delivery{d}
			},
			want: Counts{Expected: crossPodExpected, Delivered: crossPodExpected},
		},
		{
			name: "out of order",
			deliver: func(d delivery) []delivery {
				if first(d) && d.n == 50 {
					d.after += 150 * time.Millisecond // behind the next of the same publisher
				}
				return []delivery{d}
			},
			want: Counts{Expected: crossPodExpected, Delivered: crossPodExpected, OutOfOrder: 3},
			broken: []string{
				"fail verify lobby: 1200 of 1200 delivered, 3 out of order",
			},
		},
		{
			name: "late",
			deliver: func(d delivery) []delivery {
				if first(d) && d.n >= 198 { // the last of each publisher
					d.after += 1500 * time.Millisecond
				}
				return []delivery{d}
			},
			want: Counts{Expected: crossPodExpected, Delivered: crossPodExpected, Late: 6},
			broken: []string{
				"fail verify lobby: 1200 of 1200 delivered, 6 later than 1s",
			},
		},
		{
			name: "corrupt",
			deliver: func(d delivery) []delivery {
				if first(d) && d.n == 50 {
					d.body = strings.Replace(d.body, "rtk1.run1.", "rtk1.run2.", 1)
				}
				return []delivery{d}
			},
			want:   Counts{Expected: crossPodExpected, Delivered: crossPodExpected - 3, Lost: 3, Corrupt: 3},
			broken: []string{"fail verify lobby: 1197 of 1200 delivered, 3 lost, 3 corrupt"},
		},
		{
			name: "from another run",
			deliver: func(d delivery) []delivery {
				if !first(d) || d.n != 50 {
					return []delivery{d}
				}
				stranger := d
				stranger.body = `{"text":"` + string(ledger.Marker{Run: 99, At: 1}.Append(nil)) + `"}`
				return []delivery{d, stranger}
			},
			want:   Counts{Expected: crossPodExpected, Delivered: crossPodExpected, Unexpected: 3},
			broken: []string{"fail verify lobby: 1200 of 1200 delivered, 3 unexpected"},
		},
		{
			name: "connection lost",
			deliver: func(d delivery) []delivery {
				d.closes = first(d) && d.n == 100
				return []delivery{d}
			},
			// Of the 200 messages to each of three, 100 came. The two of the
			// instant of the cut were accepted when it happened or later.
			want: Counts{Expected: crossPodExpected, Delivered: crossPodExpected - 300, Lost: 300},
			broken: []string{
				"fail group subscribers: 6 of 6 connected, 3 disconnected",
				"fail verify lobby: 900 of 1200 delivered, 300 lost",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, &fakeServer{delay: 5 * time.Millisecond, deliver: tt.deliver}, crossPod)
				got := r.Verify[0].Counts
				if got.Published != 200 {
					t.Errorf("published %d, want 200", got.Published)
				}
				got.Published = 0
				if tt.name == "connection lost" { // which of the two is certain at the cut depends on the tie
					tt.want.Indeterminate = got.Indeterminate
					tt.want.Expected -= got.Indeterminate
					tt.want.Lost -= got.Indeterminate
					if got.Indeterminate > 6 {
						t.Errorf("indeterminate = %d, want at most 6", got.Indeterminate)
					}
					tt.broken[1] = broken(r)[len(broken(r))-1]
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("lobby (-want +got):\n%s", diff)
				}
				wantBroken(t, r, tt.broken...)
				if want := map[bool]Verdict{true: Pass, false: Fail}[len(tt.broken) == 0]; r.Verdict != want {
					t.Errorf("verdict = %s (%s), want %s", r.Verdict, r.Reason, want)
				}
			})
		})
	}
}

func TestLeakToOutsidersIsFoundAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.deliver = func(d delivery) []delivery {
			if d.n != 20 || d.to != s.rooms["lobby"][0] {
				return []delivery{d}
			}
			leak := d
			leak.to = s.rooms["other"][1]
			return []delivery{d, leak}
		}
		r := bench(t, s, crossPod)
		wantBroken(t, r, "fail verify isolation: 1 of 400 leaked")
		if len(r.Verify[1].Leaks) != 1 {
			t.Fatalf("leaks = %v, want one", r.Verify[1].Leaks)
		}
		if l := r.Verify[1].Leaks[0]; l.First != 10 || l.Last != 10 || l.To != "pod-b" {
			t.Errorf("leak = %+v, want message 10 to pod-b", l)
		}
	})
}

func TestLateAndDamagedLeaksAreLeaks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		leak   func(d *delivery)
		broken string
	}{
		{"long after", func(d *delivery) { d.after += 4 * time.Second }, "fail verify isolation: 1 of 400 leaked"},
		{
			"damaged", func(d *delivery) { d.body = d.body[:len(d.body)-3] + `"}` },
			"fail verify isolation: 0 of 400 leaked, 1 corrupt",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond}
				s.deliver = func(d delivery) []delivery {
					if d.n != 199 || d.to != s.rooms["lobby"][0] {
						return []delivery{d}
					}
					leak := d
					leak.to = s.rooms["other"][1]
					tt.leak(&leak)
					return []delivery{d, leak}
				}
				wantBroken(t, bench(t, s, crossPod), tt.broken)
			})
		})
	}
}

// TestSeveralMessagesInOneEvent delivers what a server has gathered for a
// while in one event.
func TestSeveralMessagesInOneEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held := map[*fakeConn]string{}
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.deliver = func(d delivery) []delivery {
			if d.room != "lobby" {
				return []delivery{d}
			}
			if d.n%2 == 0 {
				held[d.to] = d.body
				return nil
			}
			d.body = `{"items":[` + held[d.to] + "," + d.body + "]}"
			return []delivery{d}
		}
		r := bench(t, s, strings.ReplaceAll(crossPod, "at: $.text, ", ""))
		wantBroken(t, r)
		if c := r.Verify[0].Counts; c.Delivered != crossPodExpected || c.Duplicated != 0 {
			t.Errorf("delivered %d, duplicated %d, want %d and none", c.Delivered, c.Duplicated, crossPodExpected)
		}
	})
}

func TestLossesAreIntervalsWithTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bench(t, &fakeServer{delay: 5 * time.Millisecond, deliver: func(d delivery) []delivery {
			if d.to.target == "pod-b" && d.room == "lobby" && strings.Contains(d.body, "rtk1.run1.0.") && d.n >= 40 && d.n < 60 {
				return nil
			}
			return []delivery{d}
		}}, crossPod)
		v := r.Verify[0]
		if len(v.Losses) != 1 || v.Losses[0].Subscribers != 3 || v.Losses[0].Cause != "backplane" {
			t.Fatalf("losses = %v, want one for all subscribers of pod-b", v.Losses)
		}
		l := v.Losses[0]
		if l.From != "pod-a" || l.To != "pod-b" || l.Publisher != 0 || l.First != 20 || l.Last != 29 || l.Count != 10 {
			t.Errorf("loss = %+v, want 20 to 29 from pod-a to pod-b", l)
		}
		if d := l.End.Sub(l.Start); d != 900*time.Millisecond {
			t.Errorf("lasted %s, want 900ms", d)
		}
		for _, c := range v.Cells {
			want := int64(300)
			if c.From == "pod-a" && c.To == "pod-b" {
				want -= 30
			}
			if c.Delivered != want || c.Expected != 300 {
				t.Errorf("cell %s→%s: %d of %d, want %d of 300", c.From, c.To, c.Delivered, c.Expected, want)
			}
			if c.P50 < 0.005 || c.P99 > 0.0051 {
				t.Errorf("cell %s→%s: p50 %g, p99 %g, want 5ms", c.From, c.To, c.P50, c.P99)
			}
		}
	})
}

func TestLossesSayWhereToLook(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		lose func(d delivery) bool
		want string
	}{
		{"a pod", func(d delivery) bool { return d.to.target == "pod-b" }, "3 of 6 subscribers lost something, all of them on pod-b"},
		{
			"the backplane",
			func(d delivery) bool { return (d.to.target == "pod-b") == strings.Contains(d.body, "rtk1.run1.0.") },
			"6 of 6 subscribers lost something, only between different targets: look at what connects them",
		},
		{"everywhere", func(delivery) bool { return true }, "6 of 6 subscribers lost something\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, &fakeServer{delay: time.Millisecond, deliver: func(d delivery) []delivery {
					if d.n >= 50 && d.n < 60 && tt.lose(d) {
						return nil
					}
					return []delivery{d}
				}}, crossPod)
				for _, c := range r.Checks {
					if c.Kind == "verify" && c.Name == "lobby" && !strings.HasPrefix(c.Detail, tt.want) {
						t.Errorf("detail = %q, want it to begin with %q", c.Detail, tt.want)
					}
				}
			})
		})
	}
}

func TestUnackedPublishesAreIndeterminate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.ack = func(c *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
			return `{"ok":true}`, s.delay, m.Event != "say" || c.says != 30 // one of each publisher
		}
		r := bench(t, s, crossPod)
		got := r.Verify[0].Counts
		want := Counts{Published: 198, Expected: 1188, Delivered: 1188, Indeterminate: 12}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lobby (-want +got):\n%s", diff)
		}
		wantBroken(t, r, "fail step publishers: emit say: 198 of 200 acks")
	})
}
