package compare

import (
	"fmt"
	"slices"
	"strings"
)

// checks finds the checks whose outcome differs: failed in more than half of
// one side's runs and in none of the other's.
func (p *Pair) checks(base, head []Run) {
	fails := func(runs []Run) map[string]int {
		n := map[string]int{}
		for i := range runs {
			for _, c := range runs[i].Checks {
				if c.Status == "fail" {
					n[c.Kind+" "+c.Name]++
				}
			}
		}
		return n
	}
	b, h := fails(base), fails(head)
	for name, n := range h {
		if 2*n > len(head) && b[name] == 0 {
			p.Failing = append(p.Failing, name)
		}
	}
	for name, n := range b {
		if 2*n > len(base) && h[name] == 0 {
			p.Mended = append(p.Mended, name)
		}
	}
	// A run that reached nobody has no checks that fail.
	for _, verdict := range []string{"unreachable", "timeout"} {
		if hasVerdict(head, verdict) && !hasVerdict(base, verdict) {
			p.Failing = append(p.Failing, "run was "+verdict)
		}
	}
	slices.Sort(p.Failing)
	slices.Sort(p.Mended)
}

func hasVerdict(runs []Run, verdict string) bool {
	return slices.ContainsFunc(runs, func(r Run) bool { return r.Verdict == verdict })
}

// judge sums the pair up.
func (p *Pair) judge(base, head Sides) {
	count := map[Outcome]int{}
	worst := map[Outcome]*Row{}
	for i := range p.Rows {
		r := &p.Rows[i]
		count[r.Outcome]++
		if w := worst[r.Outcome]; w == nil || r.size() > w.size() {
			worst[r.Outcome] = r
		}
	}
	more := func(n int) string {
		if n > 1 {
			return fmt.Sprintf(" (and %d more)", n-1)
		}
		return ""
	}
	// A generator that could not make the load says nothing about the server,
	// but what a check saw happen has happened.
	saturated := saturated(base.Runs, head.Runs)
	switch {
	case len(p.Failing) > 0:
		p.Outcome, p.Reason = Regressed, "only head fails: "+p.Failing[0]+more(len(p.Failing))
	case saturated != "":
		p.Outcome, p.Reason = Noisy, saturated
	case count[Regressed] > 0:
		p.Outcome, p.Reason = Regressed, worst[Regressed].text()+more(count[Regressed])
	case count[Noisy] > 0:
		p.Outcome, p.Reason = Noisy, worst[Noisy].text()+more(count[Noisy])
	case len(p.Rows) == 0:
		p.Outcome, p.Reason = Noisy, "there is no metric that both sides have enough samples of"
	case count[Improved] > 0 || len(p.Mended) > 0:
		p.Outcome = Improved
	default:
		p.Outcome = Same
	}
}

// saturated names a run whose generator was the bottleneck.
func saturated(sides ...[]Run) string {
	for _, runs := range sides {
		for i := range runs {
			if runs[i].Verdict == "inconclusive" {
				return strings.TrimSpace(runs[i].Path + " is inconclusive: " + runs[i].Reason)
			}
		}
	}
	return ""
}

// size orders rows by how much they differ.
func (r *Row) size() float64 { return max(r.Change, -r.Change) }

// text is the row in words.
func (r *Row) text() string {
	return fmt.Sprintf("%s %s %s (%s to %s), tolerated %s", r.Metric, r.Agg, r.percent(r.Change), r.percent(r.Low), r.percent(r.High), strings.TrimPrefix(r.percent(r.Tolerance), "+"))
}
