package loadgen

import (
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const hashed = `version: 1
name: lobby
targets: { api: { url: "http://127.0.0.1:3000", protocol: socketio } }
auth: { member: { jwt: { alg: HS256, secret: "${JWT_SECRET}", claims: { sub: "u-{{client.index}}" } } } }
clients:
  chatters:
    count: 5
    auth: member
    flow: [{ emit: say, args: ["hello {{seq}}"], rate: 2/s, for: 10s, ack: { within: 1s, match: { $.ok: true } } }]
thresholds: { ack_latency: p99 < 200ms }
`

func hashOf(t *testing.T, src string, targets ...string) string {
	t.Helper()
	sc, diags := Parse("x.yaml", []byte(src), testEnv)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	var list []rt.Target
	for _, s := range targets {
		target, err := rt.ParseTarget(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, target)
	}
	if err := sc.OverrideTargets(list); err != nil {
		t.Fatal(err)
	}
	p, err := Compile(sc, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Hash
}

func TestPlanHash(t *testing.T) {
	t.Parallel()
	want := hashOf(t, hashed)
	if got := hashOf(t, hashed); got != want || len(got) != 32 {
		t.Fatalf("not stable: %s, %s", got, want)
	}
	for name, change := range map[string][2]string{
		"name":       {"name: lobby", "name: other"},
		"comment":    {"version: 1", "# a comment\nversion: 1"},
		"threshold":  {"p99 < 200ms", "p99 < 300ms"},
		"secret":     {"${JWT_SECRET}", "another secret of the file"},
		"target":     {"{ api: { url: \"http://127.0.0.1:3000\"", "{ pod: { url: \"http://10.0.0.1:9000\""},
		"other form": {"rate: 2/s", "rate: 120/m"},
	} {
		if got := hashOf(t, strings.Replace(hashed, change[0], change[1], 1)); got != want {
			t.Errorf("%s makes another plan", name)
		}
	}
	if hashOf(t, hashed, "http://10.1.1.1:80") != want {
		t.Error("another server makes another plan")
	}
	for name, change := range map[string][2]string{
		"count":    {"count: 5", "count: 6"},
		"rate":     {"2/s", "3/s"},
		"length":   {"for: 10s", "for: 11s"},
		"event":    {"emit: say", "emit: tell"},
		"payload":  {"hello", "good morning"},
		"variable": {"{{seq}}", "{{client.index}}"},
		"matcher":  {"$.ok: true", "$.ok: false"},
		"bound":    {"within: 1s", "within: 2s"},
		"auth":     {"    auth: member\n", ""},
		"protocol": {"protocol: socketio", "protocol: websocket"},
	} {
		src := strings.Replace(hashed, change[0], change[1], 1)
		if src == hashed {
			t.Fatalf("%s: nothing was changed", name)
		}
		if name == "protocol" {
			src = strings.Replace(src, ", ack: { within: 1s, match: { $.ok: true } }", "", 1)
			src = strings.Replace(src, "thresholds: { ack_latency: p99 < 200ms }\n", "", 1)
		}
		if hashOf(t, src) == want {
			t.Errorf("another %s is the same plan", name)
		}
	}
	if hashOf(t, hashed, "http://10.1.1.1:80", "http://10.1.1.2:80") == want {
		t.Error("twice as many targets are the same plan")
	}
}
