package loadgen

import (
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// course is what became of deliveries over the time of publishing.
type course struct {
	width   time.Duration
	buckets map[*watch][][]courseBucket // by cell of the grid
	n       int
}

// courseBucket counts the deliveries of what was published in one bucket.
type courseBucket struct {
	ledger.Bucket
	Duplicated, OutOfOrder int64
}

func (b *courseBucket) add(o *courseBucket, sign int64) {
	b.Expected += sign * o.Expected
	b.Lost += sign * o.Lost
	b.Late += sign * o.Late
	b.Duplicated += sign * o.Duplicated
	b.OutOfOrder += sign * o.OutOfOrder
}

// Buckets are at least finestBucket wide, and there are at most maxBuckets over
// all cells.
const (
	finestBucket = 100 * time.Millisecond
	maxBuckets   = 400_000
)

// takeCourse divides the run so far into buckets.
func (e *engine) takeCourse(length time.Duration) *course {
	cells := 1
	for _, a := range e.audiences {
		cells = max(cells, a.targets*a.targets*len(a.watches))
	}
	c := &course{width: finestBucket, buckets: map[*watch][][]courseBucket{}}
	for int(length/c.width)+1 > max(maxBuckets/cells, 1000) {
		c.width *= 2
	}
	c.n = int(length/c.width) + 1
	axis := ledger.Axis{Start: e.epochUS, Width: c.width.Microseconds(), N: c.n}
	for _, a := range e.audiences {
		targetOf := func(sub int) int { return int(e.clients[a.group.plan.first+sub].targetNo) }
		for _, w := range a.watches {
			list := make([][]courseBucket, a.targets*a.targets)
			c.buckets[w] = list
			if w.rule.Nothing {
				continue
			}
			a.Timeline(w.rule, axis, a.targets, targetOf, func(pub, to int, b []ledger.Bucket) {
				at := int(a.pubTarget[pub])*a.targets + to
				if list[at] == nil {
					list[at] = make([]courseBucket, c.n)
				}
				for i := range b {
					list[at][i].add(&courseBucket{Bucket: b[i]}, 1)
				}
			})
		}
		a.incidents.each(axis.Start, axis.Start+int64(c.n)*axis.Width, func(x *incident) {
			if x.watch < 0 || c.buckets[a.watches[x.watch]][x.cell] == nil {
				return
			}
			b := &c.buckets[a.watches[x.watch]][x.cell][(x.at-axis.Start)/axis.Width]
			switch x.kind {
			case incidentDuplicate:
				b.Duplicated++
			case incidentMisorder:
				b.OutOfOrder++
			}
		})
	}
	return c
}

// pick adds up the cells whose labels satisfy the conditions.
func (c *course) pick(e *engine, labels []LabelMatch) []courseBucket {
	out := make([]courseBucket, c.n)
	for _, a := range e.audiences {
		for _, w := range a.watches {
			for at, list := range c.buckets[w] {
				own := map[string]string{LabelVerify: w.verify.Name, LabelFrom: e.targets[at/a.targets].Name, LabelTo: e.targets[at%a.targets].Name}
				if list == nil || !matchesAll(labels, own) {
					continue
				}
				for i := range list {
					out[i].add(&list[i], 1)
				}
			}
		}
	}
	return out
}

func matchesAll(conditions []LabelMatch, labels map[string]string) bool {
	for _, l := range conditions {
		if !l.Matches(labels) {
			return false
		}
	}
	return true
}

// of is what a metric counts in the bucket, ok is false for one that has no
// time of publishing.
func (b *courseBucket) of(metric string) (n, of int64, ok bool) {
	switch metric {
	case DeliveryExpected:
		return b.Expected, 0, true
	case DeliveryDelivered:
		return b.Expected - b.Lost, b.Expected, true
	case DeliveryLost:
		return b.Lost, b.Expected, true
	case DeliveryLate:
		return b.Late, b.Expected, true
	case DeliveryDuplicated:
		return b.Duplicated, b.Expected, true
	case DeliveryOutOfOrder:
		return b.OutOfOrder, b.Expected, true
	}
	return 0, 0, false
}

// hasCourse tells whether a metric of the ledger is known over time.
func hasCourse(metric string) bool {
	_, _, ok := new(courseBucket).of(metric)
	return ok
}

// fromLedger tells whether a metric is counted by the ledger.
func fromLedger(metric string) bool { return hasCourse(metric) || slices.Contains(noCourse, metric) }

// noCourse are the metrics of the ledger that are not known over time.
var noCourse = []string{DeliveryUnexpected, DeliveryCorrupt, DeliveryIndeterminate}

// addMissed puts the losses on the timeline, by the time of publishing. What
// was missing while the run went on may have come after all, or not have been
// due.
func (e *engine) addMissed(ev *evidence, points []TimelinePoint) {
	lost := int64(0)
	for _, acc := range ev.accounts {
		lost += acc.total.Lost
	}
	if lost > 0 && len(points) > 0 {
		c, i := ev.courseOf(e), 0
		for k, b := range c.pick(e, nil) {
			for i < len(points)-1 && points[i].Elapsed < time.Duration(k+1)*c.width {
				i++
			}
			points[i].Missed += b.Lost
		}
	}
	lost = 0
	for i := range points {
		lost += points[i].Missed
		points[i].Lost = lost
	}
}
