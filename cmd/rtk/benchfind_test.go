package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/find"
)

const findScenario = `version: 1
name: lobby
targets: { api: { url: "${URL:-http://127.0.0.1:9}", protocol: socketio, namespace: /chat } }
clients:
  chatters:
    count: 2
    flow:
      - { emit: join, args: [lobby], ack: {} }
      - { emit: message, args: [{ room: lobby, text: hi }], rate: "${RATE:-10}/s", for: 300ms, ack: { within: 2s } }
`

// A search against a real gateway: a condition that holds at the maximum, and
// one that can't hold at all.
func TestFindCommand(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.rtk.yaml")
	if err := os.WriteFile(file, []byte(findScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServeCmd(t, nil)
	for name, tc := range map[string]struct {
		args []string
		code int
		want find.Verdict
		best float64
	}{
		"the clients":      {[]string{"--metric", "connect_failures.count", "--limit", "0", "--vary", "chatters.count", "--max", "5"}, exitOK, find.AtMax, 5},
		"the rate":         {[]string{"--metric", "ack_latency.count", "--limit", ">= 1", "--vary", "chatters.rate", "--min", "10", "--max", "12"}, exitOK, find.AtMax, 12},
		"a variable":       {[]string{"--metric", "messages_sent.count", "--limit", "12", "--vary", "RATE", "--min", "10", "--max", "40", "--confirm", "1"}, exitOK, find.Found, 20},
		"nothing can hold": {[]string{"--metric", "ack_latency.p50", "--limit", "1us", "--vary", "chatters.count", "--min", "2"}, exitVerdict, find.None, 0},
	} {
		args := append([]string{"bench", "find", file, "-t", s.public, "-o", "json", "--progress", "none", "--pause", "1ms", "--confirm", "2"}, tc.args...)
		stdout, stderr, code := rtk(t, args...)
		var res find.Result
		if err := json.Unmarshal([]byte(stdout), &res); err != nil {
			t.Fatalf("%s: %v\n%s%s", name, err, stdout, stderr)
		}
		if res.Verdict == find.Generator { // a machine that is too busy to tell
			t.Logf("%s: %s", name, res.Summary())
			continue
		}
		if code != tc.code || res.Verdict != tc.want || res.Best < tc.best*0.9 || res.Best > tc.best*1.2 {
			t.Errorf("%s: exit code %d, %s\n%s", name, code, res.Summary(), stdout)
		}
	}
}

// No server, no result.
func TestFindOfADeadServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.rtk.yaml")
	if err := os.WriteFile(file, []byte(findScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, code := rtk(t, "bench", "find", file, "--progress", "none", "--metric", "ack_latency.p99", "--limit", "1s", "--vary", "chatters.count")
	if code != exitUnreachable || !strings.Contains(stdout, "UNREACHABLE: nothing was measured") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

func TestFindCommandRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.rtk.yaml")
	if err := os.WriteFile(file, []byte(findScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"--metric", "ack_latency.p99", "--limit", "1s", "--vary", "chatters.count"}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"nothing":       {nil, "--metric, --limit and --vary are needed"},
		"no aggregate":  {append(good, "--metric", "ack_latency"), "want METRIC.AGGREGATE"},
		"no metric":     {append(good, "--metric", "ack_latncy.p99"), "unknown metric"},
		"no unit":       {append(good, "--limit", "200"), "--limit 200"},
		"no such group": {append(good, "--vary", "chaters.count"), `did you mean "chatters"?`},
		"what to vary":  {append(good, "--vary", "chatters.color"), "want GROUP.count"},
		"bounds":        {append(good, "--min", "5", "--max", "4"), "--min"},
		"no time":       {append(good, "--for", "-1s"), "no negative times"},
		"two scenarios": {append(good, file), "want one scenario"},
	} {
		_, stderr, code := rtk(t, append([]string{"bench", "find", file, "--progress", "none"}, tc.args...)...)
		if code != exitUsage || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
}
