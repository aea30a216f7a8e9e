package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// githubRun is a run in a step of a workflow.
func githubRun(t *testing.T, vars map[string]string, change func(*benchOptions)) (r *benchRun, stderr *bytes.Buffer) {
	t.Helper()
	stderr = new(bytes.Buffer)
	env := &Env{Stdout: new(bytes.Buffer), Stderr: stderr, LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	o := &benchOptions{env: env, output: "text", color: "never", failExitCode: exitVerdict, inconclusive: "fail"}
	if change != nil {
		change(o)
	}
	return &benchRun{benchOptions: o, github: newGitHub(o)}, stderr
}

func failedRun(file string) *loadgen.Report {
	return &loadgen.Report{
		Scenario: "chat", File: file, Verdict: loadgen.Fail, Reason: "x\n::error::reason", Secrets: []string{"hunter22"},
		Checks: []loadgen.Check{{
			Kind: "threshold", Name: "delivery_lost: count == 0", Status: loadgen.CheckFail, Got: "88", Want: "count == 0",
			Detail: "the server said hunter22 and eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln\n::add-path::/evil", Pos: loadgen.Pos{File: file, Line: 41, Column: 3},
		}},
	}
}

// TestGitHubCommands: what the runner takes as commands while it takes any is
// ours alone, and the pause ends before the next command of the step.
func TestGitHubCommands(t *testing.T) {
	t.Parallel()
	summary := filepath.Join(t.TempDir(), "summary")
	r, stderr := githubRun(t, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": summary}, nil)
	r.github.pause()
	stderr.WriteString("a server\n::error::hostile\n")
	err := r.conclude([]*loadgen.Report{failedRun("bench/chat.yaml")}, nil)
	r.github.resume()
	if code := exitCode(err); code != exitVerdict {
		t.Errorf("exit code %d", code)
	}
	var taken []string
	token := ""
	tokens := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSuffix(stderr.String(), "\n"), "\n") {
		switch stop := strings.TrimPrefix(line, "::stop-commands::"); {
		case token != "":
			if line == "::"+token+"::" {
				token = ""
			}
		case stop != line:
			if tokens[stop] || len(stop) < 20 {
				t.Errorf("token %q can be guessed", stop)
			}
			token, tokens[stop] = stop, true
		default:
			taken = append(taken, line)
		}
	}
	if token != "" {
		t.Error("commands are not taken any more after the run")
	}
	want := []string{"::error file=bench/chat.yaml,line=41,col=3,title=threshold delivery_lost%3A count == 0::was 88, want count == 0%0Athe server said *** and ***%0A: :add-path::/evil"}
	if diff := cmp.Diff(want, taken); diff != "" {
		t.Errorf("lines outside of the pauses (-want +got):\n%s", diff)
	}
	if got, err := os.ReadFile(summary); err != nil || !bytes.Contains(got, []byte("✗ **FAIL**")) || bytes.Contains(got, []byte("hunter22")) || bytes.Contains(got, []byte("eyJ")) {
		t.Errorf("summary: %v\n%s", err, got)
	}
}

// TestStepSummaryAppends: what the step's other commands wrote stays, and the
// file keeps within what GitHub takes.
func TestStepSummaryAppends(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		before  int // bytes in the file
		grows   bool
		cut     bool
		warning string
	}{
		{"a new file", 0, true, false, ""},
		{"room enough", 1000, true, false, ""},
		{"little room", maxStepSummary - 700, true, true, ""},
		{"no room", maxStepSummary - 20, false, false, "rtk: warning: step summary: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			summary := filepath.Join(t.TempDir(), "summary")
			if tt.before > 0 {
				if err := os.WriteFile(summary, bytes.Repeat([]byte("x"), tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r, stderr := githubRun(t, map[string]string{"GITHUB_STEP_SUMMARY": summary}, nil)
			if err := r.conclude([]*loadgen.Report{failedRun("chat.yaml")}, nil); exitCode(err) != exitVerdict {
				t.Errorf("error %v", err)
			}
			got, err := os.ReadFile(summary)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) > maxStepSummary || len(got) > tt.before != tt.grows || strings.Count(string(got), "x") < tt.before {
				t.Errorf("%d bytes after %d", len(got), tt.before)
			}
			if bytes.Contains(got, []byte("_Cut: ")) != tt.cut {
				t.Errorf("cut is not %v:\n%s", tt.cut, bytes.TrimLeft(got, "x"))
			}
			if strings.Contains(stderr.String(), "::error") || !strings.HasPrefix(stderr.String(), tt.warning) {
				t.Errorf("stderr:\n%s", stderr)
			}
		})
	}
}

// TestGitHubIsAskedFor: the flag decides, and without it the environment.
func TestGitHubIsAskedFor(t *testing.T) {
	t.Parallel()
	actions := map[string]string{"GITHUB_ACTIONS": "true"}
	for _, tt := range []struct {
		name     string
		vars     map[string]string
		set, on  bool
		annotate bool
	}{
		{"a workflow", actions, false, false, true},
		{"elsewhere", nil, false, false, false},
		{"other CI", map[string]string{"GITHUB_ACTIONS": "false"}, false, false, false},
		{"asked for", nil, true, true, true},
		{"switched off", actions, true, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, stderr := githubRun(t, tt.vars, func(o *benchOptions) { o.onGitHubSet, o.onGitHub = tt.set, tt.on })
			_ = r.conclude([]*loadgen.Report{failedRun("chat.yaml")}, nil)
			if got := regexp.MustCompile(`(?m)^::error `).MatchString(stderr.String()); got != tt.annotate {
				t.Errorf("annotated %v, want %v:\n%s", got, tt.annotate, stderr)
			}
		})
	}
}

