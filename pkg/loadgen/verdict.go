package loadgen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// evidence is what a run leaves behind beside the engine's counters.
type evidence struct {
	end       ending
	accounts  []*account
	took      time.Duration
	generator Generator
	// stillArriving tells that deliveries still came in when the settle time
	// was over, so that the missing ones may only be late.
	stillArriving bool
	times         *timeline
	samples       *sampler

	course *course                // made when it is asked for
	parts  map[string]*seriesList // of the run, made when they are asked for

	series     *seriesList
	thresholds []*thresholdResult
	hard       bool            // the generator did not make the load that was asked for
	lag        *hist.Histogram // how late the generator's own timers fired
}

// judged is a check, and what the generator may have had to do with it.
type judged struct {
	Check
	// outright violations can't be the generator's doing: what arrived twice,
	// in the wrong place or not at all, a forgery that was let in.
	outright bool
	// excused says that the generator's own lag can have caused the failure.
	excused bool
}

// excuses tells whether the generator's lag can explain that n of the total
// took longer than bound: its own timers were late by half of that at least as
// often.
func (ev *evidence) excuses(n, total int64, bound time.Duration) bool {
	return total > 0 && ev.lag.ShareAbove((bound/2).Seconds()) >= float64(n)/float64(total)
}

// vacuous is the status of a check for which there was nothing to see: a
// failure, unless the run was cut short.
func (ev *evidence) vacuous() CheckStatus {
	if ev.end != endDone {
		return CheckInconclusive
	}
	return CheckFail
}

// behind tells whether missing deliveries may have been unread yet: they were
// still coming in when the time was over, and the generator was slow.
func (ev *evidence) behind() bool {
	return ev.stillArriving && seconds(ev.generator.SchedulerLagP99) > softLag
}

// decide makes all checks and the verdict.
func (e *engine) decide(ev *evidence) (checks []Check, v Verdict, reason string) {
	_, ev.hard = generatorProblems(ev.generator, e.limited.Load(), ev.took.Seconds())
	ev.lag = e.hists.Read(e.lag, e.sendAge)
	ev.series = e.collect(ev)
	ev.thresholds = e.judgeThresholds(ev)
	var all []judged
	for _, g := range e.groups {
		all = append(all, e.judgeCases(g, ev)...)
		all = append(all, e.judgeGroup(g, ev)...)
		all = append(all, e.judgeSticky(g, ev)...)
		all = append(all, e.judgeSteps(g, ev)...)
	}
	for _, acc := range ev.accounts {
		all = append(all, e.judgeVerify(acc, ev))
	}
	for _, t := range ev.thresholds {
		all = append(all, t.judged...)
	}
	all = append(all, e.judgeFaults(ev)...)
	all = append(all, judgeGenerator(ev))
	all = append(all, e.skippedParts()...)
	for i := range all {
		j := &all[i]
		if j.Status == CheckFail && !j.outright && (ev.hard || j.excused) {
			j.Status = CheckInconclusive
			j.Detail = lines(j.Detail, "the generator was too slow to tell: scheduler lag up to "+
				round(seconds(ev.generator.SchedulerLagMax)).String(), strings.Join(ev.generator.Problems, "; "))
		}
		if j.Status == CheckPass || j.Status == CheckSkipped {
			j.Advice = ""
		}
		checks = append(checks, j.Check)
	}
	v, reason = e.verdict(ev, checks)
	return checks, v, reason
}

// skippedParts makes a check of each part of the scenario that was left out.
func (e *engine) skippedParts() []judged {
	var out []judged
	for _, s := range e.plan.Scenario.Skipped {
		out = append(out, judged{Check: Check{Kind: s.Kind, Name: s.Name, Status: CheckSkipped, Detail: s.Reason, Pos: s.Pos}})
	}
	return out
}

