package loadgen

import (
	"cmp"
	"slices"
	"time"
)

// Labels that choose a span of the run instead of a series.
const (
	LabelPhase  = "phase"  // within the phase of that name
	LabelDuring = "during" // while the fault of that name is in effect
	LabelAfter  = "after"  // from the end of that fault to the next fault
)

// windowLabels are the labels that choose a span.
var windowLabels = []string{LabelPhase, LabelDuring, LabelAfter}

// stretch is a part of the run from one instant to another. Both are edges of
// windows, the beginning or the end of the run.
type stretch struct{ from, to time.Duration }

// stretches are the parts of the run that the conditions on phase, during and
// after choose together, in order and without overlap. all says that there is
// no such condition.
func (ws *windows) stretches(labels []LabelMatch) (out []stretch, all bool) {
	ws.mu.Lock()
	end := ws.edges[len(ws.edges)-1].at
	ws.mu.Unlock()
	all = !slices.ContainsFunc(labels, func(l LabelMatch) bool { return slices.Contains(windowLabels, l.Key) })
	return ws.until(labels, end), all
}

// until is stretches for a run that has come to an instant: what is open ends
// there.
func (ws *windows) until(labels []LabelMatch, end time.Duration) []stretch {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	out := []stretch{{0, end}}
	for _, l := range labels {
		if slices.Contains(windowLabels, l.Key) {
			out = intersect(out, ws.named(l.Key, l.Value, end))
		}
	}
	return out
}

// inOne tells whether a stretch that ends now lies within one of those that the
// conditions choose.
func (ws *windows) inOne(labels []LabelMatch, x stretch) bool {
	return slices.ContainsFunc(ws.until(labels, x.to), func(s stretch) bool { return s.from <= x.from && x.to <= s.to })
}

// named are the stretches of one condition. mu is held.
//
//	phase   |······[===phase===]······|
//	during  |······[===fault===]······|        a fault without length lasts
//	after   |··················[======|fault|  until the next one
func (ws *windows) named(label, name string, end time.Duration) []stretch {
	var out []stretch
	for i, w := range ws.list {
		if w.name != name || (w.kind == windowPhase) != (label == LabelPhase) {
			continue
		}
		to := w.to
		if to == stillOpen {
			to = end
		}
		s := stretch{w.from, to}
		if label == LabelAfter {
			s = stretch{to, ws.nextFault(i, to, end)}
		} else if w.from == to && w.kind == windowFault {
			s.to = ws.nextFault(i, to, end)
		}
		out = append(out, s)
	}
	return joined(out)
}

// joined puts stretches in order and makes those that overlap or touch one.
func joined(list []stretch) []stretch {
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	var out []stretch
	for _, s := range list {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// nextFault is when the first fault after window i begins that begins at or
// after an instant. mu is held.
func (ws *windows) nextFault(i int, at, end time.Duration) time.Duration {
	next := end
	for j, w := range ws.list {
		if j != i && w.kind == windowFault && (w.from > at || w.from == at && j > i) {
			next = min(next, w.from)
		}
	}
	return next
}

// intersect is what two ascending lists have in common.
func intersect(a, b []stretch) []stretch {
	var out []stretch
	for i, j := 0, 0; i < len(a) && j < len(b); {
		s := stretch{max(a[i].from, b[j].from), min(a[i].to, b[j].to)}
		if s.from < s.to {
			out = append(out, s)
		}
		if a[i].to < b[j].to {
			i++
		} else {
			j++
		}
	}
	return out
}

// within makes the series of some stretches: counters and latencies by the
// time of their measurement, deliveries by the time of publishing.
func (e *engine) within(list []stretch) *seriesList {
	l := &seriesList{e: e}
	e.windows.mu.Lock()
	for _, s := range list {
		e.windows.since(l, e.windows.edge(s.from), e.windows.edge(s.to))
	}
	e.windows.mu.Unlock()
	for _, acc := range e.accountIn(list) {
		l.account(acc)
	}
	return l
}

// read takes a reading of some metrics, which no window keeps.
func (ws *windows) read(at time.Duration, only map[string]bool, before *snapshot) *snapshot {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.take(at, before, only)
}

// between makes the series of what was measured between two readings.
func (ws *windows) between(from, to *snapshot) *seriesList {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	l := &seriesList{e: ws.e}
	ws.since(l, from, to)
	return l
}

// live makes the series of stretches of which the last ends with a reading of
// now. earlier finds readings at instants that are no edges; without one there
// is nothing to tell.
func (ws *windows) live(list []stretch, now *snapshot, earlier func(time.Duration) *snapshot) *seriesList {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	l := &seriesList{e: ws.e}
	at := func(t time.Duration) *snapshot {
		if s := ws.edge(t); s.at == t {
			return s
		}
		if t == now.at {
			return now
		}
		return earlier(t)
	}
	for _, s := range list {
		from, to := at(s.from), at(s.to)
		if from == nil || to == nil {
			return nil
		}
		ws.since(l, from, to)
	}
	return l
}
