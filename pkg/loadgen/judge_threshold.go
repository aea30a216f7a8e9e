package loadgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// thresholdResult is a threshold and what came of it.
type thresholdResult struct {
	t      *Threshold
	judged []judged
	passed bool // all of it, and it is no mere warning
}

// outrightMetrics count violations that a slow generator can't cause.
var outrightMetrics = []string{
	DeliveryLost, DeliveryDelivered, DeliveryDuplicated, DeliveryOutOfOrder, DeliveryUnexpected, DeliveryCorrupt,
	StuckClients, AuthMismatches, AuthLeaks, SilentAccepts, ResumeGap, ResumeDuplicates,
}

// authMetrics need handshakes that were decided.
var authMetrics = []string{AuthMismatches, AuthRejectLatency, AuthLeaks, SilentAccepts}

func (e *engine) judgeThresholds(ev *evidence) []*thresholdResult {
	var out []*thresholdResult
	for _, t := range e.plan.Scenario.Thresholds {
		r := &thresholdResult{t: t, passed: !t.Warn}
		for i := range t.Exprs {
			j := e.judgeExpr(ev, t, i)
			if a := e.aborted.Load(); a != nil && a.x == &t.Exprs[i] {
				j.Status = CheckFail // whatever came after it
				j.Detail = lines(fmt.Sprintf("was %s after %s, which ended the run", a.text, round(a.at)), j.Detail)
				if j.Got == "" || j.Got == "no samples" {
					j.Got = a.text
				}
			}
			r.passed = r.passed && j.Status == CheckPass
			r.judged = append(r.judged, j)
		}
		out = append(out, r)
	}
	return out
}

func (e *engine) judgeExpr(ev *evidence, t *Threshold, i int) judged {
	x := &t.Exprs[i]
	j := judged{Check: Check{
		Kind: "threshold", Name: t.head() + ": " + x.Text, Want: x.Text, Advice: t.Advice, Pos: t.Pos, Status: CheckPass,
	}}
	bad := CheckFail
	if t.Warn {
		bad = CheckWarn
	}
	l, list, missing := e.source(ev, t)
	if missing != "" && !t.AllowEmpty && t.Metric != RecoveryTime {
		j.Got, j.Detail, j.Status = "no samples", missing, bad
		if bad == CheckFail && ev.end != endDone {
			j.Status = CheckInconclusive
		}
		return j
	}
	switch {
	case t.Metric == RecoveryTime:
		return e.judgeRecovery(ev, t, x, j, bad)
	case t.Window > 0 && x.Agg != "slope":
		return e.judgeWindow(ev, t, i, list, j, bad)
	case t.def != nil:
		return e.judgeServer(ev, t, x, list, j, bad)
	case x.Agg == "slope":
		return e.judgeSlope(ev, t, x, list, j, bad)
	}
	m := l.pick(t.Metric, t.seriesLabels())
	if m.empty() {
		j.Got = "no samples"
		if t.AllowEmpty {
			return j
		}
		if why := e.kickedAway(t); why != "" {
			j.Status, j.Detail = CheckSkipped, why
			return j
		}
		j.Status = bad
		switch {
		case bad != CheckFail:
		case ev.end != endDone: // it had no chance to be measured
			j.Status = CheckInconclusive
		case slices.Contains(authMetrics, t.Metric) && e.undecidedProbes(): // nothing was seen because nothing was decided
			j.Status = CheckInconclusive
		}
		j.Detail = "nothing was measured, so this proves nothing" + e.whyEmpty(t)
		return j
	}
	ref, ok := e.refValue(t, x, l)
	switch {
	case !ok && x.Ref == refBaseline:
		j.Status, j.Got = bad, "not in the baseline"
		j.Detail = "the former run has no samples of " + t.head()
		return j
	case !ok:
		j.Status, j.Got = bad, "no samples of "+x.RefMetric+" to compare with"
		return j
	case x.Ref != "":
		j.Detail = x.Ref + " was " + formatValue(ref, x.Unit)
	}
	j.Got = m.format(x)
	if m.kind == KindLatency && m.h.Over > 0 {
		j.Detail = lines(j.Detail, fmt.Sprintf("%d samples were longer than the histogram's range", m.h.Over))
	}
	if m.holds(x, ref) {
		return j
	}
	j.Status = bad
	j.outright = slices.Contains(outrightMetrics, t.Metric)
	if t.Metric == AuthMismatches {
		j.outright, j.excused = e.weighMismatches(ev, t.Labels)
	}
	if m.kind == KindLatency && m.h.Count() > 0 {
		// Would it hold without what the generator added at this percentile?
		own := &merged{kind: KindLatency, h: *ev.lag}
		j.excused = x.Holds(m.value(x)-own.value(x), ref)
	}
	j.Detail = lines(j.Detail, l.worstSeries(t, x))
	return j
}

