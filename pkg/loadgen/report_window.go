package loadgen

import (
	"cmp"
	"slices"
	"time"
)

// WindowReport is one named span of the run: a phase, or the time of a fault.
type WindowReport struct {
	Kind, Name string // phase or fault
	From, To   time.Duration
	// Metrics are what was measured in it: latencies and counts by the time
	// of measurement, deliveries by the time of publishing. Of a run with many
	// windows, or with very many pairs, only the first ones have them.
	Metrics []Metric
}

// maxWindowMetrics bounds the windows that carry their metrics in a report, and
// maxWindowPairs how many pairs are looked at for that.
const (
	maxWindowMetrics = 64
	maxWindowPairs   = 100_000_000
)

// windowReports lists the windows of the run, the phases first to have their
// metrics.
func (e *engine) windowReports(ev *evidence) []WindowReport {
	all := e.windows.all(ev.took)
	out := make([]WindowReport, len(all))
	for i, w := range all {
		out[i] = WindowReport{Kind: w.kind.String(), Name: w.name, From: w.from, To: w.to}
	}
	left := maxWindowMetrics
	if e.plan.Pairs > 0 {
		left = min(left, max(int(maxWindowPairs/e.plan.Pairs), 2))
	}
	for _, kind := range []windowKind{windowPhase, windowFault} {
		for i, w := range all {
			if w.kind != kind || w.from == w.to || left == 0 {
				continue
			}
			left--
			out[i].Metrics = e.metricsOf(ev.within(e, []stretch{{w.from, w.to}}))
		}
	}
	return out
}

// metricsOf are the series that have something to tell.
func (e *engine) metricsOf(l *seriesList) []Metric {
	var out []Metric
	for _, s := range l.list {
		if m := s.report(l.took); m.Count > 0 || m.Total > 0 {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b Metric) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(labelText(a.Labels), labelText(b.Labels)))
	})
	return out
}
