package loadgen

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hostileText is what a server may answer to take over a CI job or a page.
const hostileText = "x\n::error::a\r\n::set-output name=a::b\r::warning::c\n  ::notice::d\n##[error]e\n%0A::debug::f\n" +
	"</code></pre></details><script>alert(1)</script> | [a](http://evil.example) @octocat #12 www.evil.example *b* `c` ![i](x) \x1b[31m"

// hostileReport has text of a server wherever there may be some.
func hostileReport() *Report {
	r := failedReport()
	r.Reason, r.Scenario = hostileText, hostileText
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Name, c.Got, c.Want, c.Detail = hostileText, hostileText, hostileText, hostileText
		c.Pos = Pos{"a,b:c\n::error::x%.yaml", 3, 4}
	}
	r.Targets[0].Name = hostileText
	for i := range r.Verify {
		r.Verify[i].Name, r.Verify[i].From = hostileText, hostileText
		for j := range r.Verify[i].Cells {
			r.Verify[i].Cells[j].From += hostileText
		}
	}
	r.Errors[0].Text = hostileText
	return r
}

// workflowCommand is how the runner reads one.
var workflowCommand = regexp.MustCompile(`^::(error|warning) ([^:]*)::(.*)$`)

// TestAnnotationsAreOneCommandEach: whatever a server answers, a line is one
// annotation, and its parts read back as what they were made of.
func TestAnnotationsAreOneCommandEach(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteAnnotations(&b, []*Report{hostileReport()}, func(f string) string { return f }); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(got) != 5 { // three failed, one inconclusive, one warning
		t.Errorf("%d lines, want 5", len(got))
	}
	for _, line := range got {
		m := workflowCommand.FindStringSubmatch(line)
		if m == nil || strings.ContainsAny(line, "\r\x1b") || strings.Contains(line, "##[") {
			t.Errorf("not one annotation: %q", line)
			continue
		}
		file, _, _ := strings.Cut(m[2], ",")
		if want := "file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax%25.yaml"; file != want {
			t.Errorf("file %q, want %q", file, want)
		}
		if !strings.Contains(m[2], ",line=3,col=4,title=") {
			t.Errorf("properties %q", m[2])
		}
		for part := range strings.SplitSeq(m[3], "%0A") {
			if strings.HasPrefix(strings.TrimSpace(part), "::") {
				t.Errorf("a line of the message begins with a command: %q", part)
			}
		}
	}
}

func TestAnnotationsAreCapped(t *testing.T) {
	t.Parallel()
	r := &Report{Scenario: "s", Verdict: Fail}
	for i := range 9 {
		r.Checks = append(r.Checks, Check{Kind: "step", Name: fmt.Sprint(i), Status: CheckFail, Got: "0", Pos: Pos{"s.yaml", i + 1, 1}})
	}
	for _, tt := range []struct {
		name    string
		reports []*Report
		lines   int
		last    string
	}{
		{"under the cap", []*Report{r}, 9, "::error file=s.yaml,line=9,col=1,title=step 8::was 0"},
		{"over all reports", []*Report{r, r}, 10, "::error title=rtk bench::and 9 more, the report has them all"},
		{"passed", []*Report{{Verdict: Pass}}, 0, ""},
		{"unreachable", []*Report{{Scenario: "s", File: "s.yaml", Verdict: Unreachable, Reason: "no server"}}, 1, "::error file=s.yaml,title=s%3A unreachable::no server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := WriteAnnotations(&b, tt.reports, func(f string) string { return f }); err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			if n := strings.Count(b.String(), "\n"); n != tt.lines {
				t.Errorf("%d lines, want %d", n, tt.lines)
			}
			if diff := cmp.Diff(tt.last, got[len(got)-1]); diff != "" {
				t.Errorf("last line (-want +got):\n%s", diff)
			}
		})
	}
}
