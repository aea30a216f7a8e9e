package loadgen

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// weigh runs steady against a server and judges it again as if the
// generator's timers had fired that late, in one of a hundred cases late99.
func weigh(t *testing.T, s *fakeServer, src string, lag, late99 time.Duration) *Report {
	t.Helper()
	r := bench(t, s, src, func(o *Options) {
		o.Progress = nil
		o.lag = func(set *hist.Set, id hist.ID) {
			for i := range 1_000_000 {
				d := lag
				if i%100 == 0 {
					d = late99
				}
				set.Record(0, id, d)
			}
		}
	})
	return r
}

func TestGeneratorIsWeighedIn(t *testing.T) {
	t.Parallel()
	slow := func(every int, d time.Duration) func(*fakeConn, *rt.Outgoing) (string, time.Duration, bool) {
		return func(c *fakeConn, _ *rt.Outgoing) (string, time.Duration, bool) {
			if c.says%every == 0 {
				return `{}`, d, true
			}
			return `{}`, time.Millisecond, true
		}
	}
	drop := func(d delivery) []delivery {
		if d.n == 5 && d.to.target == "pod-b" && d.room == "lobby" {
			return nil
		}
		return []delivery{d}
	}
	late := func(d delivery) []delivery {
		if d.n >= 198 && d.to.target == "pod-b" && d.room == "lobby" {
			d.after = 1500 * time.Millisecond
		}
		return []delivery{d}
	}
	dawdler := &guard{refuse: func(*fakeConn) error {
		time.Sleep(2500 * time.Millisecond)
		return &rt.Error{Op: "dial", Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 401}
	}}
	tests := []struct {
		name          string
		s             *fakeServer
		src           string
		lag, late99   time.Duration
		want          Verdict
		broken        []string
		generatorWant CheckStatus
	}{
		{name: "no lag", s: &fakeServer{}, src: steady, want: Pass, generatorWant: CheckPass},
		{
			name: "a pass is a pass with some lag", s: &fakeServer{}, src: steady, lag: 30 * time.Millisecond, late99: 40 * time.Millisecond,
			want: Pass, generatorWant: CheckWarn,
		},
		{
			name: "lag explains the latency", s: &fakeServer{ack: slow(50, 230*time.Millisecond)}, src: steady,
			lag: 30 * time.Millisecond, late99: 40 * time.Millisecond,
			want: Inconclusive, generatorWant: CheckWarn,
			broken: []string{"inconclusive threshold ack_latency{event=say}: p99 < 200ms: 230ms"},
		},
		{
			name: "lag doesn't explain the latency", s: &fakeServer{ack: slow(50, 900*time.Millisecond)}, src: steady,
			lag: 30 * time.Millisecond, late99: 40 * time.Millisecond,
			want: Fail, generatorWant: CheckWarn,
			broken: []string{"fail threshold ack_latency{event=say}: p99 < 200ms: 900ms"},
		},
		{
			name: "the load was not the one asked for", s: &fakeServer{}, src: steady,
			lag: 150 * time.Millisecond, late99: 150 * time.Millisecond,
			want: Inconclusive, generatorWant: CheckInconclusive,
		},
		{
			name: "a loss is a loss all the same", s: &fakeServer{delay: time.Millisecond, deliver: drop}, src: crossPod,
			lag: 150 * time.Millisecond, late99: 150 * time.Millisecond,
			want: Fail, generatorWant: CheckInconclusive,
			broken: []string{"fail verify lobby: 1197 of 1200 delivered, 3 lost"},
		},
		{
			name: "a late delivery is not", s: &fakeServer{delay: time.Millisecond, deliver: late}, src: crossPod,
			lag: 150 * time.Millisecond, late99: 150 * time.Millisecond,
			want: Inconclusive, generatorWant: CheckInconclusive,
			broken: []string{"inconclusive verify lobby: 1200 of 1200 delivered, 6 later than 1s"},
		},
		{
			name: "a slow refusal is not", s: &fakeServer{dial: dawdler.dial}, src: authMatrix,
			lag: 150 * time.Millisecond, late99: 150 * time.Millisecond,
			want: Inconclusive, generatorWant: CheckInconclusive,
			broken: []string{
				"inconclusive auth probe · websocket · missing: 0 of 3 as expected",
				"inconclusive auth probe · websocket · expired: 0 of 3 as expected",
				"inconclusive auth probe · polling · expired: 0 of 3 as expected",
				"inconclusive threshold auth_mismatches: count == 0: 9 of 21",
				"inconclusive threshold auth_reject_latency: p99 < 500ms: 2.5s",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := weigh(t, tt.s, tt.src, tt.lag, tt.late99)
				wantVerdict(t, r, tt.want)
				wantBroken(t, r, tt.broken...)
				g := r.Checks[len(r.Checks)-1]
				// A busy machine may add a warning about its garbage collector.
				if g.Kind != "generator" || g.Status != tt.generatorWant && !strings.Contains(g.Detail, "garbage") {
					t.Errorf("generator = %+v, want %s", g, tt.generatorWant)
				}
			})
		})
	}
}

func TestGeneratorProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		g       Generator
		limited int64
		want    []string
		hard    bool
	}{
		{"none", Generator{SchedulerLagP99: 0.009, CPUShare: 0.9}, 0, nil, false},
		{"lag", Generator{SchedulerLagP99: 0.02}, 0, []string{"scheduler lag p99 20ms, bound 10ms"}, false},
		{"much lag", Generator{SchedulerLagP99: 0.2}, 0, []string{"scheduler lag p99 200ms, bound 10ms"}, true},
		{"pause", Generator{GCPauseMax: 0.05}, 0, []string{"garbage collection stopped everything for 50ms, bound 20ms"}, false},
		{"processors", Generator{CPUShare: 0.96}, 0, []string{"used 96 % of the machine's processors, bound 95 %"}, false},
		{"all processors", Generator{CPUShare: 0.99}, 0, []string{"used 99 % of the machine's processors, bound 95 %"}, true},
		{"dropped", Generator{SelfDropped: 3}, 0, []string{"dropped 3 messages itself"}, true},
		{"descriptors", Generator{}, 7, []string{"7 connections failed for want of descriptors, ports or memory of this machine"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, hard := generatorProblems(tt.g, tt.limited, 60)
			if diff := cmp.Diff(tt.want, got); diff != "" || hard != tt.hard {
				t.Errorf("hard %v, want %v; problems (-want +got):\n%s", hard, tt.hard, diff)
			}
		})
	}
}

func TestOutOfDescriptorsIsInconclusive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := &fakeServer{}
		s.dial = func(*rt.DialRequest, *fakeConn) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if n++; n > 5 {
				return &rt.Error{Op: "dial", Kind: rt.KindLimit}
			}
			return nil
		}
		r := bench(t, s, steady)
		wantVerdict(t, r, Inconclusive)
		wantBroken(t, r, "inconclusive group chatters: 5 of 10 connected")
	})
}

func TestSecretsAreHiddenWhereTextsWereCutOff(t *testing.T) {
	t.Parallel()
	m := newMasker([]string{"correct horse battery staple", "hunter22"})
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"
	for _, tt := range []struct{ name, text, want string }{
		{"whole", "bad key correct horse battery staple!", "bad key ***!"},
		{"cut", "bad key correct horse ba… (401)", "bad key ***… (401)"},
		{"cut twice", "hunter2… and correct h…", "***… and ***…"},
		{"too little to tell", "bad key corr…", "bad key corr…"},
		{"the same words elsewhere", "correct horses are fine…", "correct horses are fine…"},
		{"token", "bad token " + token, "bad token ***"},
		{"token cut in the payload", "bad token " + token[:30] + "…", "bad token ***…"},
		{"token cut in the header", "bad token " + token[:15] + "…", "bad token ***…"},
	} {
		if got := m.mask(tt.text); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestErrorListIsBoundedAndClean(t *testing.T) {
	t.Parallel()
	l := newErrorList([]string{"hunter22"})
	for i := range 1000 {
		l.add("error " + strings.Repeat("x", i))
	}
	l.add("password hunter22 \x1b[31m read tcp 127.0.0.1:4000->10.0.0.1:3000: reset")
	for range 7 {
		l.add("same")
	}
	if l.count() != 1008 {
		t.Errorf("count = %d, want 1008", l.count())
	}
	list := l.list()
	if len(list) != maxErrorTexts+1 || list[0].Text != moreErrors {
		t.Errorf("%d texts, most frequent %q", len(list), list[0].Text)
	}
	if got, want := l.clean("password hunter22 \x1b[31m read tcp 127.0.0.1:4000->10.0.0.1:3000: reset"), "password ***  [31m read tcp 10.0.0.1:3000: reset"; got != want {
		t.Errorf("clean = %q, want %q", got, want)
	}
}
