package loadgen

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// backTally counts how the clients of a cell came back.
type backTally struct {
	time, resume hist.ID // reconnect_time, resume_time

	lost, returned, recovered atomic.Int64 // connections lost, replaced, replaced with their session
	attempts, failed          atomic.Int64 // handshakes
	gaveUp, notIn             atomic.Int64 // clients that gave up, setups that failed
	replayed, replayedTwice   atomic.Int64 // deliveries of what was published before
}

// prepareReturn makes what a cell needs whose clients come back.
func (c *cellRun) prepareReturn(set *hist.Set) {
	r := c.group.plan.Group.Reconnect
	if r == nil {
		return
	}
	c.back = &backTally{time: set.Add(hist.Coarse), resume: set.Add(hist.Coarse)}
	c.follows = r.LastEventID || r.HonourRetry
}

// follow keeps what a stream says about coming back.
func (c *client) follow(m *rt.Message) {
	switch m.Kind {
	case rt.KindEvent:
		if m.ID != "" && c.cell.group.plan.Group.Reconnect.LastEventID {
			b := c.comeback()
			b.lastID = append(b.lastID[:0], m.ID...)
		}
	case rt.KindRetry:
		if ms, err := strconv.ParseInt(string(m.Body), 10, 32); err == nil {
			c.comeback().retry = time.Duration(ms) * time.Millisecond
		}
	}
}

// setupOf is how many steps of a flow are a client's way in: those before the
// first that waits for others, listens or sends at a rate, up to the last that
// sends.
func setupOf(g *Group) int {
	n := 0
	for i, st := range g.Flow {
		switch kindOfStep(st) {
		case stepEmit:
			if !st.schedule().Once() {
				return n
			}
			n = i + 1
		case stepExpect, stepWait, stepExec: // what a hook has set stays
		default:
			return n
		}
	}
	return n
}

// herdBucket is how finely handshakes are counted over time.
const herdBucket = 100 * time.Millisecond

// maxHerd bounds a herd's buckets: a week of them.
const maxHerd = 7 * 24 * 3600 * 10

// herds count the handshakes that each group began, over time.
type herds struct {
	mu      sync.Mutex
	byGroup map[*groupRun][]uint32
}

func (h *herds) note(g *groupRun, at time.Duration) {
	i := int(max(at, 0) / herdBucket)
	if i >= maxHerd {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byGroup == nil {
		h.byGroup = map[*groupRun][]uint32{}
	}
	b := h.byGroup[g]
	for len(b) <= i {
		b = append(b, 0)
	}
	b[i]++
	h.byGroup[g] = b
}

// of returns what was counted for a group between two instants.
func (h *herds) of(g *groupRun, from, to time.Duration) []uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.byGroup[g]
	lo := min(int(max(from, 0)/herdBucket), len(b))
	hi := min(int(max(to, 0)/herdBucket)+1, len(b))
	return slices.Clone(b[lo:max(lo, hi)])
}

// perSecond turns the count of a bucket into a rate.
func perSecond(n uint32) float64 { return float64(n) / herdBucket.Seconds() }

// awaitReturns waits until no client is away any more, or has been for as long
// as its group allows.
func (e *engine) awaitReturns() {
	var limit time.Duration
	for _, g := range e.groups {
		if r := g.plan.Group.Reconnect; r != nil {
			limit = max(limit, r.Settle)
		}
	}
	for start := e.now(); e.away.Load() > 0 && e.now() < start+limit; {
		select {
		case <-e.halted:
			return
		default:
			time.Sleep(settleTick)
		}
	}
}
