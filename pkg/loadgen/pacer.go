package loadgen

import (
	"math"
	"time"
)

// pace is the open schedule of one client in one step: send k is due at start
// + k/rate, whatever became of the sends before it. The clients of a group are
// spread evenly over the period, so that their sends interleave.
type pace struct {
	start  time.Duration
	period float64 // seconds between two sends of this client
	phase  float64 // seconds from start to the first
	total  int64
}

// newPace is the pace of client i of n.
func newPace(s Schedule, start time.Duration, i, n int) pace {
	p := pace{start: start}
	share := float64(i) / float64(n)
	switch {
	case s.Rate > 0:
		p.period = 1 / s.Rate
		p.total = int64(math.Floor(s.For.Seconds()*s.Rate + 1e-9))
	case s.TotalRate > 0:
		p.period = float64(n) / s.TotalRate
		all := math.Floor(s.For.Seconds()*s.TotalRate + 1e-9)
		p.total = int64(math.Ceil((all - float64(i)) / float64(n)))
	default:
		p.total = 1
		return p
	}
	p.phase = share * p.period
	if s.Count > 0 {
		p.total = int64(s.Count)
	}
	p.total = max(p.total, 0)
	return p
}

// due is when send k is to happen.
func (p *pace) due(k int64) time.Duration {
	return p.start + time.Duration(math.Round((p.phase+float64(k)*p.period)*1e9))
}