// verdict sums the checks up.
func (e *engine) verdict(ev *evidence, checks []Check) (Verdict, string) {
	var worst *Check
	counts := map[CheckStatus]int{}
	for i := range checks {
		c := &checks[i]
		counts[c.Status]++
		if worst == nil || severity(c.Status) > severity(worst.Status) {
			worst = c
		}
	}
	n := e.unreachable.Load()
	switch {
	case ev.end == endUnreachable, n > 0 && e.reached.Load() == 0:
		return Unreachable, fmt.Sprintf("no server was reached: %d of %d attempts failed%s", n, max(e.dialed.Load(), n), e.firstError())
	case ev.end == endGoingOn:
		return Interrupted, fmt.Sprintf("the run went on: this is how it was after %s", round(ev.took))
	case ev.end == endInterrupted:
		return Interrupted, fmt.Sprintf("interrupted after %s", round(ev.took))
	case ev.end == endTimeout:
		return TimedOut, fmt.Sprintf("not done after %s", round(ev.took))
	case ev.end == endAborted:
		return Fail, fmt.Sprintf("ended after %s by %s", round(ev.took), reasonOf(worst, counts[CheckFail]))
	case counts[CheckFail] > 0:
		return Fail, reasonOf(worst, counts[CheckFail])
	case counts[CheckInconclusive] > 0:
		return Inconclusive, reasonOf(worst, counts[CheckInconclusive])
	}
	return Pass, ""
}

func (e *engine) firstError() string {
	if l := e.errs.list(); len(l) > 0 {
		return ": " + l[0].Text
	}
	return ""
}

func severity(s CheckStatus) int {
	switch s {
	case CheckFail:
		return 3
	case CheckInconclusive:
		return 2
	case CheckWarn:
		return 1
	}
	return 0
}

// reasonOf is the verdict in one line.
func reasonOf(c *Check, n int) string {
	s := c.Kind + " " + c.Name
	if c.Kind == "threshold" {
		s = strings.Replace(c.Name, ":", "", 1)
	}
	if c.Got != "" {
		s += " was " + c.Got
	}
	if n > 1 {
		s += fmt.Sprintf(" (and %d more)", n-1)
	}
	return s
}

// judgeGenerator is the check of the generator itself.
func judgeGenerator(ev *evidence) judged {
	g := &ev.generator
	c := Check{
		Kind: "generator", Name: "load as asked for", Status: CheckPass,
		Got:    fmt.Sprintf("scheduler lag p99 %s, %.0f %% of the processors", round(seconds(g.SchedulerLagP99)), g.CPUShare*100),
		Want:   fmt.Sprintf("scheduler lag p99 <= %s", softLag),
		Detail: strings.Join(g.Problems, "\n"),
	}
	switch {
	case ev.hard:
		c.Status = CheckInconclusive
	case len(g.Problems) > 0:
		c.Status = CheckWarn
	}
	return judged{Check: c}
}

// tolerated tells whether a threshold that passed speaks about one of the
// metrics with these labels: then the user has said how much is too much.
func (ev *evidence) tolerated(labels map[string]string, metrics ...string) bool {
	for _, t := range ev.thresholds {
		if t.passed && !t.t.inPart() && t.speaksOf(labels, metrics) {
			return true
		}
	}
	return slices.ContainsFunc(metrics, func(m string) bool { return ev.toleratedInParts(labels, m) })
}

// toleratedInParts tells whether all that a metric counted was within parts of
// the run for which a threshold that passed says how much is too much. One that
// only warns says that what happens there does not decide.
func (ev *evidence) toleratedInParts(labels map[string]string, metric string) bool {
	e := ev.series.e
	var list []stretch
	for _, t := range ev.thresholds {
		if (t.passed || t.t.Warn) && t.t.inPart() && t.speaksOf(labels, []string{metric}) {
			part, _ := e.windows.stretches(t.t.Labels)
			list = append(list, part...)
		}
	}
	if len(list) == 0 {
		return false
	}
	var same []LabelMatch
	for k, v := range labels {
		same = append(same, LabelMatch{Key: k, Value: v})
	}
	own, _ := LookupMetric(metric)
	same = slices.DeleteFunc(same, func(l LabelMatch) bool { return !slices.Contains(own.Labels, l.Key) })
	all, within := ev.series.pick(metric, same), ev.within(e, joined(list)).pick(metric, same)
	return all.n > 0 && within.n >= all.n
}

func lines(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n")
}
