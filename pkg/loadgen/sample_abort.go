package loadgen

import (
	"fmt"
	"time"
)

// aborted is why a run ended before its time.
type aborted struct {
	t    *Threshold
	x    *ThresholdExpr
	at   time.Duration
	text string // what was measured
}

// lookout bounds what looking at the ledger during a run costs.
type lookout struct {
	next time.Duration // when to look again
}

// lookOut ends the run when a threshold that may do so does not hold.
func (s *sampler) lookOut(now time.Duration) {
	for _, t := range s.aborts {
		if now < t.AbortAfter {
			continue
		}
		l := s.abortSource(t, now)
		if l == nil {
			continue
		}
		m := l.pick(t.Metric, t.seriesLabels())
		if m.empty() {
			continue
		}
		for i := range t.Exprs {
			x := &t.Exprs[i]
			if x.Agg == "slope" {
				continue // a slope is known at the end
			}
			if ref, ok := s.e.refValue(t, x, l); ok && !m.holds(x, ref) {
				s.e.abort(&aborted{t, x, now, m.format(x)})
				return
			}
		}
	}
}

// abortSource makes the series by which a threshold is judged now, nil when it
// is not to be judged.
func (s *sampler) abortSource(t *Threshold, now time.Duration) *seriesList {
	from := time.Duration(0)
	if t.Window > 0 {
		from = max(now-t.Window, 0)
	}
	if t.def != nil {
		return s.e.scraped(t, []stretch{{from, now}})
	}
	if fromLedger(t.Metric) {
		return s.ledgerSource(t, from, now)
	}
	if t.inPart() && !s.e.windows.inOne(t.Labels, stretch{max(now-sampleEvery, 0), now}) {
		return nil // it is not its time
	}
	list := intersect(s.e.windows.until(t.Labels, now), []stretch{{from, now}})
	if len(list) == 0 {
		return nil
	}
	return s.e.windows.live(list, s.e.windows.read(now, map[string]bool{t.Metric: true}, &snapshot{}), s.since)
}

// ledgerSource looks at deliveries that must have happened by now. On a large
// ledger that takes its time, of which it may take a twentieth.
func (s *sampler) ledgerSource(t *Threshold, from, now time.Duration) *seriesList {
	if now < s.look.next {
		return nil
	}
	hold := s.e.settleLimit(endDone)
	to := now - hold
	list := intersect(s.e.windows.until(t.Labels, now), []stretch{{max(from-hold, 0), to}})
	if to <= 0 || len(list) == 0 {
		return nil
	}
	l := &seriesList{e: s.e}
	for _, acc := range s.e.accountIn(list) {
		l.account(acc)
	}
	l.took = length(list).Seconds()
	if cost := s.e.now() - now; cost > sampleEvery/20 {
		s.look.next = now + 20*cost
	}
	return l
}

// abort ends the run because of a threshold, the first one counts.
func (e *engine) abort(a *aborted) {
	if e.aborted.CompareAndSwap(nil, a) {
		e.halt(fmt.Sprintf("%s: %s was %s", a.t.head(), a.x.Text, a.text))
	}
}

func length(list []stretch) time.Duration {
	var d time.Duration
	for _, s := range list {
		d += s.to - s.from
	}
	return d
}
