package loadgen

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// TestMarkdownIsOursAlone: the only elements in the summary are those that the
// writer makes, and they are balanced; foreign text is in none but as text.
func TestMarkdownIsOursAlone(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteMarkdown(&b, []*Report{hostileReport()}, MarkdownOptions{}); err != nil {
		t.Fatal(err)
	}
	open := map[string]int{}
	for _, tag := range regexp.MustCompile(`<(/?)([a-zA-Z!][^> ]*)[^>]*>`).FindAllStringSubmatch(b.String(), -1) {
		switch name := tag[2]; name {
		case "code", "pre", "details", "summary":
			if tag[1] == "" {
				open[name]++
			} else if open[name]--; open[name] < 0 {
				t.Errorf("%s is closed though it is not open", name)
			}
		default:
			t.Errorf("element %q", tag[0])
		}
	}
	for name, n := range open {
		if n != 0 {
			t.Errorf("%d %s are not closed", n, name)
		}
	}
	outside := regexp.MustCompile(`(?s)<pre>.*?</pre>`).ReplaceAllString(b.String(), "")
	for _, bad := range []string{"http:", "@octocat", " #12", "www.", "*b*", "`c`", "](", "\n::", "##["} {
		if strings.Contains(outside, bad) {
			t.Errorf("%q is markup", bad)
		}
	}
	for line := range strings.SplitSeq(outside, "\n") {
		if cells := strings.Count(line, "|"); strings.HasPrefix(line, "| ✗ fail") && cells != 6 {
			t.Errorf("%d bars in a row of five cells: %s", cells, line)
		}
	}
}

func TestMarkdownIsCut(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	reports := []*Report{failedReport(), passedReport(), failedReport()}
	if err := WriteMarkdown(&whole, reports, MarkdownOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 200, 800, 1500, 4000, whole.Len() - 1, whole.Len()} {
		var b bytes.Buffer
		if err := WriteMarkdown(&b, reports, MarkdownOptions{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		s := b.String()
		if len(s) > limit {
			t.Errorf("limit %d: %d bytes", limit, len(s))
		}
		if s != "" && strings.Contains(s, "_Cut: ") == (limit >= whole.Len()) {
			t.Errorf("limit %d: a cut is told only where there is one:\n%s", limit, s)
		}
		if strings.Count(s, "<details>") != strings.Count(s, "</details>") || strings.Count(s, "<pre>") != strings.Count(s, "</pre>") {
			t.Errorf("limit %d: an element is left open", limit)
		}
		if s == "" && limit >= 1500 {
			t.Errorf("limit %d: nothing", limit)
		}
	}
}
