package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// TimelinePoint is the state of a run at one moment of it. Sent, Received,
// Errors and Lost count from the beginning; the rates and P99 are of the time
// since the point before.
type TimelinePoint struct {
	Elapsed            time.Duration
	Phase              string // connecting, running, settling
	Open               int    // connections
	Sent, Received     int64
	SentRate, RecvRate float64 // events a second
	Errors             int64
	Lost               int64   // in the end, of what was published so far
	Missed             int64   // lost in the end, of what was published since the point before
	P99                float64 // seconds, of Report.TimelineMetric; the largest one where points were put together
}

// maxTimeline bounds the points of a run. When there are more, each two
// neighbours become one, so that a run of any length fits.
const maxTimeline = 600

// timeline collects the points. It is not safe for concurrent use.
type timeline struct {
	metric string
	ids    []hist.ID
	before *hist.Histogram

	points []TimelinePoint
	stride int // samples in a point
	open   int // samples in the last point

	blocks *blocks
}

// newTimeline picks the latency that the run is about: of deliveries, or else
// of acks, or else of requests.
func (e *engine) newTimeline() *timeline {
	t := &timeline{stride: 1, blocks: newBlocks(e)}
	var deliveries, acks, requests []hist.ID
	used := func(ids []hist.ID, id hist.ID) []hist.ID {
		if id == hist.None {
			return ids
		}
		return append(ids, id)
	}
	for _, a := range e.audiences {
		for _, w := range a.watches {
			for _, id := range w.latency {
				deliveries = used(deliveries, id)
			}
		}
	}
	for _, g := range e.groups {
		for _, c := range g.cells {
			for _, s := range c.steps {
				switch s.kind {
				case stepEmit:
					acks = used(acks, s.ack)
				case stepPublish:
					requests = used(requests, s.publish)
				}
			}
		}
	}
	switch {
	case len(deliveries) > 0:
		t.metric, t.ids = DeliveryLatency, deliveries
	case len(acks) > 0:
		t.metric, t.ids = AckLatency, acks
	case len(requests) > 0:
		t.metric, t.ids = PublishLatency, requests
	}
	return t
}

// add takes one sample, which has everything but P99 and the rates.
func (t *timeline) add(p TimelinePoint, latency *hist.Histogram) {
	p.P99 = latency.PercentileSince(t.before, 99)
	t.before = latency
	if t.open > 0 && t.open < t.stride {
		last := &t.points[len(t.points)-1]
		p.P99 = max(p.P99, last.P99)
		*last = p
		t.open++
		return
	}
	if len(t.points) == maxTimeline {
		for i := range maxTimeline / 2 {
			a, b := t.points[2*i], t.points[2*i+1]
			b.P99 = max(a.P99, b.P99)
			t.points[i] = b
		}
		t.points = t.points[:maxTimeline/2]
		t.stride *= 2
	}
	t.points = append(t.points, p)
	t.open = 1
}

// finish works the rates out and gives the points away.
func (t *timeline) finish() []TimelinePoint {
	var last TimelinePoint
	for i := range t.points {
		p := &t.points[i]
		if dt := (p.Elapsed - last.Elapsed).Seconds(); dt > 0 {
			p.SentRate = float64(p.Sent-last.Sent) / dt
			p.RecvRate = float64(p.Received-last.Received) / dt
		}
		last = *p
	}
	return t.points
}