// TestAnnotationPath: GitHub knows a file by its path from the workspace.
func TestAnnotationPath(t *testing.T) {
	t.Parallel()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, workspace, file, want string }{
		{"no workspace", "", "bench/a.yaml", "bench/a.yaml"},
		{"the workspace is above", filepath.Dir(wd), "bench/a.yaml", filepath.Base(wd) + "/bench/a.yaml"},
		{"absolute", wd, filepath.Join(wd, "a.yaml"), "a.yaml"},
		{"not of the workspace", wd, "../a.yaml", ""},
		{"shipped", wd, "throttle", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, _ := githubRun(t, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": tt.workspace}, nil)
			if got := r.github.path(tt.file); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestExitCodesAsAsked: the flags change what a verdict is to CI, not the
// verdict.
func TestExitCodesAsAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		change  func(*benchOptions)
		verdict loadgen.Verdict
		code    int
		last    string
	}{
		{"failed", nil, loadgen.Fail, 99, "rtk: FAIL (99)"},
		{"failed, code 1", func(o *benchOptions) { o.failExitCode = 1 }, loadgen.Fail, 1, "rtk: FAIL (1)"},
		{"failed, code 0", func(o *benchOptions) { o.failExitCode = 0 }, loadgen.Fail, 0, "rtk: FAIL (0)"},
		{"unreachable keeps its code", func(o *benchOptions) { o.failExitCode = 1 }, loadgen.Unreachable, 3, "rtk: UNREACHABLE (3)"},
		{"inconclusive", nil, loadgen.Inconclusive, 4, "rtk: INCONCLUSIVE (4)"},
		{"inconclusive passes", func(o *benchOptions) { o.inconclusive = "pass" }, loadgen.Inconclusive, 0, "rtk: INCONCLUSIVE (0)"},
		{"a failure does not", func(o *benchOptions) { o.inconclusive = "pass" }, loadgen.Fail, 99, "rtk: FAIL (99)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, stderr := githubRun(t, nil, tt.change)
			err := r.conclude([]*loadgen.Report{{Scenario: "s", Verdict: tt.verdict}}, nil)
			if code := exitCode(err); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if got := strings.TrimSpace(stderr.String()); got != tt.last {
				t.Errorf("stderr %q, want %q", got, tt.last)
			}
		})
	}
}

// TestErrorsGiveNoCommands: an error may quote a server over several lines.
func TestErrorsGiveNoCommands(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	printError(&b, errors.New("server said\n::error::x\n##[warning]y"))
	if want := "rtk: server said\n: :error::x\n# #[warning]y\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
