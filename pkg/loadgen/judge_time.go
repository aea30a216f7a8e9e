package loadgen

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// source is what a threshold is judged by: the series of the whole run, or of
// the part that it speaks of. missing says why there is no such part.
func (e *engine) source(ev *evidence, t *Threshold) (l *seriesList, list []stretch, missing string) {
	list, all := e.windows.stretches(t.Labels)
	switch {
	case all:
		return ev.series, list, ""
	case len(list) == 0:
		return &seriesList{e: e}, nil, "the run did not come to " + partName(t)
	}
	return ev.within(e, list), list, ""
}

// partName names the part of a run that a threshold speaks of.
func partName(t *Threshold) string {
	var out []string
	for _, l := range t.Labels {
		switch l.Key {
		case LabelPhase:
			out = append(out, "phase "+l.Value)
		case LabelDuring, LabelAfter:
			out = append(out, "fault "+l.Value)
		}
	}
	return strings.Join(out, " and ")
}

// within is engine.within, kept for the next threshold on the same part.
func (ev *evidence) within(e *engine, list []stretch) *seriesList {
	key := fmt.Sprint(list)
	l := ev.parts[key]
	if l == nil {
		if ev.parts == nil {
			ev.parts = map[string]*seriesList{}
		}
		l = e.within(list)
		ev.parts[key] = l
	}
	return l
}

// courseOf is the course of deliveries over the run, made once.
func (ev *evidence) courseOf(e *engine) *course {
	if ev.course == nil {
		ev.course = e.takeCourse(ev.took)
	}
	return ev.course
}

// refValue is the value of a condition's reference, ok is false when there is
// none to compare with.
func (e *engine) refValue(t *Threshold, x *ThresholdExpr, l *seriesList) (v float64, ok bool) {
	var m *merged
	agg := &ThresholdExpr{Agg: x.RefAgg, Of: x.Of}
	switch x.Ref {
	case "":
		return 0, true
	case refBaseline:
		m = e.opt.Baseline.pick(t)
	default:
		m = l.pick(x.RefMetric, onlyVerify(t.Labels))
	}
	if m == nil || m.empty() {
		return 0, false
	}
	return m.value(agg), true
}

// judgeWindow judges a condition by the worst stretch of the threshold's window.
func (e *engine) judgeWindow(ev *evidence, t *Threshold, i int, list []stretch, j judged, bad CheckStatus) judged {
	w := e.worstOf(ev, t, i, list)
	x := &t.Exprs[i]
	if w.seen == 0 {
		j.Got, j.Status = "no samples", bad
		j.Detail = fmt.Sprintf("nothing was measured in any %s, so this proves nothing", shortDuration(t.Window.Seconds()))
		if t.AllowEmpty {
			j.Status = CheckPass
		}
		return j
	}
	j.Got = fmt.Sprintf("%s from %s to %s of the run", w.text, shortDuration(w.at.from.Seconds()), shortDuration(w.at.to.Seconds()))
	if !w.holds {
		j.Status = bad
		j.outright = slices.Contains(outrightMetrics, t.Metric)
		j.Detail = fmt.Sprintf("%d of %d windows of %s broke it", w.bad, w.seen, shortDuration(t.Window.Seconds()))
		if t.metric().Kind == KindLatency {
			own := &merged{kind: KindLatency, h: *ev.lag}
			ref, _ := e.refValue(t, x, ev.series)
			j.excused = x.Holds(w.value-own.value(x), ref)
		}
	}
	return j
}

// worstOf is the worst stretch for condition i of a threshold with a window. A
// run that is shorter than the window is one stretch.
func (e *engine) worstOf(ev *evidence, t *Threshold, i int, list []stretch) worstWindow {
	var w worstWindow
	switch {
	case t.def != nil:
		e.slide(t, list, func(s stretch) {
			for _, one := range e.scraped(t, []stretch{s}).list {
				m := &merged{kind: KindSampled, points: one.points, took: length([]stretch{s}).Seconds()}
				if !m.empty() {
					w.take(&t.Exprs[i], m, 0, s)
				}
			}
		})
	case hasCourse(t.Metric):
		c := ev.courseOf(e)
		c.slide(e, t, list, func(m *merged, s stretch) { w.take(&t.Exprs[i], m, 0, s) })
	default:
		for _, x := range ev.samples.windows {
			if x.t == t {
				w = x.worst[i]
			}
		}
	}
	if w.seen == 0 && len(list) > 0 && t.def == nil {
		m := ev.within(e, list).pick(t.Metric, t.seriesLabels())
		if ref, ok := e.refValue(t, &t.Exprs[i], ev.series); ok && !m.empty() {
			w.take(&t.Exprs[i], m, ref, stretch{list[0].from, list[len(list)-1].to})
		}
	}
	return w
}

// slide calls f for each window of a threshold, a tenth of it apart; a stretch
// that is shorter is one window.
func (e *engine) slide(t *Threshold, list []stretch, f func(stretch)) {
	for _, s := range list {
		step := max(t.Window/10, sampleEvery)
		if s.to-s.from <= t.Window {
			f(s)
			continue
		}
		for at := s.from; at+t.Window <= s.to; at += step {
			f(stretch{at, at + t.Window})
		}
	}
}

