package loadgen

import "time"

// StuckClient is a zombie subscription: connected to the end, but nothing that
// was published after a moment reached it, though others on its target got it.
type StuckClient struct {
	Target     string
	Subscriber int       // index in its group
	Since      time.Time // the newest message that it has received was published then, or it joined then
	Missed     int64     // messages that others on the target received
}

// Price is what the way between two targets costs: delivery latency where
// publisher and subscriber share a target, and where they do not.
type Price struct {
	SameCount, CrossCount int64
	SameP50, SameP99      float64 // seconds
	CrossP50, CrossP99    float64
}

// P50 and P99 are the differences, in seconds.
func (p *Price) P50() float64 { return p.CrossP50 - p.SameP50 }

// P99 is the difference of the 99th percentiles.
func (p *Price) P99() float64 { return p.CrossP99 - p.SameP99 }

// price compares the latencies within and between targets. It is nil where
// there is only one of the two.
func (acc *account) price(e *engine) *Price {
	same, cross := latencies(e, acc.audience, acc.watch)
	if len(same) == 0 || len(cross) == 0 {
		return nil
	}
	s, c := e.hists.Read(same...), e.hists.Read(cross...)
	if s.Count() == 0 || c.Count() == 0 {
		return nil
	}
	return &Price{
		SameCount: s.Count(), SameP50: s.Percentile(50), SameP99: s.Percentile(99),
		CrossCount: c.Count(), CrossP50: c.Percentile(50), CrossP99: c.Percentile(99),
	}
}
