package loadgen

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestUnreachedStepsFail puts each kind of step behind one that never succeeds.
// A step of the language that is not in the table fails the test.
func TestUnreachedStepsFail(t *testing.T) {
	t.Parallel()
	const gate = `{ emit: gate, ack: { within: 1s } }, `
	steps := map[string]string{
		"emit":    gate + `{ emit: echo, as: behind }`,
		"on":      gate + `{ on: message, until: end, as: behind }`,
		"wait":    gate + `{ wait: 1s, as: behind }`,
		"barrier": gate + `{ barrier: b, as: behind }`,
		"expect":  gate + `{ expect: message, as: behind }`,
		"exec":    gate + `{ exec: [sign], as: behind }`,
		"publish": `{ publish: POST, expect: { status: 299 } }, { publish: POST, as: behind }`,
	}
	for _, d := range stepDefs {
		flow, ok := steps[d.key]
		if !ok {
			t.Errorf("no case for the step %q", d.key)
			continue
		}
		t.Run(d.key, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				protocol := "socketio"
				if d.key == "publish" {
					protocol = "http"
				}
				s := &fakeServer{ack: func(*fakeConn, *rt.Outgoing) (string, time.Duration, bool) { return "", 0, false }}
				r := bench(t, s, fmt.Sprintf(`
version: 1
name: unreached
targets: { api: { url: "http://api:3000", protocol: %s } }
clients: { a: { count: 2, flow: [%s] } }
`, protocol, flow), func(o *Options) {
					o.Requester = teapot{}
					o.Hooks = &fakeHooks{answer: func(context.Context, []byte) (string, error) { return `{"ok":true}`, nil }}
				})
				wantVerdict(t, r, Fail)
				for _, c := range r.Checks {
					if c.Kind == "step" && c.Name == "a: behind" {
						if c.Status != CheckFail || c.Got != "never reached" {
							t.Errorf("%s, %s", c.Status, c.Got)
						}
						return
					}
				}
				t.Error("no check of the step")
			})
		})
	}
}

// teapot answers requests with a status that nobody wants.
type teapot struct{}

func (teapot) Request(context.Context, *rt.Request) (*rt.Response, error) {
	return &rt.Response{Status: 418}, nil
}

// TestNoMetricPassesOnNothing gives each metric the condition that is easiest
// to satisfy and a server that speaks another protocol. What can't be measured
// there must not pass.
func TestNoMetricPassesOnNothing(t *testing.T) {
	t.Parallel()
	measured := map[string]string{ // all the same
		SchedulerLag:      "rtk's own timers fire in any case",
		ServerUnavailable: "a handshake was tried, and the server is there",
		ConnectRatePeak:   "handshakes were begun",
		ConnectFailures:   "handshakes were tried, and failed",
		Errors:            "the same",
		AuthInconclusive:  "the same",
		PublishFailures:   "requests were sent, and failed",
		PublishLatency:    "they took their time",
		GeneratorDelay:    "they were due before",
		StepFailures:      "the step that sends them was begun",
		StepSuccess:       "the same",
	}
	easiest := map[MetricKind]string{
		KindLatency: "p99 < 10m", KindCounter: "count >= 0", KindRatio: "count >= 0", KindRate: "min >= 0/s", KindGauge: "value >= 0",
	}
	for _, def := range Metrics() {
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			src := everyMetric
			expr := easiest[def.Kind]
			sc, diags := parseThreshold(src, def.Name, expr)
			for _, other := range []string{"min >= 0", "value >= 0s", "min >= 0s", "max >= 0", "count >= 0"} { // of another unit
				if sc == nil {
					sc, diags = parseThreshold(src, def.Name, other)
				}
			}
			if sc == nil {
				if def.Name == RecoveryTime { // needs a fault, and has tests of its own
					return
				}
				t.Fatalf("no condition for %s: %v", def.Name, diags)
			}
			p, err := Compile(sc, CompileOptions{Seed: 7, RunID: "run1"})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{dial: func(*rt.DialRequest, *fakeConn) error { return &rt.Error{Op: "dial", Kind: rt.KindProtocol} }}
				r, err := Run(t.Context(), p, Options{Dialer: s, Requester: teapot{}, strain: func(g *Generator) { *g = Generator{} }})
				if err != nil {
					t.Fatal(err)
				}
				if r.Verdict == Pass {
					t.Error("the run passed")
				}
				for _, c := range r.Checks {
					if c.Kind != "threshold" {
						continue
					}
					if passed := c.Status == CheckPass; passed != (measured[def.Name] != "") {
						t.Errorf("%s: %s, %s; %s", c.Name, c.Status, c.Got, c.Detail)
					}
				}
			})
		})
	}
}

// everyMetric is a scenario in which each metric could be measured.
const everyMetric = `
version: 1
name: every metric
targets:
  api: { url: "http://api:3000", protocol: socketio }
  stream: { url: "http://api:3000/events", protocol: sse }
  http: { url: "http://api:3000", protocol: http }
auth: { base: { jwt: { alg: HS256, secret: "a secret of the test" } } }
clients:
  probe:
    target: api
    matrix: { case: [{ name: valid, auth: base, expect: accepted }, { name: missing, auth: none, expect: rejected }] }
  talkers:
    target: api
    reconnect: { policy: socketio, recoverState: true }
    flow:
      - { emit: join, args: [lobby], ack: {} }
      - { barrier: go }
      - { on: message, for: 1s }
      - emit: say
        args: [lobby, "{{marker}}"]
        rate: 10/s
        for: 1s
        outcome: { accepted: { ack: { $.ok: true } }, throttled: { event: limited } }
  outsiders: { target: api, flow: [{ emit: join, args: [other], ack: {} }, { on: message, until: end }] }
  readers:
    target: stream
    reconnect: { policy: eventsource, lastEventId: true }
    flow: [{ barrier: go }, { on: message, until: end }]
  writer: { target: http, flow: [{ publish: POST, json: { text: "{{marker}}" }, rate: 10/s, for: 1s }] }
verify:
  said: { from: talkers, to: outsiders, expect: nothing }
  lobby: { from: talkers, to: talkers }
  feed: { from: writer, to: readers, acrossReconnect: true }
`

func parseThreshold(src, metric, expr string) (*Scenario, Diagnostics) {
	sc, diags := Parse("test.yaml", []byte(src+"thresholds:\n  "+metric+": "+expr+"\n"), func(string) (string, bool) { return "", false })
	if len(diags) > 0 {
		return nil, diags
	}
	return sc, nil
}
