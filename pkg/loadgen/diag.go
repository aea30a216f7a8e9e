package loadgen

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Diagnostic is one thing that is wrong with a scenario file.
type Diagnostic struct {
	Pos
	Message string // what is wrong: lower case, no full stop
	Hint    string // how to mend it, may be empty
	Excerpt string // the source line around the column, secrets masked; empty when there is none
	caret   int    // the column within the excerpt, from 1
}

// Error is file:line:column: message.
func (d Diagnostic) Error() string { return d.String() + ": " + d.Message }

// Format is the message with its excerpt and hint, over several lines and
// without a final newline.
func (d Diagnostic) Format() string {
	var b strings.Builder
	b.WriteString(d.Error())
	if d.Excerpt != "" {
		num := strconv.Itoa(d.Line)
		fmt.Fprintf(&b, "\n  %s | %s", num, d.Excerpt)
		// The caret line repeats the tabs of the excerpt, so that it stays
		// aligned at any tab width.
		pad := make([]rune, 0, d.caret)
		for i, r := range []rune(d.Excerpt) {
			if i+1 >= d.caret {
				break
			}
			if r != '\t' {
				r = ' '
			}
			pad = append(pad, r)
		}
		fmt.Fprintf(&b, "\n  %s | %s^", strings.Repeat(" ", len(num)), string(pad))
	}
	if d.Hint != "" {
		b.WriteString("\n  hint: " + d.Hint)
	}
	return b.String()
}

// Diagnostics are all the things that are wrong with a file, in file order.
type Diagnostics []Diagnostic

// HasErrors tells that there is any.
func (ds Diagnostics) HasErrors() bool { return len(ds) > 0 }

// Err is nil when there are none, otherwise an error whose text is all of
// them.
func (ds Diagnostics) Err() error {
	if len(ds) == 0 {
		return nil
	}
	return ds
}

// Error is one diagnostic a line.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Format is every diagnostic with excerpt and hint.
func (ds Diagnostics) Format() string {
	parts := make([]string, len(ds))
	for i, d := range ds {
		parts[i] = d.Format()
	}
	return strings.Join(parts, "\n")
}

const (
	maxDiagnostics = 100  // that Parse returns for a file that is wrong throughout
	maxRecorded    = 1000 // that are looked for; they are sorted before the rest is cut
	maxExcerpt     = 160  // characters of a source line
)

// finish sorts by file and position, drops repetitions and fills the excerpts.
func (ds Diagnostics) finish(files sources, mask func(string) string) Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(files.index(a.File), files.index(b.File)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	ds = slices.CompactFunc(ds, func(a, b Diagnostic) bool { return a.Pos == b.Pos && a.Message == b.Message })
	if n := len(ds) - maxDiagnostics; n > 0 {
		ds = append(ds[:maxDiagnostics:maxDiagnostics], Diagnostic{Pos: ds[maxDiagnostics].Pos, Message: fmt.Sprintf("and %d more errors", n)})
	}
	for i := range ds {
		d := &ds[i]
		d.Message, d.Hint = mask(d.Message), mask(d.Hint)
		if line, ok := files.line(d.Pos); ok {
			d.Excerpt, d.caret = sourceExcerpt(mask(line), d.Column)
		}
	}
	return ds
}

// sourceExcerpt cuts a long line down to what is around the column.
func sourceExcerpt(line string, column int) (text string, caret int) {
	r := []rune(line)
	if len(r) <= maxExcerpt {
		return line, column
	}
	from := min(max(column-maxExcerpt/2, 0), len(r)-maxExcerpt)
	to := from + maxExcerpt
	text, caret = string(r[from:to]), column-from
	if from > 0 {
		text, caret = "…"+text, caret+1
	}
	if to < len(r) {
		text += "…"
	}
	return text, caret
}

// sourceLines splits the file without line ends. Characters that a terminal
// would act upon are replaced.
func sourceLines(src []byte) []string {
	lines := strings.Split(strings.ToValidUTF8(string(src), "�"), "\n")
	for i, l := range lines {
		lines[i] = printable(strings.TrimSuffix(l, "\r"))
	}
	return lines
}

// printable replaces control characters other than tab, one for one, so that
// columns stay true.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069') {
			return '�'
		}
		return r
	}, s)
}

// clip shortens s to at most n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