// slide calls f for each window of a threshold on deliveries, one bucket apart.
func (c *course) slide(e *engine, t *Threshold, list []stretch, f func(*merged, stretch)) {
	all := c.pick(e, t.seriesLabels())
	kind := t.metric().Kind
	n := max(int(t.Window/c.width), 1)
	for _, s := range list {
		lo, hi := int((s.from+c.width-1)/c.width), min(int(s.to/c.width), len(all))
		var sum courseBucket
		for i := lo; i < hi; i++ {
			sum.add(&all[i], 1)
			if i >= lo+n {
				sum.add(&all[i-n], -1)
			}
			if i+1 < min(lo+n, hi) {
				continue // the window is not full, and the stretch is not over
			}
			count, of, _ := sum.of(t.Metric)
			at := stretch{c.width * time.Duration(1+max(i-n, lo-1)), c.width * time.Duration(i+1)}
			m := &merged{kind: kind, n: count, of: of, took: (at.to - at.from).Seconds()}
			if !m.empty() {
				f(m, at)
			}
		}
	}
}

// judgeServer judges a condition on a target's own metric, for each page.
func (e *engine) judgeServer(ev *evidence, t *Threshold, x *ThresholdExpr, list []stretch, j judged, bad CheckStatus) judged {
	if x.Agg == "last" && len(list) > 0 { // the first value after the end says how it ended
		list = slices.Clone(list)
		list[len(list)-1].to = ev.took + maxScrapeTime
		if next := e.nextScrape(t, list[len(list)-1].from, ev.took); next > 0 {
			list[len(list)-1].to = next
		}
	}
	pages := e.scraped(t, list).list
	if len(pages) == 0 {
		j.Got, j.Status, j.Detail = "no samples", bad, "no page was read"
		return j
	}
	var got, detail []string
	for _, s := range pages {
		m := &merged{kind: KindSampled, points: s.points, took: length(list).Seconds()}
		name := s.labels[LabelTarget]
		why := e.scrapeFailure(name)
		few := x.Agg == "slope" && len(m.points) < fewPoints
		if m.empty() || few {
			if t.AllowEmpty {
				continue
			}
			j.Status = bad
			got = append(got, name+": "+plural(int64(len(m.points)), "sample"))
			detail = append(detail, emptyPage(name, x, why))
			continue
		}
		ref, ok := e.refValue(t, x, ev.series)
		got = append(got, name+": "+m.format(x))
		if !ok || !m.holds(x, ref) {
			j.Status = bad
		}
		if why != "" {
			detail = append(detail, why)
		}
	}
	if len(got) == 1 {
		_, got[0], _ = strings.Cut(got[0], ": ")
	}
	j.Got, j.Detail = strings.Join(got, ", "), strings.Join(detail, "\n")
	return j
}

func emptyPage(name string, x *ThresholdExpr, why string) string {
	switch {
	case why != "":
		return why
	case x.Agg == "slope":
		return fmt.Sprintf("%s: a slope takes at least %d samples", name, fewPoints)
	}
	return name + ": the page has no such metric, so this proves nothing"
}

// judgeSlope judges how a metric grows.
func (e *engine) judgeSlope(ev *evidence, t *Threshold, x *ThresholdExpr, list []stretch, j judged, bad CheckStatus) judged {
	m := &merged{kind: t.metric().Kind, points: ev.samples.points(t, x, list)}
	if len(m.points) < fewPoints || math.IsNaN(slope(m.points)) {
		j.Got, j.Status = plural(int64(len(m.points)), "sample"), bad
		j.Detail = fmt.Sprintf("a slope takes at least %d of them, so this proves nothing", fewPoints)
		if t.AllowEmpty {
			j.Status = CheckPass
		}
		return j
	}
	ref, ok := e.refValue(t, x, ev.series)
	j.Got = m.format(x)
	if !ok || !m.holds(x, ref) {
		j.Status = bad
	}
	return j
}

// judgeRecovery judges how long things took to be well again after a fault.
func (e *engine) judgeRecovery(ev *evidence, t *Threshold, x *ThresholdExpr, j judged, bad CheckStatus) judged {
	samples, why := e.recoveries(ev, t)
	switch {
	case len(samples) == 0:
		j.Got, j.Status, j.Detail = "no samples", bad, why
		return j
	case slices.Contains(samples, math.Inf(1)):
		j.Got, j.Status, j.outright = "not recovered within the run", bad, true
		return j
	}
	slices.Sort(samples)
	m := &merged{kind: KindGauge, samples: samples}
	if j.Got = m.format(x); !m.holds(x, 0) {
		j.Status = bad
	}
	return j
}

// noticeTime is how long a target may take to notice what clients did.
const noticeTime = 500 * time.Millisecond

// nextScrape is when a target's page was first read after a part of the run had
// ended and the target could notice, 0 if it was not. from is where that part
// began.
func (e *engine) nextScrape(t *Threshold, from, end time.Duration) time.Duration {
	list, _ := e.windows.stretches(t.Labels)
	to := end
	if len(list) > 0 {
		to = list[len(list)-1].to
	}
	for _, s := range e.scraped(t, []stretch{{max(from, to) + noticeTime, end + time.Hour}}).list {
		for _, p := range s.points {
			return seconds(p.at)
		}
	}
	return 0
}

// scrapeFailure says how reading a page went wrong, "" when it did not.
func (e *engine) scrapeFailure(name string) string {
	for _, r := range e.scraper.list {
		if r.x.Name == name {
			return r.failure()
		}
	}
	return ""
}
