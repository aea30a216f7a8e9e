package loadgen

import (
	"math"
	"time"
)

// How recovery_time judges.
const (
	defaultHold   = 10 * time.Second // how long all must be well
	recoverFactor = 1.5              // of the p99 before the fault
	baselineHolds = 3                // the time before the fault is so many holds
)

func (t *Threshold) hold() time.Duration {
	if t.Hold > 0 {
		return t.Hold
	}
	return defaultHold
}

// quality is how the latency of deliveries was over the time of a run, as the
// recovery of one hold sees it.
type quality struct {
	hold   time.Duration
	points []qualityPoint
}

// qualityPoint is the p99 of the deliveries that arrived within the hold before
// an instant, and within the time that a baseline is taken from. NaN stands for
// none.
type qualityPoint struct {
	at         time.Duration
	p99, longP float64
}

func (s *sampler) qualityOf(hold time.Duration) *quality {
	for _, q := range s.holds {
		if q.hold == hold {
			return q
		}
	}
	q := &quality{hold: hold}
	s.holds = append(s.holds, q)
	s.longest = max(s.longest, baselineHolds*hold)
	return q
}

// measureQuality adds a point to each of them.
func (s *sampler) measureQuality(now *snapshot) {
	for _, q := range s.holds {
		p := qualityPoint{now.at, math.NaN(), math.NaN()}
		for back, out := range map[time.Duration]*float64{q.hold: &p.p99, baselineHolds * q.hold: &p.longP} {
			before := s.since(max(now.at-back, 0))
			if before == nil {
				continue
			}
			if m := s.e.windows.between(before, now).pick(DeliveryLatency, nil); m.h.Count() > 0 {
				*out = m.h.Percentile(99)
			}
		}
		q.points = append(q.points, p)
	}
}

// baseline is the p99 before an instant, NaN when nothing was delivered.
func (q *quality) baseline(at time.Duration) float64 {
	v := math.NaN()
	for _, p := range q.points {
		if p.at > at {
			break
		}
		v = p.longP
	}
	return v
}

// well tells whether the p99 of what arrived within the hold from an instant on
// was at most limit.
func (q *quality) well(at time.Duration, limit float64) bool {
	for _, p := range q.points {
		if p.at >= at+q.hold {
			return p.p99 <= limit // not so for NaN
		}
	}
	return false
}

// recovered is how long after end deliveries were well again, for the time of
// the hold: everything that was published then was delivered, and fast enough.
// It is +Inf when that was not so before the run, or the publishing, ended.
//
//	 fault         lost        all well
//	|=====|··x·x·xx···x··|──────────────────|
//	      end            └ from here: hold ─┘
func recovered(c *course, all []courseBucket, q *quality, end time.Duration, limit float64) time.Duration {
	at := end
	last := len(all) // of what was published
	for last > 0 && all[last-1].Expected == 0 {
		last--
	}
next:
	for at+q.hold <= time.Duration(last)*c.width {
		published := false
		for i := int(at / c.width); i < len(all) && time.Duration(i)*c.width < at+q.hold; i++ {
			b := &all[i]
			if b.Lost > 0 {
				at = time.Duration(i+1) * c.width
				continue next
			}
			published = published || b.Expected > 0
		}
		if published && q.well(at, limit) {
			return at - end
		}
		at = (at/sampleEvery + 1) * sampleEvery
	}
	return never
}

// never is the recovery time of what did not recover.
const never = time.Duration(math.MaxInt64)

// recoveries are the samples of recovery_time after a fault. why says for what
// reason there are none.
func (e *engine) recoveries(ev *evidence, t *Threshold) (out []float64, why string) {
	name := ""
	for _, l := range t.Labels {
		if l.Key == LabelAfter {
			name = l.Value
		}
	}
	var q *quality
	for _, x := range ev.samples.holds {
		if x.hold == t.hold() {
			q = x
		}
	}
	c := ev.courseOf(e)
	all := c.pick(e, nil)
	for _, w := range e.windows.all(ev.took) {
		if w.kind != windowFault || w.name != name {
			continue
		}
		base := q.baseline(w.from)
		if math.IsNaN(base) {
			return nil, "nothing was delivered before the fault, so there is nothing to compare with"
		}
		// What the generator itself adds is no sign of trouble.
		limit := max(base*recoverFactor, base+ev.generator.TrustworthyUpTo)
		d := recovered(c, all, q, w.to, limit)
		if d == never {
			out = append(out, math.Inf(1))
			continue
		}
		out = append(out, d.Seconds())
	}
	if len(out) == 0 {
		why = "the fault did not happen"
	}
	return out, why
}
