package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteVerdictTable writes one line for each report: verdict, scenario,
// duration, clients, checks, and the reason if there is one.
func WriteVerdictTable(w io.Writer, reports []*Report, o TextOptions) error {
	var rows [][]string
	var reasons []string
	t := &textWriter{o: o}
	widths := make([]int, 5)
	for _, r := range reports {
		t.m = newMasker(r.Secrets)
		clients, passed, total := r.tally()
		row := []string{strings.ToUpper(string(r.Verdict)), t.clean(r.Scenario), shortDuration(r.Duration.Seconds()), plural(int64(clients), "client"), fmt.Sprintf("%d of %d checks", passed, total)}
		for i, s := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(s))
		}
		rows = append(rows, row)
		reasons = append(reasons, t.clean(r.Reason))
	}
	var b bytes.Buffer
	for i, row := range rows {
		for col, s := range row {
			pad := strings.Repeat(" ", widths[col]-utf8.RuneCountInString(s))
			switch col {
			case 0:
				s = t.verdict(reports[i].Verdict) + pad
			case 2: // numbers to the right
				s = pad + s
			default:
				s += pad
			}
			b.WriteString(s)
			if col < len(row)-1 {
				b.WriteString("  ")
			}
		}
		if reasons[i] != "" && reports[i].Verdict != Pass {
			b.WriteString("  " + reasons[i])
		}
		line := bytes.TrimRight(b.Bytes(), " ")
		b.Truncate(len(line))
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// tally counts the clients that were planned, the checks that passed and those
// that were made.
func (r *Report) tally() (clients, passed, decided int) {
	for _, g := range r.Groups {
		clients += g.Planned
	}
	for _, c := range r.Checks {
		if c.Status == CheckSkipped {
			continue
		}
		decided++
		if c.Status == CheckPass {
			passed++
		}
	}
	return clients, passed, decided
}
