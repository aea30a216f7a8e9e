package loadgen

import (
	"fmt"
	"strings"
)

// price prints what the way between two targets costs.
func (t *textWriter) price(p *Price) {
	if p == nil {
		return
	}
	fmt.Fprintf(&t.b, "    %s\n", p.text())
}

// text is the price in one line:
//
//	same pod p50 1.2ms p99 3.1ms   cross pod p50 1.9ms p99 8ms   the way between them p50 +0.7ms p99 +4.9ms
func (p *Price) text() string {
	return fmt.Sprintf("same pod p50 %s p99 %s   cross pod p50 %s p99 %s   the way between them p50 %s p99 %s",
		shortDuration(p.SameP50), shortDuration(p.SameP99), shortDuration(p.CrossP50), shortDuration(p.CrossP99),
		signedDuration(p.P50()), signedDuration(p.P99()))
}

func signedDuration(s float64) string {
	if s < 0 {
		return "-" + shortDuration(-s)
	}
	return "+" + shortDuration(s)
}

// maxCauses is how many causes the text prints.
const maxCauses = 10

// causes prints who ate the messages.
func (t *textWriter) causes(causes []LossCause) {
	rows := causeRows(causes)
	widths := make([]int, 4)
	for _, r := range rows {
		for i := range widths {
			widths[i] = max(widths[i], len([]rune(r[i])))
		}
	}
	for i, r := range rows {
		if i == 0 {
			fmt.Fprintf(&t.b, "    who ate them\n")
		}
		if i == maxCauses {
			fmt.Fprintf(&t.b, "      and %d more\n", len(rows)-i)
			break
		}
		var line []string
		for col, s := range r[:4] {
			line = append(line, s+strings.Repeat(" ", widths[col]-len([]rune(s))))
		}
		fmt.Fprintf(&t.b, "      %s\n        %s\n", t.paint(red, t.clean(strings.TrimRight(strings.Join(line, "  "), " "))), t.paint(dim, r[4]))
	}
}

// causeRows are the columns of the table: cause, from → to, how many, when,
// evidence.
func causeRows(causes []LossCause) [][]string {
	var out [][]string
	for i := range causes {
		c := &causes[i]
		when := ""
		if !c.Start.IsZero() {
			when = c.Start.Format(lossClock)
			if c.End.Sub(c.Start).Seconds() >= 0.1 {
				when += "–" + c.End.Format(lossClock)
			}
		}
		out = append(out, []string{
			c.Cause, c.From + " → " + c.To,
			fmt.Sprintf("%s of %s at %s", grouped(c.Count), plural(int64(c.Publishers), "publisher"), plural(int64(c.Subscribers), "subscriber")),
			when, c.Text(),
		})
	}
	return out
}

// maxStuck is how many zombie subscriptions the text prints.
const maxStuck = 5

// stuck prints zombie subscriptions.
func (t *textWriter) stuck(v *VerifyReport) {
	for i := range v.Stuck {
		if i == maxStuck {
			break
		}
		fmt.Fprintf(&t.b, "    %s\n", t.paint(red, t.clean(v.Stuck[i].describe())))
	}
	if more := v.StuckCount - int64(min(len(v.Stuck), maxStuck)); more > 0 {
		fmt.Fprintf(&t.b, "    and %s stuck\n", plural(more, "more client"))
	}
}

// describe is a zombie subscription in one line.
func (s *StuckClient) describe() string {
	return fmt.Sprintf("%s  subscriber %d  connected, but nothing since %s; others on %s got %s of it",
		s.Target, s.Subscriber, s.Since.Format(lossClock), s.Target, plural(s.Missed, "message"))
}
