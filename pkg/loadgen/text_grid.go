package loadgen

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Nothing tells that the block was an isolation check: nothing may arrive.
func (v *VerifyReport) Nothing() bool { return v.Guarantee == "" }

func (c *Counts) add(o Counts) {
	c.Published += o.Published
	c.Expected += o.Expected
	c.Delivered += o.Delivered
	c.Late += o.Late
	c.Lost += o.Lost
	c.Duplicated += o.Duplicated
	c.OutOfOrder += o.OutOfOrder
	c.Unexpected += o.Unexpected
	c.Corrupt += o.Corrupt
	c.Indeterminate += o.Indeterminate
	c.AfterSettle += o.AfterSettle
}

// verify prints a verify block: who to whom, the pod × pod grid, losses and
// leaks.
func (t *textWriter) verify(v *VerifyReport) {
	what := string(v.Guarantee)
	if v.Nothing() {
		what = "nothing may arrive"
	}
	fmt.Fprintf(&t.b, "\n  %s  %s → %s, %s: %s, %s, %s\n", t.clean(v.Name), t.clean(v.From), t.clean(v.To), what,
		plural(int64(v.Publishers), "publisher"), plural(int64(v.Subscribers), "subscriber"), plural(int64(v.Pairs), "pair"))
	t.grid(v)
	t.price(v.Price)
	t.causes(v.Causes)
	t.losses("lost", v.Losses)
	t.losses("leaked", v.Leaks)
	t.stuck(v)
}

// grid prints the cells as a table, publishers' targets down, subscribers'
// targets across. A table that is wider than the terminal becomes a list.
func (t *textWriter) grid(v *VerifyReport) {
	if len(v.Cells) == 0 {
		return
	}
	g := gridOf(v.Cells)
	from, to, cells := g.from, g.to, g.cells
	rows := [][]string{append([]string{"from ╲ to"}, to...)}
	for _, f := range from {
		row := []string{f}
		for _, s := range to {
			row = append(row, cellText(cells[[2]string{f, s}]))
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(to)+1)
	total := 4
	for col := range widths {
		for _, row := range rows {
			row[col] = t.clean(row[col])
			widths[col] = max(widths[col], utf8.RuneCountInString(row[col]))
		}
		total += widths[col] + 3
	}
	if total > t.o.width() {
		for i := range v.Cells {
			c := &v.Cells[i]
			fmt.Fprintf(&t.b, "    %s\n", t.cellColor(c, t.clean(c.From+" → "+c.To+"  "+cellText(c))))
		}
		return
	}
	for i, row := range rows {
		t.b.WriteString("    ")
		for col, s := range row {
			pad := strings.Repeat(" ", widths[col]-utf8.RuneCountInString(s))
			if col < len(row)-1 {
				pad += "   "
			} else {
				pad = ""
			}
			if i > 0 && col > 0 {
				s = t.cellColor(cells[[2]string{from[i-1], to[col-1]}], s)
			}
			t.b.WriteString(s + pad)
		}
		t.b.WriteByte('\n')
	}
}

// grid is the cells by publisher's and subscriber's target, in the order in
// which they first occur.
type grid struct {
	from, to []string
	cells    map[[2]string]*Cell
}

func gridOf(cells []Cell) grid {
	g := grid{cells: map[[2]string]*Cell{}}
	for i := range cells {
		c := &cells[i]
		if !slices.Contains(g.from, c.From) {
			g.from = append(g.from, c.From)
		}
		if !slices.Contains(g.to, c.To) {
			g.to = append(g.to, c.To)
		}
		g.cells[[2]string{c.From, c.To}] = c
	}
	return g
}

func cellText(c *Cell) string {
	if c == nil {
		return "-"
	}
	mark := "✓"
	if !c.exact() {
		mark = "✗"
	}
	s := fmt.Sprintf("%s %s/%s", mark, grouped(c.Delivered), grouped(c.Expected))
	if c.Delivered > 0 {
		s += " · p99 " + shortDuration(c.P99)
	}
	return s
}

// exact tells that nothing went wrong in the cell.
func (c *Cell) exact() bool {
	return c.Lost+c.Duplicated+c.OutOfOrder+c.Unexpected+c.Corrupt == 0
}

func (t *textWriter) cellColor(c *Cell, s string) string {
	if c != nil && !c.exact() {
		return t.paint(red, s)
	}
	return s
}

// maxLosses is how many intervals the text prints; JSON has all that were
// kept.
const maxLosses = 10

func (t *textWriter) losses(word string, losses []Loss) {
	for i, l := range losses {
		if i == maxLosses {
			fmt.Fprintf(&t.b, "    and %d more intervals\n", len(losses)-i)
			break
		}
		fmt.Fprintf(&t.b, "    %s\n", t.paint(red, t.clean(l.describe(word))))
	}
}

// describe is the loss in one line:
//
//	pod-a → pod-c  publisher 3 → subscriber 17  lost 411–498 (88)  12:03:07.1–12:03:11.5
func (l *Loss) describe(word string) string {
	seq := fmt.Sprintf("%d", l.First)
	if l.Last > l.First {
		seq = fmt.Sprintf("%d–%d", l.First, l.Last)
	}
	to := fmt.Sprintf("subscriber %d", l.Subscriber)
	if l.Subscribers > 1 {
		to = fmt.Sprintf("%d subscribers", l.Subscribers)
	}
	s := fmt.Sprintf("%s → %s  publisher %d → %s  %s %s (%s)", l.From, l.To, l.Publisher, to, word, seq, grouped(l.Last-l.First+1))
	if !l.Start.IsZero() {
		s += "  " + l.Start.Format(lossClock)
		if !l.End.IsZero() && l.End.Sub(l.Start).Seconds() >= 0.1 {
			s += "–" + l.End.Format(lossClock)
		}
	}
	if l.Cause != "" {
		s += "  " + l.Cause
	}
	return s
}
