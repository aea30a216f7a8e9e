package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// MarkdownOptions adjust WriteMarkdown.
type MarkdownOptions struct {
	Version string // of the program
	// Limit is how many bytes may be written, 0 for no limit. What does not
	// fit is left out as whole sections, and the end says how many.
	Limit int
}

const (
	// markdownRows bounds the checks that one table shows.
	markdownRows = 100
	// markdownNote is what the line about left-out sections may take.
	markdownNote = 160
)

// WriteMarkdown writes the reports in GitHub's Markdown, as for a step summary
// or a comment: a table of the verdicts, then for each report its checks that
// did not pass, its latencies, the pod × pod grids, and the whole text report
// folded away. Text that came from outside can't be markup, a link, or a
// mention. It writes nothing when not even the verdicts fit the limit.
func WriteMarkdown(w io.Writer, reports []*Report, o MarkdownOptions) error {
	var sections []string
	sections = append(sections, markdownVerdicts(reports))
	for _, r := range reports {
		sections = append(sections, markdownReport(r, o)...)
	}
	var b bytes.Buffer
	for i, s := range sections {
		reserve := markdownNote
		if i == len(sections)-1 {
			reserve = 0
		}
		if o.Limit <= 0 || b.Len()+len(s)+reserve <= o.Limit {
			b.WriteString(s)
			continue
		}
		if i == 0 {
			return nil
		}
		fmt.Fprintf(&b, "\n_Cut: %d of %d sections are left out, they would pass the size that is allowed here. A report file (`--report`) has them all._\n", len(sections)-i, len(sections))
		break
	}
	_, err := w.Write(b.Bytes())
	return err
}

func markdownVerdicts(reports []*Report) string {
	var b strings.Builder
	b.WriteString("## rtk bench\n\n| verdict | scenario | time | clients | checks passed | reason |\n|---|---|--:|--:|--:|---|\n")
	for _, r := range reports {
		m := newMasker(r.Secrets)
		clients, passed, decided := r.tally()
		reason := ""
		if r.Verdict != Pass {
			reason = markdownCode(m, r.Reason)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d of %d | %s |\n", markdownVerdict(r), markdownCode(m, r.Scenario),
			shortDuration(r.Duration.Seconds()), grouped(int64(clients)), passed, decided, reason)
	}
	return b.String()
}

func markdownVerdict(r *Report) string {
	mark := "?"
	switch r.Verdict {
	case Pass:
		mark = "✓"
	case Fail:
		mark = "✗"
	}
	word := mark + " **" + strings.ToUpper(string(r.Verdict)) + "**"
	if r.Partial {
		word += " (partial)"
	}
	return word
}

// markdownReport is one report's sections. Each stands for itself, so that any
// may be left out.
func markdownReport(r *Report, o MarkdownOptions) []string {
	m := newMasker(r.Secrets)
	var out []string
	add := func(s string) {
		if s != "" {
			out = append(out, s)
		}
	}
	add(markdownChecks(r, m))
	add(markdownFaults(r, m))
	add(markdownLatencies(r))
	for i := range r.Verify {
		add(markdownGrid(&r.Verify[i], m))
		add(markdownTruth(&r.Verify[i], m))
	}
	if len(out) > 0 {
		out[0] = "\n### " + markdownCode(m, r.Scenario) + "\n" + out[0]
	}
	var text bytes.Buffer
	if err := WriteText(&text, r, TextOptions{Width: 100, Version: o.Version}); err == nil {
		add("\n" + details("Report of "+markdownCode(m, r.Scenario), text.String()))
	}
	return out
}

// details is text folded away. The text is in a pre element: nothing in it is
// Markdown, and no line of it can end the element.
func details(summary, text string) string {
	return "<details><summary>" + summary + "</summary>\n\n<pre>\n" + markdownPre.Replace(strings.TrimRight(text, "\n")) + "\n</pre>\n\n</details>\n"
}

// markdownChecks is the table of what did not pass, the worst first.
func markdownChecks(r *Report, m *masker) string {
	var b strings.Builder
	n, left := 0, 0
	for _, x := range []struct {
		status CheckStatus
		mark   string
	}{{CheckFail, "✗ fail"}, {CheckInconclusive, "? inconclusive"}, {CheckWarn, "! warning"}} {
		for i := range r.Checks {
			c := &r.Checks[i]
			if c.Status != x.status {
				continue
			}
			if n == markdownRows {
				left++
				continue
			}
			if n++; n == 1 {
				b.WriteString("\n| | check | was | want | at |\n|---|---|---|---|---|\n")
			}
			place := ""
			if c.Pos.Line > 0 {
				place = markdownCode(m, fmt.Sprintf("%s:%d", c.Pos.File, c.Pos.Line))
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", x.mark, markdownCode(m, c.Kind+" "+c.Name), markdownCode(m, c.Got), markdownCode(m, c.Want), place)
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "\nand %d more\n", left)
	}
	return b.String() + markdownAdvice(r, m) + markdownSkipped(r, m)
}

func markdownLatencies(r *Report) string {
	var b strings.Builder
	for _, x := range headlineLatencies {
		l := r.total(x.metric)
		if l == nil || l.Count == 0 {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\n| latency | count | p50 | p90 | p99 | p99.9 | max |\n|---|--:|--:|--:|--:|--:|--:|\n")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", x.label, grouped(l.Count),
			shortDuration(l.P50), shortDuration(l.P90), shortDuration(l.P99), shortDuration(l.P999), shortDuration(l.Max))
	}
	return b.String()
}

// markdownGrid is a verify block's pod × pod grid.
func markdownGrid(v *VerifyReport, m *masker) string {
	if len(v.Cells) == 0 {
		return ""
	}
	g := gridOf(v.Cells)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: delivered of expected, by pod of the publisher (down) and of the subscriber (across)\n\n| |", markdownCode(m, v.Name))
	for _, to := range g.to {
		b.WriteString(" " + markdownCode(m, to) + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(g.to)) + "\n")
	for _, from := range g.from {
		b.WriteString("| " + markdownCode(m, from) + " |")
		for _, to := range g.to {
			b.WriteString(" " + cellText(g.cells[[2]string{from, to}]) + " |")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
