package loadgen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const overrideBase = `
version: 1
targets:
  api: { url: "http://x:1/base?q=1", protocol: socketio, namespace: /chat, transports: [polling], headers: { X-A: b } }
  feed: { url: "http://x:2/events?topic=t", protocol: sse }
clients:
  a: { target: api, flow: [{ emit: x }] }
  b: { target: feed, flow: [{ on: x, until: end }] }
`

func scenarioFrom(t *testing.T, src string) *Scenario {
	t.Helper()
	sc, diags := Parse("x.yaml", []byte(src), nil)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	return sc
}

func targetsOf(t *testing.T, list ...string) []rt.Target {
	t.Helper()
	var out []rt.Target
	for _, s := range list {
		x, err := rt.ParseTarget(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// shape is what OverrideTargets changes, in words.
func shape(sc *Scenario) []string {
	var out []string
	for _, x := range sc.Targets {
		out = append(out, x.Name+" "+string(x.Protocol)+" "+x.URL.String()+" "+x.Namespace)
	}
	for _, g := range sc.Groups {
		s := g.Name + ":"
		for _, x := range g.Targets {
			s += " " + x.Name
		}
		for _, a := range g.Matrix {
			if a.Name == AxisTarget {
				s += " [" + strings.Join(axisNames(a), " ") + "]"
			}
		}
		out = append(out, s)
	}
	return out
}

func TestOverrideTargets(t *testing.T) {
	t.Parallel()
	pods := strings.Replace(overrideBase, "  feed:", "  api2: { url: \"http://x:3\", protocol: socketio }\n  feed:", 1)
	for _, tt := range []struct {
		name, src string
		list      []string
		want      []string
		err       string
	}{
		{"none", overrideBase, nil, []string{"api socketio http://x:1/base?q=1 /chat", "feed sse http://x:2/events?topic=t ", "a: api", "b: feed"}, ""},
		{
			"the only one becomes a list", overrideBase,
			[]string{"http://h:1", "http://h:2/other"},
			[]string{"h:1 socketio http://h:1/base?q=1 /chat", "h:2 socketio http://h:2/other /chat", "feed sse http://x:2/events?topic=t ", "a: h:1 h:2", "b: feed"},
			"",
		},
		{
			"by protocol", overrideBase,
			[]string{"sse+http://h:1", "sio+http://h:2"},
			[]string{"h:2 socketio http://h:2/base?q=1 /chat", "h:1 sse http://h:1/events?topic=t ", "a: h:2", "b: h:1"},
			"",
		},
		{
			"the same path keeps the query", overrideBase,
			[]string{"sse+http://h:1/events"},
			[]string{"api socketio http://x:1/base?q=1 /chat", "h:1 sse http://h:1/events?topic=t ", "a: api", "b: h:1"},
			"",
		},
		{
			"equal hosts get names of their own", overrideBase,
			[]string{"http://h/a", "http://h/b"},
			[]string{"h socketio http://h/a /chat", "h-2 socketio http://h/b /chat", "feed sse http://x:2/events?topic=t ", "a: h h-2", "b: feed"},
			"",
		},
		{
			"in order where groups pick", pods,
			[]string{"http://h:1", "http://h:2"},
			[]string{"h:1 socketio http://h:1/base?q=1 /chat", "h:2 socketio http://h:2 /", "feed sse http://x:2/events?topic=t ", "a: h:1", "c: h:2", "b: feed"},
			"",
		},
		{"too few where groups pick", pods, []string{"http://h:1"}, nil, "so 2 are needed"},
		{"each takes any number", strings.Replace(pods, "target: api,", "target: each-sio,", 1), []string{"http://h:1"}, []string{"h:1 socketio http://h:1/base?q=1 /chat", "feed sse http://x:2/events?topic=t ", "a: h:1", "b: feed"}, ""},
		{
			"the target axis follows", strings.Replace(overrideBase, "target: api, flow", "matrix: { target: [api] }, flow", 1),
			[]string{"http://h:1", "http://h:2"},
			[]string{"h:1 socketio http://h:1/base?q=1 /chat", "h:2 socketio http://h:2/base?q=1 /chat", "feed sse http://x:2/events?topic=t ", "a: h:1 h:2 [h:1 h:2]", "b: feed"},
			"",
		},
		{"a protocol that is not there", overrideBase, []string{"ws://h"}, nil, "the scenario has only socketio and sse targets"},
		{"a threshold names the old one", overrideBase + "thresholds: { \"connect_latency{target=api}\": p99 < 1s }\n", []string{"http://h"}, nil, `names target "api"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := tt.src
			switch {
			case strings.Contains(src, "each-sio"):
				src = strings.Replace(src, "each-sio", "[api, api2]", 1)
			case strings.Contains(src, "api2"):
				src = strings.Replace(src, "  b: {", "  c: { target: api2, flow: [{ emit: x }] }\n  b: {", 1)
			case strings.Contains(src, "matrix:"):
				src = strings.Replace(src, "clients:\n  a: {", "clients:\n  a: { target: api,", 1)
			}
			sc := scenarioFrom(t, src)
			before := shape(sc)
			err := sc.OverrideTargets(targetsOf(t, tt.list...))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				if diff := cmp.Diff(before, shape(sc)); diff != "" {
					t.Errorf("changed in spite of the error:\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, shape(sc)); diff != "" {
				t.Error(diff)
			}
			if sc.Targets[0].Header.Get("X-A") != "b" || len(sc.Targets[0].Transports) != 1 {
				t.Error("headers or transports got lost")
			}
		})
	}
}
