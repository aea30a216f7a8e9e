package loadgen

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const toDiscover = `version: 1
targets:
  pods: { url: "https://chat.example.org/base?x=1", discover: { dns: "chat:3000" }, protocol: socketio, headers: { X: y } }
  api: { url: "http://api:1", protocol: http }
clients:
  a: { count: 2, target: pods, flow: [{ emit: x }] }
  b: { matrix: { target: pods, colour: red }, flow: [{ emit: x }] }
  c: { target: api, flow: [{ publish: POST, json: 1 }] }
thresholds:
  connect_latency{target=pods-2}: p99 < 1s
`

// Each pod is a target, wherever the scenario has the name of all of them.
func TestDiscover(t *testing.T) {
	t.Parallel()
	sc, diags := Parse("x.yaml", []byte(toDiscover), nil)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	if _, err := Compile(sc, CompileOptions{}); err == nil || !strings.Contains(err.Error(), "target pods: its pods were not looked up") {
		t.Errorf("before: %v", err)
	}
	calls := 0
	err := sc.Discover(t.Context(), func(_ context.Context, d *Discovery) ([]Endpoint, error) {
		calls++
		if d.DNS != "chat:3000" {
			t.Errorf("looks for %+v", d)
		}
		return []Endpoint{{Name: "chat-0", Addr: "10.0.0.1:3000"}, {Addr: "10.0.0.2:3000"}, {Name: "api", Addr: "[fd00::1]:3000"}}, nil
	})
	if err != nil || calls != 1 {
		t.Fatal(err, calls)
	}
	p, err := Compile(sc, CompileOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range p.Groups {
		for _, c := range g.Cells {
			got = append(got, g.Group.Name+" "+c.Name+" "+c.Target.Name+" "+c.Target.URL.String()+" "+c.Target.Header.Get("X"))
		}
	}
	if diff := cmp.Diff([]string{
		"a  chat-0 https://10.0.0.1:3000/base?x=1 y",
		"a  pods-2 https://10.0.0.2:3000/base?x=1 y",
		"a  pods-3 https://[fd00::1]:3000/base?x=1 y",
		"b chat-0 · red chat-0 https://10.0.0.1:3000/base?x=1 y",
		"b pods-2 · red pods-2 https://10.0.0.2:3000/base?x=1 y",
		"b pods-3 · red pods-3 https://[fd00::1]:3000/base?x=1 y",
		"c  api http://api:1 ",
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDiscoverFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		found []Endpoint
		err   error
		want  string
	}{
		{"none", nil, nil, "x.yaml:3:63: target pods: 0 pods, want 1 to 254"},
		{"an error", nil, &rt.Error{Op: "discover", Kind: rt.KindUnreachable, Err: errors.New("no such host")}, "x.yaml:3:63: target pods: discover: no such host"},
	} {
		sc, diags := Parse("x.yaml", []byte(toDiscover), nil)
		if diags != nil {
			t.Fatal(diags.Format())
		}
		err := sc.Discover(t.Context(), func(context.Context, *Discovery) ([]Endpoint, error) { return tt.found, tt.err })
		if err == nil || err.Error() != tt.want || tt.err != nil && rt.KindOf(err) != rt.KindUnreachable {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// --target takes the place of what would be looked up.
func TestDiscoverIsOverridden(t *testing.T) {
	t.Parallel()
	sc, diags := Parse("x.yaml", []byte(strings.Split(toDiscover, "thresholds")[0]), nil)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	to, err := rt.ParseTarget("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := sc.OverrideTargets([]rt.Target{to}); err != nil {
		t.Fatal(err)
	}
	if err := sc.Discover(t.Context(), func(context.Context, *Discovery) ([]Endpoint, error) {
		t.Error("looks for pods")
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := sc.Targets[0].URL.String(); got != "http://127.0.0.1:1/base?x=1" {
		t.Errorf("target is %s", got)
	}
}
