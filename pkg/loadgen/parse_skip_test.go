package loadgen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const skipping = `
version: 1
targets:
  api: { url: "http://api:3000", protocol: socketio }
  stream: { url: "http://api:3000${STREAM_PATH:-/events}", protocol: sse }
clients:
  talkers:
    skip: { if: "${QUIET:-}", reason: it is to be quiet }
    target: api
    flow: [{ emit: say, args: ["{{marker}}"], rate: 1/s, for: 1s, ack: {}, as: talk }]
  listeners:
    target: api
    flow: [{ on: said, until: end }]
  readers:
    skip:
      - { unless: "${STREAM_PATH:-}", reason: no stream is known }
      - { if: "${QUIET:-}", reason: it is to be quiet }
    target: stream
    flow: [{ on: said, until: end }]
verify:
  spoken: { from: talkers, to: listeners }
  written: { from: talkers, to: readers }
phases: [{ name: hold, for: 10s }]
faults:
  - { at: 1s, name: cut, do: dropConnections, clients: readers }
  - { at: 2s, name: noise, do: dropConnections, clients: listeners, skip: { if: "${DEAF:-}", reason: nobody listens } }
scrape:
  pod: { url: "http://api:3001/metrics", skip: { if: "${DEAF:-}", reason: nobody listens } }
thresholds:
  server.clients{phase=hold}: last == 0
  delivery_lost{during=cut}: count == 0
  delivery_lost{during=noise}: { expr: count == 0 }
  ack_latency{step=talk,phase=hold}: p99 < 2s
  ack_latency{step=talk}: p99 < 1s
  ack_timeouts: count == 0
  delivery_lost{verify=written}: count == 0
  delivery_duplicated: count == 0
  sse_first_byte: p99 < 1s
  events_received{clients=listeners}: { expr: count > 0, skip: { if: "${DEAF:-}", reason: nobody listens } }
  disconnects_unplanned: count == 0
`

func parsedWith(t *testing.T, src string, env map[string]string) (*Scenario, Diagnostics) {
	t.Helper()
	return Parse("skip.yaml", []byte(src), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

func TestSkip(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"nothing", map[string]string{"STREAM_PATH": "/feed"}, nil},
		{"the stream, and what is about it only", nil, []string{
			"group readers: no stream is known",
			"verify written: no stream is known",
			"fault cut: no stream is known",
			"threshold delivery_lost{during=cut}: count == 0: no stream is known",
			"threshold delivery_lost{verify=written}: count == 0: no stream is known",
			"threshold sse_first_byte: p99 < 1s: no stream is known",
		}},
		{"a publisher, and with it all deliveries", map[string]string{"QUIET": "yes", "STREAM_PATH": "/feed"}, []string{
			"group talkers: it is to be quiet",
			"group readers: it is to be quiet",
			"verify spoken: it is to be quiet",
			"verify written: it is to be quiet",
			"fault cut: it is to be quiet",
			"threshold delivery_lost{during=cut}: count == 0: it is to be quiet",
			"threshold delivery_lost{during=noise}: count == 0: it is to be quiet",
			"threshold ack_latency{step=talk,phase=hold}: p99 < 2s: it is to be quiet",
			"threshold ack_latency{step=talk}: p99 < 1s: it is to be quiet",
			"threshold ack_timeouts: count == 0: it is to be quiet",
			"threshold delivery_lost{verify=written}: count == 0: it is to be quiet",
			"threshold delivery_duplicated: count == 0: it is to be quiet",
			"threshold sse_first_byte: p99 < 1s: it is to be quiet",
		}},
		{"one threshold, and the server's metrics", map[string]string{"DEAF": "1", "STREAM_PATH": "/feed"}, []string{
			"fault noise: nobody listens",
			"scrape pod: nobody listens",
			"threshold server.clients{phase=hold}: last == 0: nobody listens",
			"threshold delivery_lost{during=noise}: count == 0: nobody listens",
			"threshold events_received{clients=listeners}: count > 0: nobody listens",
		}},
		{"no is no", map[string]string{"DEAF": "no", "QUIET": "off", "STREAM_PATH": "/feed"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sc, diags := parsedWith(t, skipping, tc.env)
			if diags != nil {
				t.Fatal(diags.Format())
			}
			var got []string
			for _, s := range sc.Skipped {
				got = append(got, s.Kind+" "+s.Name+": "+s.Reason)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			if _, err := Compile(sc, CompileOptions{Seed: 1}); err != nil {
				t.Errorf("what is left can't be planned: %v", err)
			}
		})
	}
}

func TestSkipErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, skip, want string }{
		{"both", `{ if: a, unless: b, reason: r }`, "9:11: skip has one of if and unless"},
		{"neither", `{ reason: r }`, "9:11: skip has one of if and unless"},
		{"no reason", `{ if: a }`, `9:11: skip needs "reason"`},
		{"empty reason", `{ if: a, reason: "" }`, "9:20: skip needs a reason, the report shows it"},
		{"unknown key", `{ iff: a, reason: r }`, `9:13: unknown key "iff" in skip`},
		{"empty list", `[]`, "9:11: skip is empty"},
		{"a text", `yes`, "9:11: skip is a mapping, not"},
		{"everything", `{ if: yes, reason: no server here }`, "8:3: every group is skipped, so there is nothing to run: no server here"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, diags := parsedWith(t, strings.ReplaceAll(`
version: 1
targets:
  api: { url: "http://api:3000", protocol: socketio }


clients:
  talkers:
    skip: SKIP
    flow: [{ emit: say }]
`, "SKIP", tc.skip), nil)
			if diags == nil || !strings.Contains(diags.Format(), "skip.yaml:"+tc.want) {
				t.Errorf("got %s\nwant %s", diags.Format(), tc.want)
			}
		})
	}
}

func TestAdviceIsOneLine(t *testing.T) {
	t.Parallel()
	_, diags := parsedWith(t, `
version: 1
targets:
  api: { url: "http://api:3000", protocol: socketio }
clients:
  talkers:
    advice: "do this\nand that"
    flow: [{ emit: say }]
`, nil)
	if diags == nil || !strings.Contains(diags.Format(), "skip.yaml:7:5: advice is one line") {
		t.Errorf("got %s", diags.Format())
	}
}

// A raw token from the environment takes the place of the minted one.
func TestRawBesideJWT(t *testing.T) {
	t.Parallel()
	const src = `
version: 1
targets:
  api: { url: "http://api:3000", protocol: socketio }
auth:
  member: { raw: "${TOKEN:-}", jwt: { alg: HS256, secret: "${JWT_SECRET:-none}" } }
clients:
  talkers:
    auth: member
    flow: [{ emit: say }]
`
	for _, tc := range []struct{ token, raw string }{{"", ""}, {"abc.def.ghi", "abc.def.ghi"}} {
		sc, diags := parsedWith(t, src, map[string]string{"TOKEN": tc.token})
		if diags != nil {
			t.Fatal(diags.Format())
		}
		if a := sc.Auth["member"]; a.Raw != tc.raw || (a.JWT == nil) != (tc.raw != "") {
			t.Errorf("TOKEN=%q: raw %q, jwt %v", tc.token, a.Raw, a.JWT)
		}
	}
	_, diags := parsedWith(t, strings.Replace(src, `"${TOKEN:-}"`, "abc", 1), nil)
	if diags == nil || !strings.Contains(diags.Format(), "an auth profile has jwt or raw, not both") {
		t.Errorf("both written out: %s", diags.Format())
	}
}
