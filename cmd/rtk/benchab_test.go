package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/faultproxy"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/compare"
)

// A gateway, and the same one behind a proxy that takes its time, in turns.
func TestABCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x.rtk.yaml")
	src := strings.Replace(findScenario, "for: 300ms", "for: 1s", 1)
	if err := os.WriteFile(file, []byte(strings.Replace(src, "count: 2", "count: 10", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServeCmd(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	slow := faultproxy.New(ln, faultproxy.Options{Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", strings.TrimPrefix(s.public, "http://"))
	}})
	t.Cleanup(func() { _ = slow.Close() })
	slow.Set(faultproxy.Toxics{Latency: 150 * time.Millisecond})

	stdout, stderr, code := rtk(t, "bench", "ab", file, "--base", s.public, "--head", "http://"+ln.Addr().String(), "--slice", "400ms", "--for", "2s",
		"--progress", "none", "--percentiles", "p50", "--metric", "ack_latency{clients=chatters,event=message,step=emit message}", "-o", "json", "--keep", dir)
	var res compare.Result
	if err := json.Unmarshal([]byte(stdout), &res); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	rows := res.Pairs[0].Rows
	if len(rows) != 1 || rows[0].Outcome != compare.Regressed || rows[0].Head < 0.15 || rows[0].Base > 0.15 {
		t.Errorf("rows %+v, not compared: %q", rows, res.Pairs[0].Untold)
	}
	// A machine that is too busy to make the load has no verdict, whatever
	// the rows say.
	if busy := res.Outcome == compare.Noisy && strings.Contains(res.Reason, "is inconclusive"); !busy && (code != exitVerdict || res.Outcome != compare.Regressed) {
		t.Errorf("exit code %d, %s: %s", code, res.Outcome, res.Reason)
	}
	if res.Pairs[0].Slices < 4 {
		t.Errorf("%d pairs of slices", res.Pairs[0].Slices)
	}
	for _, name := range []string{"base.json", "head.json"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		runs, err := compare.Read(name, f)
		if f.Close(); err != nil || len(runs) != 1 || len(runs[0].Metrics) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABCommandRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.rtk.yaml")
	if err := os.WriteFile(file, []byte(findScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	both := []string{file, "--base", "http://127.0.0.1:9", "--head", "http://127.0.0.1:9"}
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no head":        {[]string{file, "--base", "http://127.0.0.1:9"}, exitUsage, "want as many"},
		"no sides":       {[]string{file}, exitUsage, "--base is missing"},
		"no scenario":    {both[1:], exitUsage, "want one scenario"},
		"uneven":         {append([]string{"--head", "http://127.0.0.1:8"}, both...), exitUsage, "want as many"},
		"short slices":   {append([]string{"--slice", "1ms"}, both...), exitUsage, "too short"},
		"bad tolerance":  {append([]string{"--tolerance", "x"}, both...), exitUsage, "tolerance"},
		"bad format":     {append([]string{"-o", "xml"}, both...), exitUsage, "--output"},
		"no folder":      {append([]string{"--keep", "/no/such"}, both...), exitUsage, "no such folder"},
		"dead endpoints": {both, exitUnreachable, "no server was reached"},
	} {
		_, stderr, code := rtk(t, append([]string{"bench", "ab", "--progress", "none"}, tc.args...)...)
		if code != tc.code || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
}
