package loadgen

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const advised = `
version: 1
targets:
  api: { url: "http://api:3000", protocol: socketio, headers: { X-Tenant: acme, Origin: "http://target" } }
  stream: { url: "http://api:3000/events", protocol: sse }
auth:
  base: { raw: a token of the test }
clients:
  origins:
    target: api
    connect: { headers: { Origin: "http://group" } }
    matrix:
      case:
        - { name: own, auth: base, expect: accepted }
        - { name: foreign, auth: base, headers: { Origin: "http://evil", X-Unset: "${UNSET:-}" }, expect: rejected, advice: check Origin }
    expect: { rejected: { within: 100ms } }
  readers:
    skip: { unless: "${STREAM:-}", reason: no stream is known }
    target: stream
    flow: [{ on: "*", until: end }]
thresholds:
  auth_mismatches: { expr: count == 0, advice: let nobody in }
  auth_inconclusive: { expr: count == 0, advice: this one passes }
  sse_first_byte: p99 < 1s
`

// Headers of the case go before those of the group, which go before the
// target's; what fails has its advice and what was left out its reason, in
// every kind of report.
func TestAdviceAndReasonsReachTheReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		r := bench(t, &fakeServer{dial: func(r *rt.DialRequest, _ *fakeConn) error {
			seen[r.Header.Get("Origin")+" "+r.Header.Get("X-Tenant")+" "+strings.Join(r.Header.Values("X-Unset"), ",")] = true
			return nil // lets everybody in
		}}, advised)
		wantVerdict(t, r, Fail)
		if diff := cmp.Diff(map[string]bool{"http://group acme ": true, "http://evil acme ": true}, seen); diff != "" {
			t.Errorf("headers of the handshakes (-want +got):\n%s", diff)
		}
		advice := map[string]string{}
		for _, c := range r.Checks {
			if c.Advice != "" {
				advice[c.Kind+" "+c.Name] = c.Advice
			}
		}
		want := map[string]string{"auth origins · foreign": "check Origin", "threshold auth_mismatches: count == 0": "let nobody in"}
		if diff := cmp.Diff(want, advice); diff != "" {
			t.Errorf("advice (-want +got):\n%s", diff)
		}
		for name, report := range everyReport(t, r) {
			for _, text := range []string{"check Origin", "let nobody in", "no stream is known"} {
				if name == "annotations" && text == "no stream is known" {
					continue // what is skipped needs no attention
				}
				if !strings.Contains(report, text) {
					t.Errorf("%s does not say %q:\n%s", name, text, report)
				}
			}
			if strings.Contains(report, "this one passes") {
				t.Errorf("%s gives advice about a check that passed", name)
			}
		}
	})
}

func everyReport(t *testing.T, r *Report) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return WriteText(b, r, TextOptions{}) },
		"json":     func(b *bytes.Buffer) error { return WriteJSON(b, []*Report{r}) },
		"junit":    func(b *bytes.Buffer) error { return WriteJUnit(b, []*Report{r}) },
		"markdown": func(b *bytes.Buffer) error { return WriteMarkdown(b, []*Report{r}, MarkdownOptions{}) },
		"html":     func(b *bytes.Buffer) error { return WriteHTML(b, []*Report{r}, HTMLOptions{}) },
		"annotations": func(b *bytes.Buffer) error {
			return WriteAnnotations(b, []*Report{r}, func(f string) string { return f })
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		out[name] = b.String()
	}
	return out
}
