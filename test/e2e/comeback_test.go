package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// got is what the first check of a name found.
func got(r rttest.BenchRun, name string) string {
	for _, c := range r.Checks {
		if strings.HasPrefix(c.Name, name) {
			return c.Status + ": " + c.Got
		}
	}
	return "no such check"
}

// TestComebackToNode has clients come back to npm's socket.io, which gives their
// sessions back, and to one that does not.
func TestComebackToNode(t *testing.T) {
	t.Parallel()
	server := rttest.Node(t, "sio-plain.js").Line(t, 30*time.Second)
	scenario := func(recover string) string {
		return `version: 1
targets: { api: { url: "` + server + `", protocol: socketio } }
clients:
  readers:
    count: 20
    reconnect: { policy: socketio, initialDelay: 500ms, recoverState: ` + recover + ` }
    flow: [{ emit: join, args: ["{{run.id}}"], ack: {} }, { barrier: go }, { on: message, until: end }]
  writer:
    flow: [{ barrier: go }, { emit: say, args: ["{{run.id}}", "{{marker}}"], rate: 20/s, for: 8s, ack: {} }]
faults: [{ at: 3s, name: flap, do: dropConnections, clients: readers, share: 100%, how: reset }]
verify: { feed: { from: writer, to: readers, acrossReconnect: true, settle: 3s } }
thresholds:
  reconnect_time: max < 30s
  state_recovered: rate >= 95%
  resume_gap: count == 0
  resume_duplicates: count == 0
  still_disconnected: count == 0
  duplicate_sessions: count == 0
`
	}
	for _, tc := range []struct{ name, recover, verdict string }{{"recovered", "true", "pass"}, {"not asked for", "false", "fail"}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res, _, stderr := runBench(t, nil, scenarioFile(t, scenario(tc.recover)))
			if len(res.Runs) != 1 {
				t.Fatal(stderr)
			}
			r := res.Runs[0]
			failed := strings.HasPrefix(got(r, "resume_gap"), "fail") && strings.HasPrefix(got(r, "feed"), "fail")
			if r.Verdict != tc.verdict || failed != (tc.verdict == "fail") {
				t.Errorf("verdict %s (%s)\nresume_gap %s\nfeed %s\nstate_recovered %s", r.Verdict, r.Reason, got(r, "resume_gap"), got(r, "feed"), got(r, "state_recovered"))
			}
		})
	}
}

// TestLongPollServers polls rtk's gateway and a Node server of another shape.
func TestLongPollServers(t *testing.T) {
	t.Parallel()
	node := rttest.Node(t, "poll-server.js").Line(t, 30*time.Second)
	g := rttest.Serve(t, rttest.Binary(t, false), nil, "--listen", "127.0.0.1:0", "--service", "feed", "--history", "*")
	for _, tc := range []struct{ name, feed, api, body string }{
		{"rtk serve", g.URL + `/poll?topic=lobby", protocol: longpoll, poll: { event: $.event, data: $.data, wait: 2s }`, g.Admin + "/api/publish", `{ topic: lobby, event: message, data: { text: "{{marker}}" } }`},
		{"Node", node + `/updates", protocol: longpoll, cursor: { from: $.next, query: offset }, poll: { items: $.result, wait: 2, waitQuery: timeout }`, node + "/updates", `{ text: "{{marker}}" }`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res, _, stderr := runBench(t, nil, scenarioFile(t, `version: 1
targets:
  feed: { url: "`+tc.feed+` }
  api: { url: "`+tc.api+`", protocol: http }
clients:
  readers: { count: 20, target: feed, flow: [{ barrier: go }, { on: message, at: $.text, until: end }] }
  writer: { target: api, flow: [{ barrier: go }, { publish: POST, json: `+tc.body+`, rate: 20/s, for: 2s }, { wait: 3s }, { publish: POST, json: `+tc.body+`, as: last }] }
verify: { feed: { from: writer, to: readers, order: perPublisher, settle: 2s } }
thresholds: { poll_gaps: count == 0, poll_empty: count > 0, poll_hold_time: max < 20s }
`))
			if len(res.Runs) != 1 || res.Runs[0].Verdict != "pass" {
				t.Errorf("%+v\n%s", res.Runs, stderr)
			}
		})
	}
}
