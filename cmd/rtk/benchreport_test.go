package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// full is a stream that takes nothing, as a full disk does.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestTheVerdictOutlivesTheReport: a result that can't be written hides
// neither the verdict nor the other places that it goes to.
func TestTheVerdictOutlivesTheReport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		verdict loadgen.Verdict
		stdout  io.Writer // nil for a buffer
		reports []string  // relative to a folder of which folder.json is a folder
		failed  error
		code    int
		written []string
		last    string // line of stderr
	}{
		{name: "all well", verdict: loadgen.Pass, reports: []string{"a.json"}, code: exitOK, written: []string{"a.json"}, last: "rtk: PASS (0)"},
		{name: "pass without its report", verdict: loadgen.Pass, reports: []string{"folder.json", "a.json"}, code: exitInternal, written: []string{"a.json"}, last: "rtk: PASS (0)"},
		{name: "failure without its report", verdict: loadgen.Fail, reports: []string{"folder.json"}, code: exitVerdict, last: "rtk: FAIL (99)"},
		{name: "failure on a full disk", verdict: loadgen.Fail, stdout: full{}, reports: []string{"a.json"}, code: exitVerdict, written: []string{"a.json"}, last: "rtk: FAIL (99)"},
		{name: "pass on a full disk", verdict: loadgen.Pass, stdout: full{}, code: exitInternal, last: "rtk: PASS (0)"},
		{
			name: "a later run could not be made", verdict: loadgen.Pass, reports: []string{"a.json"}, failed: &exitError{code: exitInternal, err: errors.New("gone")},
			code: exitInternal, written: []string{"a.json"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "folder.json"), 0o700); err != nil {
				t.Fatal(err)
			}
			var out, stderr bytes.Buffer
			env := &Env{Stdout: &out, Stderr: &stderr, LookupEnv: func(string) (string, bool) { return "", false }}
			if tt.stdout != nil {
				env.Stdout = tt.stdout
			}
			o := &benchOptions{env: env, output: "text", color: "never", failExitCode: exitVerdict}
			for _, name := range tt.reports {
				o.reports = append(o.reports, filepath.Join(dir, name))
			}
			r := &benchRun{benchOptions: o}
			err := r.conclude([]*loadgen.Report{{Scenario: "s", Verdict: tt.verdict}}, tt.failed)
			if code := exitCode(err); code != tt.code {
				t.Errorf("exit code %d (%v), want %d", code, err, tt.code)
			}
			if tt.stdout == nil && out.Len() == 0 {
				t.Error("nothing on stdout")
			}
			for _, name := range tt.written {
				if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(b) == 0 {
					t.Errorf("%s: %d bytes, %v", name, len(b), err)
				}
			}
			lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
			if last := lines[len(lines)-1]; last != tt.last {
				t.Errorf("last line on stderr %q, want %q", last, tt.last)
			}
		})
	}
}

// TestBenchRefusesBeforeItRuns: whatever is wrong with any of the scenarios or
// flags is found before the first run, even if the targets are down.
func TestBenchRefusesBeforeItRuns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"second scenario", []string{"cross-pod", "throttle", "--set", "LIMIT=abc"}},
		{"negative timeout", []string{"cross-pod", "--timeout", "-1s"}},
		{"negative grace", []string{"cross-pod", "--grace", "-1s"}},
		{"exit code of no process", []string{"cross-pod", "--fail-exit-code", "256"}},
		{"neither pass nor fail", []string{"cross-pod", "--inconclusive", "maybe"}},
		{"report to nowhere", []string{"cross-pod", "--report", filepath.Join(t.TempDir(), "none", "x.xml")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			env := &Env{
				Stdout: &stdout, Stderr: &stderr,
				LookupEnv: func(string) (string, bool) { return "", false },
				Notify:    func() (<-chan os.Signal, func()) { return nil, func() {} },
			}
			args := append([]string{"bench", "--target", "http://127.0.0.1:1", "--progress", "none"}, tt.args...)
			if code := run(t.Context(), env, args); code != exitUsage {
				t.Errorf("exit code %d, want %d\n%s", code, exitUsage, &stderr)
			}
			if stdout.Len() > 0 || strings.Contains(stderr.String(), "UNREACHABLE") {
				t.Errorf("it ran:\n%s%s", &stdout, &stderr)
			}
		})
	}
}
