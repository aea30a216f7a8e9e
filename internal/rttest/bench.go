package rttest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchResult is what tests read of a result of `rtk bench`.
type BenchResult struct {
	Schema string     `json:"schema"`
	Runs   []BenchRun `json:"runs"`
}

// BenchRun is one scenario's part of it.
type BenchRun struct {
	File    string       `json:"file"`
	Verdict string       `json:"verdict"`
	Reason  string       `json:"reason"`
	Partial bool         `json:"partial"`
	Checks  []BenchCheck `json:"checks"`
}

// BenchCheck is one thing that was decided.
type BenchCheck struct {
	Kind, Name, Status, Got, Want, Detail, Advice string
}

// With are the checks of a status, "kind name" each.
func (r *BenchRun) With(status string) (names []string) {
	for _, c := range r.Checks {
		if c.Status == status {
			names = append(names, c.Kind+" "+c.Name)
		}
	}
	return names
}

// Evidence are the checks that did not pass, with what they say.
func (r *BenchRun) Evidence() string {
	var b strings.Builder
	for _, c := range r.Checks {
		if c.Status != "pass" && c.Status != "skipped" {
			b.WriteString(c.Status + " " + c.Kind + " " + c.Name + ": was " + c.Got + "\n\t" + strings.ReplaceAll(c.Detail, "\n", "\n\t") + "\n")
		}
	}
	return b.String()
}

// Bench runs `rtk bench` of the binary and returns its result, exit code and
// stderr. It runs it again, three times at most, while a run is inconclusive:
// then the machine was too busy for a verdict, and a test of verdicts has
// nothing to look at.
func Bench(t testing.TB, binary string, env []string, args ...string) (res BenchResult, code int, stderr string) {
	t.Helper()
	const tries = 3
	for try := 1; ; try++ {
		res, code, stderr = benchOnce(t, binary, env, args...)
		busy := slices.ContainsFunc(res.Runs, func(r BenchRun) bool { return r.Verdict == "inconclusive" })
		if !busy || try == tries {
			return res, code, stderr
		}
		t.Logf("try %d is inconclusive: %s", try, strings.TrimSpace(stderr))
	}
}

func benchOnce(t testing.TB, binary string, env []string, args ...string) (res BenchResult, code int, stderr string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "result.json")
	p := Start(t, env, binary, append([]string{"bench", "-q", "--report", out}, args...)...)
	code = p.Wait(t, 3*time.Minute)
	b, err := os.ReadFile(out)
	if err != nil {
		return res, code, p.Stderr() // it did not come to a run
	}
	if err := json.Unmarshal(b, &res); err != nil {
		t.Fatalf("the result is no JSON: %v", err)
	}
	return res, code, p.Stderr()
}
