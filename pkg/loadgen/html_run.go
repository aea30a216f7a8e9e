package loadgen

import (
	"fmt"
	"strings"
	"time"
)

// newHTMLRun is a report as the page shows it.
func newHTMLRun(r *Report) htmlRun {
	t := &textWriter{m: newMasker(r.Secrets)}
	clients, passed, decided := r.tally()
	g := &r.Generator
	run := htmlRun{
		Verdict: string(r.Verdict), Mark: "?", Scenario: t.clean(r.Scenario), File: t.clean(r.File), RunID: t.clean(r.RunID), Seed: r.Seed, Partial: r.Partial,
		Started: r.Started.UTC().Format(time.RFC3339), Took: shortDuration(r.Duration.Seconds()), Clients: grouped(int64(clients)), Passed: passed, Decided: decided,
		Generator: fmt.Sprintf("lag p99 %s, at most %s; cpu %s %%; resident %s", shortDuration(g.SchedulerLagP99), shortDuration(g.SchedulerLagMax),
			decimal(100*g.CPUShare), byteSize(g.PeakRSS)),
	}
	if trust := g.trustText(); trust != "" {
		run.Generator += "; " + trust
	}
	switch r.Verdict {
	case Pass:
		run.Mark = "✓"
	case Fail:
		run.Mark = "✗"
	}
	if r.Verdict != Pass {
		run.Reason = t.clean(r.Reason)
	}
	for _, x := range r.Targets {
		run.Targets = append(run.Targets, TargetReport{t.clean(x.Name), t.clean(x.URL), t.clean(x.Protocol)})
	}
	for _, x := range headlineLatencies {
		if m := r.total(x.metric); m != nil && m.Count > 0 {
			run.Latencies = append(run.Latencies, htmlLatency{
				x.label, grouped(m.Count), shortDuration(m.P50), shortDuration(m.P90), shortDuration(m.P99), shortDuration(m.P999), shortDuration(m.Max), x.note,
			})
		}
	}
	run.Charts = r.charts()
	run.Faults = htmlFaults(r, t)
	for i := range r.Verify {
		run.verify(&r.Verify[i], t)
	}
	for i := range r.Reconnects {
		x := &r.Reconnects[i]
		run.Losses = append(run.Losses, htmlLosses{t.clean(x.Group) + ": reconnects", strings.Join(t.reconnectLines(x), "\n")})
	}
	run.checks(r, t)
	for _, x := range r.Groups {
		group := htmlGroup{Name: t.clean(x.Name)}
		for _, n := range []int64{
			int64(x.Planned), int64(x.Connected), int64(x.Rejected), int64(x.Failed), int64(x.Disconnected), int64(x.NeverReached), x.Sent, x.Received,
		} {
			group.Numbers = append(group.Numbers, grouped(n))
		}
		run.Groups = append(run.Groups, group)
	}
	for _, e := range r.Errors {
		run.Errors = append(run.Errors, htmlError{grouped(e.Count), t.clean(e.Text)})
	}
	for _, p := range g.Problems {
		run.Problems = append(run.Problems, t.clean(p))
	}
	return run
}

func (run *htmlRun) verify(v *VerifyReport, t *textWriter) {
	what := string(v.Guarantee)
	if v.Nothing() {
		what = "nothing may arrive"
	}
	if len(v.Cells) > 0 {
		g := gridOf(v.Cells)
		out := htmlGrid{Name: t.clean(v.Name), From: t.clean(v.From), To: t.clean(v.To), Guarantee: what}
		for _, to := range g.to {
			out.Columns = append(out.Columns, t.clean(to))
		}
		for _, from := range g.from {
			row := htmlGridRow{Name: t.clean(from)}
			for _, to := range g.to {
				c := g.cells[[2]string{from, to}]
				class := "good"
				switch {
				case c == nil:
					class = "dim"
				case !c.exact():
					class = "bad"
				}
				row.Cells = append(row.Cells, htmlCell{class, cellText(c)})
			}
			out.Rows = append(out.Rows, row)
		}
		run.Grids = append(run.Grids, out)
	}
	for _, x := range []struct {
		word   string
		losses []Loss
	}{{"lost", v.Losses}, {"leaked", v.Leaks}} {
		if len(x.losses) == 0 {
			continue
		}
		var text []string
		for _, l := range x.losses {
			text = append(text, t.clean(l.describe(x.word)))
		}
		run.Losses = append(run.Losses, htmlLosses{t.clean(v.Name) + ": " + x.word, strings.Join(text, "\n")})
	}
	run.truth(v, t)
}

// truth adds what a verify block found beyond its grid.
func (run *htmlRun) truth(v *VerifyReport, t *textWriter) {
	if v.Price != nil {
		run.Prices = append(run.Prices, t.clean(v.Name)+": "+v.Price.text())
	}
	var text []string
	for i := range v.Causes {
		text = append(text, t.clean(v.Causes[i].line()))
	}
	for i := range v.Stuck {
		text = append(text, t.clean(v.Stuck[i].describe()))
	}
	if len(text) > 0 {
		run.Losses = append(run.Losses, htmlLosses{t.clean(v.Name) + ": who ate them", strings.Join(text, "\n")})
	}
}

// checks sorts the checks by status, the worst first; what held is folded
// away.
func (run *htmlRun) checks(r *Report, t *textWriter) {
	for _, status := range []CheckStatus{CheckFail, CheckInconclusive, CheckWarn, CheckPass, CheckSkipped} {
		out := htmlChecks{Status: string(status), Open: status != CheckPass && status != CheckSkipped}
		for i := range r.Checks {
			c := &r.Checks[i]
			if c.Status != status {
				continue
			}
			at := ""
			if c.Pos.Line > 0 {
				at = t.clean(c.Pos.String())
			}
			detail := ""
			if c.Detail != "" {
				detail = strings.Join(t.cleanLines(c.Detail), "\n")
			}
			out.Checks = append(out.Checks, htmlCheck{t.clean(c.Kind + " " + c.Name), t.clean(c.Got), t.clean(c.Want), detail, t.clean(c.advice()), at})
		}
		if out.Count = grouped(int64(len(out.Checks))); len(out.Checks) > 0 {
			run.Checks = append(run.Checks, out)
		}
	}
}