// weighMismatches tells whether some mismatches are outright violations, or
// else whether the generator's lag can explain those that only took too long.
func (e *engine) weighMismatches(ev *evidence, labels []LabelMatch) (outright, excused bool) {
	excused = true
	for _, g := range e.groups {
		for _, c := range g.cells {
			if c.probes == nil || slices.ContainsFunc(labels, func(l LabelMatch) bool { return !l.Matches(c.labels) }) {
				continue
			}
			c.probes.mu.Lock()
			bad, slow, tried := c.probes.bad, c.probes.slow, c.probes.tried
			c.probes.mu.Unlock()
			outright = outright || bad > slow
			excused = excused && (bad == 0 || c.excusesSlow(ev, slow, tried))
		}
	}
	return outright, excused && !outright
}

// undecidedProbes tells whether some handshakes of cases ended in neither an
// acceptance nor a refusal.
func (e *engine) undecidedProbes() bool {
	for _, g := range e.groups {
		for _, c := range g.cells {
			if c.probes == nil {
				continue
			}
			c.probes.mu.Lock()
			open := c.probes.open
			c.probes.mu.Unlock()
			if open > 0 {
				return true
			}
		}
	}
	return false
}

// whyEmpty hints at what made a metric empty.
func (e *engine) whyEmpty(t *Threshold) string {
	known := map[string]bool{}
	for _, g := range e.groups {
		known[g.plan.Group.Name] = true
	}
	for _, l := range t.Labels {
		if l.Key == LabelClients && l.Value != "" && !known[l.Value] {
			return fmt.Sprintf("; there are no clients named %q", l.Value)
		}
	}
	return ""
}

func onlyVerify(labels []LabelMatch) []LabelMatch {
	var out []LabelMatch
	for _, l := range labels {
		if l.Key == LabelVerify {
			out = append(out, l)
		}
	}
	return out
}

// worstSeries names the series that break a threshold by themselves, where it
// covers more than one.
func (l *seriesList) worstSeries(t *Threshold, x *ThresholdExpr) string {
	var broken []string
	n := 0
	for _, s := range l.list {
		if s.def.Name != t.Metric || !matchesAll(t.seriesLabels(), s.labels) {
			continue
		}
		n++
		one := &merged{kind: s.def.Kind, took: l.took}
		one.add(s)
		slices.Sort(one.samples)
		if x.RefMetric == "" && !one.empty() && !one.holds(x, 0) {
			broken = append(broken, labelText(s.labels)+" "+one.format(x))
		}
	}
	if n < 2 || len(broken) == 0 {
		return ""
	}
	const most = 10
	if more := len(broken) - most; more > 0 {
		broken = append(broken[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(broken, "\n")
}

func labelText(labels map[string]string) string {
	var out []string
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return "{" + strings.Join(out, ",") + "}"
}

// head is the metric with its conditions, as in ack_latency{event=say}.
func (t *Threshold) head() string {
	if len(t.Labels) == 0 {
		return t.Metric
	}
	var parts []string
	for _, l := range t.Labels {
		op, value := "=", l.Value
		if l.Not {
			op = "!="
		}
		if l.Other != "" {
			value = l.Other
		}
		parts = append(parts, l.Key+op+value)
	}
	return t.Metric + "{" + strings.Join(parts, ",") + "}"
}

// speaksOf tells whether the threshold covers one of the metrics with all
// series that have these labels. One with conditions on other labels covers
// only some of them.
func (r *thresholdResult) speaksOf(labels map[string]string, metrics []string) bool {
	if !slices.Contains(metrics, r.t.Metric) {
		return false
	}
	for _, l := range r.t.seriesLabels() {
		if _, ok := labels[l.Key]; !ok || l.Other != "" || !l.Matches(labels) {
			return false
		}
	}
	return true
}

// format is the measured value for people.
func (m *merged) format(x *ThresholdExpr) string {
	if m.kind == KindRate && x.Agg == "value" {
		lo, hi := m.samples[0], m.samples[len(m.samples)-1]
		return fmt.Sprintf("%s to %s over %s", formatValue(lo, x.Unit), formatValue(hi, x.Unit), plural(int64(len(m.samples)), "client"))
	}
	s := formatValue(m.value(x), x.Unit)
	if m.kind == KindRatio && m.of > 0 && x.Agg != "total" {
		s += " of " + strconv.FormatInt(m.of, 10)
		if x.Unit == "ratio" {
			s = fmt.Sprintf("%s (%d of %d)", formatValue(m.value(x), x.Unit), m.n, m.of)
		}
		if x.Per > 0 {
			s = fmt.Sprintf("%s in %s (%d of %d)", formatValue(m.value(x), x.Unit), x.Per, m.n, m.of)
		}
	}
	return s
}

func formatValue(v float64, unit string) string {
	if base, ok := strings.CutSuffix(unit, perHour); ok {
		if v < 0 {
			return "-" + formatValue(-v, base) + perHour
		}
		return formatValue(v, base) + perHour
	}
	switch unit {
	case "s":
		return round(seconds(v)).String()
	case "ratio":
		return strconv.FormatFloat(v*100, 'f', -1, 32) + "%"
	case "/s":
		return strconv.FormatFloat(v, 'f', 2, 64) + "/s"
	case "B":
		return byteSize(int64(v))
	case "B/s":
		return byteSize(int64(v)) + "/s"
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + unit
}
