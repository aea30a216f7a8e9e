package compare

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// percent prints a change: relative to base for latencies, in points for
// ratios.
func (r *Row) percent(f float64) string { return percent(f) }

func percent(f float64) string {
	switch {
	case math.IsNaN(f):
		return "-"
	case f > 99:
		return "×" + strconv.FormatFloat(1+f, 'f', 0, 64)
	}
	v := f * 100
	prec := 1
	switch a := math.Abs(v); {
	case a >= 100:
		prec = 0
	case a < 0.1 && a > 0:
		prec = 4
	}
	s := strconv.FormatFloat(v, 'f', prec, 64)
	if strings.ContainsRune(s, '.') {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		s = "0"
	}
	if v > 0 && s != "0" {
		s = "+" + s
	}
	return s + "%"
}

// value prints a side's value.
func (r *Row) value(v float64) string {
	if r.Agg == rate {
		return strings.TrimPrefix(percent(v), "+")
	}
	return latency(v)
}

// latency prints seconds with three digits and a fitting unit.
func latency(s float64) string {
	for _, u := range []struct {
		below, factor float64
		name          string
	}{{1e-3, 1e6, "µs"}, {1, 1e3, "ms"}, {math.Inf(1), 1, "s"}} {
		if s < u.below {
			v := s * u.factor
			prec := max(0, 2-int(math.Floor(math.Log10(max(v, 0.01)))))
			text := strconv.FormatFloat(v, 'f', min(prec, 2), 64)
			if strings.ContainsRune(text, '.') {
				text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
			}
			return text + u.name
		}
	}
	return "-"
}

// silent tells that there is nothing to see: no failures on either side.
func (r *Row) silent() bool { return r.Agg == rate && r.Base == 0 && r.Head == 0 }

// WriteText writes the result as a table for people.
func (res *Result) WriteText(w io.Writer, color bool) error {
	var b bytes.Buffer
	for i := range res.Pairs {
		res.Pairs[i].text(&b, res.Confidence, color)
		b.WriteByte('\n')
	}
	for _, s := range res.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", clean(s))
	}
	fmt.Fprintf(&b, "%s", paint(color, res.Outcome, strings.ToUpper(string(res.Outcome))))
	if res.Reason != "" {
		fmt.Fprintf(&b, ": %s", clean(res.Reason))
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func (p *Pair) text(b *bytes.Buffer, confidence float64, color bool) {
	fmt.Fprintf(b, "%s\n", clean(p.Scenario))
	for _, s := range []Side{p.Base, p.Head} {
		fmt.Fprintf(b, "  %s\n", clean(s.describe()))
	}
	if p.Slices > 0 {
		fmt.Fprintf(b, "  %d pairs of slices, in turn\n", p.Slices)
	}
	table := [][]string{{"", "", "base", "head", "change", interval100(confidence), "tolerated", ""}}
	last, silent := "", 0
	var shown []*Row
	for i := range p.Rows {
		r := &p.Rows[i]
		if r.silent() {
			silent++
			continue
		}
		shown = append(shown, r)
		name := clean(r.Metric)
		if name == last {
			name = ""
		}
		last = clean(r.Metric)
		table = append(table, []string{
			name, r.Agg, r.value(r.Base), r.value(r.Head), r.percent(r.Change),
			r.percent(r.Low) + " to " + r.percent(r.High), strings.TrimPrefix(r.percent(r.Tolerance), "+"), string(r.Outcome),
		})
	}
	if len(shown) > 0 {
		writeTable(b, table, func(row int, s string) string { return paint(color, shown[row].Outcome, s) })
	}
	if silent > 0 {
		fmt.Fprintf(b, "  and %d shares of failures that are 0 on both sides\n", silent)
	}
	list := func(title string, names []string) {
		for _, n := range names {
			fmt.Fprintf(b, "  %s %s\n", title, clean(n))
		}
	}
	list("only head fails:", p.Failing)
	list("only base failed:", p.Mended)
	list("not compared:", p.Untold)
}

func interval100(confidence float64) string {
	return strings.TrimPrefix(percent(confidence), "+") + " interval"
}

func (s *Side) describe() string {
	text := s.Name
	if files := strings.Join(s.Files, ", "); files != s.Name && len(s.Files) > 0 && !strings.Contains(s.Name, ",") {
		text += " (" + files + ")"
	}
	text += ", " + strconv.Itoa(s.Runs) + " run"
	if s.Runs != 1 {
		text += "s"
	}
	if len(s.Targets) > 0 {
		text += " at " + strings.Join(s.Targets, ", ")
	}
	return text
}

// writeTable aligns columns, numbers to the right.
func writeTable(b *bytes.Buffer, table [][]string, last func(row int, s string) string) {
	widths := make([]int, len(table[0]))
	for _, row := range table {
		for i, s := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(s))
		}
	}
	for n, row := range table {
		line := " "
		for i, s := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(s))
			switch {
			case i == len(row)-1 && n > 0:
				line += "  " + last(n-1, s)
			case i < 2:
				line += " " + s + pad
			default:
				line += "  " + pad + s
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func paint(color bool, o Outcome, s string) string {
	if !color {
		return s
	}
	code := map[Outcome]string{Same: "32", Improved: "32;1", Regressed: "31;1", Noisy: "33"}[o]
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// clean makes text from a file harmless on a terminal and in a CI log: one
// line, no control characters, nothing that is a command.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\r' || c == '\t':
			return ' '
		case c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x2028 || c == 0x2029:
			return -1
		}
		return c
	}, s)
	return strings.ReplaceAll(strings.ReplaceAll(s, "##[", "# #["), "::", ": :")
}
