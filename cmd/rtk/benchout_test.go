package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

func TestParseOut(t *testing.T) {
	t.Parallel()
	got, err := parseOut([]string{"json=a.json,junit=b,c.xml,md=d=e", "text=f"})
	if err != nil {
		t.Fatal(err)
	}
	want := []outFile{{format: "json", path: "a.json"}, {format: "junit", path: "b,c.xml"}, {format: "markdown", path: "d=e"}, {format: "text", path: "f"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outFile{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for bad, text := range map[string]string{"json": "want FORMAT=FILE", "json=": "want FORMAT=FILE", "jsn=a": `did you mean "json"?`, "pdf=a": "unknown format"} {
		if _, err := parseOut([]string{bad}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", bad, err, text)
		}
	}
}

// Files of a scenario hold its runs; a flag replaces them format by format.
func TestReportFilesOfScenarios(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	scenario := func(files ...loadgen.ReportFile) *planned { return &planned{sc: &loadgen.Scenario{Reports: files}} }
	r := &benchRun{
		benchOptions: &benchOptions{env: &Env{Stdout: &bytes.Buffer{}, LookupEnv: func(string) (string, bool) { return "", false }}, output: "text", out: []string{"csv=" + in("all.csv")}},
		plans: []*planned{
			scenario(loadgen.ReportFile{Format: "json", Path: in("both.json")}, loadgen.ReportFile{Format: "csv", Path: in("one.csv")}),
			scenario(loadgen.ReportFile{Format: "json", Path: in("both.json")}, loadgen.ReportFile{Format: "md", Path: in("two.md")}),
		},
	}
	one, two := &loadgen.Report{Scenario: "the first", Verdict: loadgen.Pass}, &loadgen.Report{Scenario: "the second", Verdict: loadgen.Pass}
	if err := r.write([]*loadgen.Report{one, two}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]bool{"both.json": {true, true}, "two.md": {false, true}} {
		b, err := os.ReadFile(in(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{bytes.Contains(b, []byte("the first")), bytes.Contains(b, []byte("the second"))}; got != want {
			t.Errorf("%s holds the first, the second: %v, want %v", name, got, want)
		}
	}
	if _, err := os.Stat(in("all.csv")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(in("one.csv")); err == nil {
		t.Error("the flag did not replace the scenario's CSV")
	}
	// The second run was never made.
	if err := os.Remove(in("two.md")); err != nil {
		t.Fatal(err)
	}
	if err := r.write([]*loadgen.Report{one}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(in("two.md")); err == nil {
		t.Error("there is a report of a run that was not made")
	}
}

// Nothing is sent when a report could not be written afterwards.
func TestUnwritableReportsAreFoundFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x.rtk.yaml")
	src := "version: 1\ntargets: { a: { url: \"http://127.0.0.1:9\", protocol: socketio } }\nclients: { g: { flow: [{ emit: x }] } }\nreport: { json: " + filepath.Join(dir, "no", "r.json") + " }\n"
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"in the scenario":  {[]string{file}, "x.rtk.yaml:4:17: report json"},
		"as --out":         {[]string{"--out", "json=" + filepath.Join(dir, "no", "r.json"), file}, "--out"},
		"as --report":      {[]string{"--report", dir + "/.json", "--report", filepath.Join(dir, "no", "r.json"), file}, "--report"},
		"in two formats":   {[]string{"--out", "json=" + filepath.Join(dir, "r") + ",csv=" + filepath.Join(dir, "r"), file}, "in two formats"},
		"format not known": {[]string{"--report", "r.pdf", file}, "unknown format"},
	} {
		_, stderr, code := rtk(t, append([]string{"bench", "--progress", "none"}, tc.args...)...)
		if code != exitUsage || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
}
