package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// writeRun writes the report of a run whose ack latencies are spread around a
// median.
func writeRun(t *testing.T, dir, name string, median time.Duration) string {
	t.Helper()
	set := hist.NewSet(1)
	id := set.Add(hist.Fine)
	for i := range 20000 {
		set.Record(0, id, median*time.Duration(900+i%200)/1000)
	}
	h := set.Read(id)
	hdr, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r := &loadgen.Report{
		Scenario: "lobby", RunID: name, PlanHash: "abc", Verdict: loadgen.Pass, Started: time.Unix(1, 0),
		Metrics:   []loadgen.Metric{{Name: loadgen.AckLatency, Kind: "latency", Unit: "s", Count: h.Count(), HDR: hdr}},
		Generator: loadgen.Generator{OK: true},
	}
	path := filepath.Join(dir, name)
	out, err := render("json", []*loadgen.Report{r}, loadgen.TextOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rtk runs a command and returns what it printed and its exit code.
func rtk(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	env := &Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, LookupEnv: func(string) (string, bool) { return "", false },
		Notify: func() (<-chan os.Signal, func()) { return make(chan os.Signal), func() {} },
	}
	code = run(context.Background(), env, args)
	return out.String(), errs.String(), code
}

func TestCompareCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base := writeRun(t, dir, "base-1.json", 20*time.Millisecond)
	writeRun(t, dir, "base-2.json", 20100*time.Microsecond)
	same := writeRun(t, dir, "same.json", 20050*time.Microsecond)
	slow := writeRun(t, dir, "slow.json", 30*time.Millisecond)
	fast := writeRun(t, dir, "fast.json", 10*time.Millisecond)
	for _, tc := range []struct {
		name   string
		args   []string
		code   int
		stdout string
	}{
		{"same", []string{base, same}, 0, "SAME"},
		{"slower", []string{base, slow}, 99, "REGRESSED: ack_latency p"},
		{"faster", []string{base, fast}, 0, "IMPROVED"},
		{"tolerated", []string{base, slow, "--tolerance", "100%"}, 0, "SAME"},
		{"another exit code", []string{base, slow, "--fail-exit-code", "7"}, 7, "REGRESSED"},
		{"two heads, one slow", []string{base, same, slow}, 99, "REGRESSED"},
		{"two runs a side", []string{filepath.Join(dir, "base-*.json"), slow + "," + fast}, 4, "TOO NOISY"},
		{"noise may pass", []string{filepath.Join(dir, "base-*.json"), slow + "," + fast, "--inconclusive=pass"}, 0, "TOO NOISY"},
		{"JSON", []string{base, slow, "-o", "json"}, 99, `"outcome": "regressed"`},
		{"Markdown", []string{base, slow, "-o", "markdown"}, 99, "<!-- rtk bench compare -->"},
		{"one metric", []string{base, slow, "--metric", "ack_latency.p50"}, 99, "p50"},
	} {
		stdout, stderr, code := rtk(t, append([]string{"bench", "compare"}, tc.args...)...)
		if code != tc.code || !strings.Contains(stdout, tc.stdout) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", tc.name, code, tc.code, stdout, stderr)
		}
	}
	md := filepath.Join(dir, "out.md")
	if _, stderr, code := rtk(t, "bench", "compare", base, same, "--report", md); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if b, err := os.ReadFile(md); err != nil || !bytes.Contains(b, []byte("| <code>ack&#95;latency</code> | p99 |")) {
		t.Errorf("%v: %s", err, b)
	}
}

func TestCompareCommandRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base := writeRun(t, dir, "base.json", 20*time.Millisecond)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"one side":       {[]string{base}, "want base and at least one head"},
		"no file":        {[]string{base, "none.json"}, "none.json"},
		"no match":       {[]string{base, "head-*.json"}, "no report is named like head-*.json"},
		"the same run":   {[]string{base, base}, "the same run"},
		"tolerance":      {[]string{base, base, "--tolerance", "p99"}, "tolerance"},
		"confidence":     {[]string{base, base, "--confidence", "0.95"}, "--confidence"},
		"percentile":     {[]string{base, base, "--force", "--percentiles", "99"}, "percentile"},
		"format":         {[]string{base, base, "-o", "xml"}, "--output"},
		"report":         {[]string{base, base, "--report", "x.pdf"}, "--report x.pdf"},
		"no such folder": {[]string{base, base, "--report", filepath.Join(dir, "no", "x.md")}, "there is no folder"},
	} {
		_, stderr, code := rtk(t, append([]string{"bench", "compare"}, tc.args...)...)
		if code != exitUsage || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(checkWritable("--report", []string{link, filepath.Join(dir, "new.json"), os.DevNull}), writeFile(link, []byte("new")), writeFile(os.DevNull, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	st, _ := os.Stat(path)
	if err != nil || string(b) != "new" || st.Mode().Perm() != 0o640 {
		t.Errorf("%q, %v, %v", b, st.Mode(), err)
	}
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link is gone: %q, %v", to, err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".rtk-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, bad := range []string{dir, filepath.Join(dir, "no", "x.json"), filepath.Join(path, "x.json")} {
		if err := checkWritable("--report", []string{bad}); err == nil {
			t.Errorf("%s can be written, it says", bad)
		}
	}
	if fmt.Sprint(modeFor(filepath.Join(dir, "none"))) != "-rw-r--r--" {
		t.Error("a new file has other permissions")
	}
}
