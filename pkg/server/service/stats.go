package service

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// Stater is a Service that tells the state of its circuit breaker.
type Stater interface{ State() string }

// Stats returns the figures of all services since the start, in the order of the
// routes.
func (b *Binding) Stats() []stats.Service {
	b.mu.Lock()
	targets := b.targets
	b.mu.Unlock()
	out := make([]stats.Service, len(targets))
	for i, t := range targets {
		c := &t.count
		out[i] = stats.Service{
			Name: t.name, Calls: c.calls.Load(), InFlight: c.inFlight.Load(), Rejected: c.rejected.Load(), Busy: c.busy.Load(),
			Timeouts: c.timeouts.Load(), Unavailable: c.unavailable.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(),
		}
		if s, ok := t.current().(Stater); ok {
			out[i].Breaker = s.State()
		}
	}
	return out
}

type counters struct {
	calls, rejected, busy, timeouts, unavailable, failed, refused atomic.Uint64

	inFlight atomic.Int64
	logged   atomic.Int64 // Unix time in seconds of the last failure that was logged
}

func (c *counters) begin() {
	c.calls.Add(1)
	c.inFlight.Add(1)
}

// end counts an outcome and reports whether it belongs in the log, which gets
// one failure a second.
func (c *counters) end(a *Answer, err error) (log bool) {
	c.inFlight.Add(-1)
	if err == nil {
		if a.Reject != nil {
			c.rejected.Add(1)
		}
		return false
	}
	var coded interface{ ErrorCode() string }
	outage, lost := errors.AsType[*Outage](err)
	switch {
	case lost && outage.Code == CodeBusy:
		c.busy.Add(1)
	case lost && outage.Code == CodeTimeout:
		c.timeouts.Add(1)
	case lost:
		c.unavailable.Add(1)
	case errors.As(err, &coded):
		c.rejected.Add(1)
		return false
	default:
		c.failed.Add(1)
	}
	now, last := time.Now().Unix(), c.logged.Load()
	return now != last && c.logged.CompareAndSwap(last, now)
}

// failures is the number of calls that got no good answer.
func (c *counters) failures() uint64 {
	return c.busy.Load() + c.timeouts.Load() + c.unavailable.Load() + c.failed.Load()
}
