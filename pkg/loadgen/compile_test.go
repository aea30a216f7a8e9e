package loadgen

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestCompileCountsWhatTheRunNeeds(t *testing.T) {
	t.Parallel()
	p := plan(t, crossPod)
	got := map[string]any{
		"clients": p.Clients, "connections": p.Connections, "publishers": p.Publishers, "pairs": p.Pairs,
		"messages": p.Messages, "descriptors": p.Descriptors, "ports": p.Ports, "length": p.Length.Round(time.Second),
	}
	want := map[string]any{
		"clients": 10, "connections": 10, "publishers": 2, "pairs": int64(16),
		// joins of 6 subscribers and 2 outsiders, 100 of each publisher
		"messages": int64(208), "descriptors": 10 + spareFiles,
		"ports": map[string]int{"pod-a:3000": 5, "pod-b:3000": 5}, "length": 15 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestCompileExpandsTheMatrix(t *testing.T) {
	t.Parallel()
	p := plan(t, authMatrix)
	g := p.Groups[0]
	type cell struct {
		Name       string
		Transports []rt.Transport
		First      int
	}
	var got []cell
	for _, c := range g.Cells {
		got = append(got, cell{c.Name, c.Transports, c.First})
	}
	ws, polling := []rt.Transport{rt.TransportWebSocket}, []rt.Transport{rt.TransportPolling}
	want := []cell{
		{"websocket · valid", ws, 0},
		{"websocket · missing", ws, 3},
		{"websocket · expired", ws, 6},
		{"websocket · expires mid-session", ws, 9},
		{"polling · valid", polling, 12},
		{"polling · expired", polling, 15},
		{"polling · expires mid-session", polling, 18},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	if g.Count != 21 || p.Clients != 21 {
		t.Errorf("%d clients of %d, want 21", g.Count, p.Clients)
	}
	if len(g.Skipped) != 1 || g.Skipped[0].Name != "polling · missing" {
		t.Errorf("skipped = %+v", g.Skipped)
	}
}

func TestCompileRefusesWhatCannotRun(t *testing.T) {
	t.Parallel()
	target := &Target{Name: "api"}
	emit := func(marker bool) *Step { return &Step{Emit: &Emit{Event: "say", Marker: marker}} }
	on := &Step{On: &On{UntilEnd: true}}
	group := func(name string, count int, flow ...*Step) *Group {
		return &Group{Name: name, Count: count, Targets: []*Target{target}, Flow: flow}
	}
	verify := func(from, to string) []*Verify { return []*Verify{{Name: "v", From: from, To: to}} }
	tests := []struct {
		name string
		s    *Scenario
		o    CompileOptions
		want string
	}{
		{"no target", &Scenario{Groups: []*Group{{Name: "a", Count: 1}}}, CompileOptions{}, "no target"},
		{"no clients", &Scenario{Groups: []*Group{group("a", 0)}}, CompileOptions{}, "count is 0"},
		{"too many", &Scenario{Groups: []*Group{group("a", 3_000_000)}}, CompileOptions{}, "more than 1048576 clients"},
		{"unknown publishers", &Scenario{Groups: []*Group{group("a", 1, on)}, Verify: verify("b", "a")}, CompileOptions{}, `no clients named "b"`},
		{"no marker", &Scenario{Groups: []*Group{group("a", 1, emit(false)), group("b", 1, on)}, Verify: verify("a", "b")}, CompileOptions{}, "sends {{marker}}"},
		{"no listener", &Scenario{Groups: []*Group{group("a", 1, emit(true)), group("b", 1)}, Verify: verify("a", "b")}, CompileOptions{}, "no on step"},
		{"too many pairs", &Scenario{Groups: []*Group{group("a", 100_000, emit(true)), group("b", 100_000, on)}, Verify: verify("a", "b")}, CompileOptions{}, "pairs"},
		{"barrier twice", &Scenario{Groups: []*Group{group("a", 1, &Step{Barrier: "x"}, &Step{Barrier: "x"})}}, CompileOptions{}, "twice"},
		{"status of a stream", &Scenario{Groups: []*Group{{Name: "a", Count: 1, Targets: []*Target{target}, Connect: Connect{Status: 204}}}}, CompileOptions{}, "begins with 200 only"},
		{"content type of a stream", &Scenario{Groups: []*Group{{Name: "a", Count: 1, Targets: []*Target{target}, Connect: Connect{ContentType: "text/html"}}}}, CompileOptions{}, "is text/event-stream"},
		{"bad run id", &Scenario{Groups: []*Group{group("a", 1)}}, CompileOptions{RunID: "Run!"}, "run id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(tt.s, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || rt.KindOf(err) != rt.KindUsage {
				t.Errorf("error = %v, want a usage error with %q", err, tt.want)
			}
		})
	}
}

func TestTokensThatExpireTooSoonAreWarnedOf(t *testing.T) {
	t.Parallel()
	p := plan(t, strings.Replace(sseFeed, `"u{{client.index}}" }`, `"u{{client.index}}" }, expiresIn: 5s`, 1))
	want := []string{"clients writer: their tokens expire after 5s, but the run takes at least 12s"}
	if diff := cmp.Diff(want, p.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if p := plan(t, authMatrix); p.Warnings != nil {
		t.Errorf("warnings = %v: tokens of cases are to expire", p.Warnings)
	}
}

func TestOnePodIsWarnedOf(t *testing.T) {
	t.Parallel()
	target := func(host string) *Target {
		return &Target{Name: host, Target: rt.Target{URL: &url.URL{Scheme: "http", Host: host}, Protocol: rt.SocketIO}}
	}
	a, b := target("a:1"), target("b:1")
	for _, tt := range []struct {
		name    string
		targets []*Target
		warned  bool
	}{
		{"one", []*Target{a}, true},
		{"the same twice", []*Target{a, target("a:1")}, true},
		{"two", []*Target{a, b}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &Scenario{
				Groups: []*Group{{Name: "from", Targets: tt.targets}, {Name: "to", Targets: tt.targets}},
				Verify: []*Verify{{Name: "v", From: "from", To: "to", GroupBy: "target"}},
			}
			if got := len(onePod(s)) == 1; got != tt.warned {
				t.Errorf("warned %v, want %v", got, tt.warned)
			}
		})
	}
}

func TestSeedIsTheScenariosUnlessGiven(t *testing.T) {
	t.Parallel()
	s := &Scenario{Seed: 5, Groups: []*Group{{Name: "a", Count: 1, Targets: []*Target{{}}}}}
	for _, tt := range []struct{ option, want uint64 }{{0, 5}, {9, 9}} {
		p, err := Compile(s, CompileOptions{Seed: tt.option})
		if err != nil || p.Seed != tt.want {
			t.Errorf("seed = %d, %v; want %d", p.Seed, err, tt.want)
		}
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	tests := []struct {
		name  string
		s     Schedule
		i, n  int
		total int64
		first []time.Duration
	}{
		{"once", Schedule{}, 1, 4, 1, []time.Duration{0}},
		{"rate", Schedule{Rate: 10, For: time.Second}, 0, 4, 10, []time.Duration{0, 100 * ms, 200 * ms}},
		{"rate, in phase", Schedule{Rate: 10, For: time.Second}, 1, 4, 10, []time.Duration{25 * ms, 125 * ms}},
		{"rate and count", Schedule{Rate: 10, Count: 3}, 0, 1, 3, []time.Duration{0, 100 * ms}},
		{"total rate, first client", Schedule{TotalRate: 10, For: time.Second}, 0, 4, 3, []time.Duration{0, 400 * ms, 800 * ms}},
		{"total rate, last client", Schedule{TotalRate: 10, For: time.Second}, 3, 4, 2, []time.Duration{300 * ms, 700 * ms}},
		{"slower than its time", Schedule{TotalRate: 1, For: time.Second}, 3, 4, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPace(tt.s, time.Hour, tt.i, tt.n)
			if p.total != tt.total {
				t.Errorf("total = %d, want %d", p.total, tt.total)
			}
			for k, want := range tt.first {
				if got := p.due(int64(k)) - time.Hour; got != want {
					t.Errorf("due(%d) = %s, want %s", k, got, want)
				}
			}
		})
	}
}
