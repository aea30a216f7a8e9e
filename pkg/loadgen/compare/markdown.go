package compare

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Marker begins the Markdown of a result, so that a job finds its own comment
// on a pull request and replaces it.
const Marker = "<!-- rtk bench compare -->"

var marks = map[Outcome]string{Same: "✅", Improved: "🟢", Regressed: "🔴", Noisy: "⚠️"}

// WriteMarkdown writes the result for a comment on a pull request.
func (res *Result) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n## %s rtk bench: %s\n\n", Marker, marks[res.Outcome], res.Outcome)
	if res.Reason != "" {
		fmt.Fprintf(&b, "%s\n\n", code(res.Reason))
	}
	for i := range res.Pairs {
		res.Pairs[i].markdown(&b, res.Confidence)
	}
	for _, s := range res.Warnings {
		fmt.Fprintf(&b, "> ⚠️ %s\n>\n", code(s))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p *Pair) markdown(b *bytes.Buffer, confidence float64) {
	fmt.Fprintf(b, "### %s\n\n", code(p.Scenario))
	list := func(title string, names []string) {
		for _, n := range names {
			fmt.Fprintf(b, "- %s %s\n", title, code(n))
		}
		if len(names) > 0 {
			b.WriteByte('\n')
		}
	}
	list("only head fails:", p.Failing)
	list("only base failed:", p.Mended)
	if slices.ContainsFunc(p.Rows, func(r Row) bool { return !r.silent() }) {
		fmt.Fprintf(b, "| metric | | base | head | change | %s | tolerated | |\n|---|---|---:|---:|---:|---:|---:|---|\n", interval100(confidence))
	}
	for i := range p.Rows {
		r := &p.Rows[i]
		if r.silent() {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s to %s | %s | %s %s |\n", code(r.Metric), r.Agg, r.value(r.Base), r.value(r.Head),
			r.percent(r.Change), r.percent(r.Low), r.percent(r.High), strings.TrimPrefix(r.percent(r.Tolerance), "+"), marks[r.Outcome], r.Outcome)
	}
	fmt.Fprintf(b, "\n<details><summary>what was compared</summary>\n\n")
	for _, s := range []Side{p.Base, p.Head} {
		fmt.Fprintf(b, "- %s\n", code(s.describe()))
	}
	if p.Slices > 0 {
		fmt.Fprintf(b, "- %d pairs of slices, in turn\n", p.Slices)
	}
	for _, s := range p.Untold {
		fmt.Fprintf(b, "- not compared: %s\n", code(s))
	}
	b.WriteString("\n</details>\n\n")
}

// maxCode bounds one piece of text from a report.
const maxCode = 300

// code puts text from outside into a code element as entities, so that nothing
// of it is markup, a mention or a link.
func code(s string) string {
	s = clean(s)
	if r := []rune(s); len(r) > maxCode {
		s = string(r[:maxCode]) + "…"
	}
	var b strings.Builder
	b.WriteString("<code>")
	last := ' '
	for _, c := range s {
		// "www." alone begins a link in GitHub's dialect.
		link := c == '.' && (last == 'w' || last == 'W')
		last = c
		if link {
			b.WriteString("&#46;")
			continue
		}
		if c >= 0x80 || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune(" ,-/()%=.+", c) {
			b.WriteRune(c)
			continue
		}
		fmt.Fprintf(&b, "&#%d;", c)
	}
	b.WriteString("</code>")
	return b.String()
}
