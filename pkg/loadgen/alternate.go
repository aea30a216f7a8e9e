package loadgen

import (
	"math"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// alternation lets two runs send in turn: base, head, base, head, …
//
// A side's schedule stands still while it is not its turn. Only that: what was
// sent before is answered, delivered and timed as ever, and at the end of each
// slice nothing is sent for a while, so that this falls into the slice.
type alternation struct {
	slice, guard time.Duration

	mu    sync.Mutex
	begun time.Time // zero until both sides are ready
}

// side is one side's part in it. A nil side is always on.
type side struct {
	*alternation
	e  *engine
	no int // 0 base, 1 head

	mu    sync.Mutex
	marks [][]hist.Counts // by own slice: each series at its beginning
}

// notYet is later than any run.
const notYet = time.Duration(math.MaxInt64 / 4)

// at is when the side has sent for so long since start, both as instants of
// its run.
func (t *side) at(start, offset time.Duration) time.Duration {
	t.alternation.mu.Lock()
	begun := t.begun
	t.alternation.mu.Unlock()
	if begun.IsZero() {
		return notYet
	}
	zero := begun.Sub(t.e.epoch)
	sent := t.sentBefore(max(start-zero, 0)) + offset
	active := t.slice - t.guard
	n := int(sent / active)
	return zero + time.Duration(2*n+t.no)*t.slice + sent%active
}

// sentBefore is how long the side was to send up to x after the beginning.
func (t *side) sentBefore(x time.Duration) time.Duration {
	active := t.slice - t.guard
	round := 2 * t.slice
	sent := x / round * active
	return sent + min(max(x%round-time.Duration(t.no)*t.slice, 0), active)
}

// begin starts the turns and wakes the clients that wait for them.
func (t *alternation) begin(sides ...*side) {
	t.mu.Lock()
	t.begun = time.Now()
	t.mu.Unlock()
	for _, s := range sides {
		for i := range s.e.clients {
			c := &s.e.clients[i]
			c.mu.Lock()
			c.kick()
			c.mu.Unlock()
		}
	}
}

// ready tells whether all clients have come to where they wait for the turns,
// or for something else that is not part of getting ready.
func (t *side) ready() bool {
	for i := range t.e.clients {
		if !t.e.clients[i].isReady() {
			return false
		}
	}
	return true
}

func (c *client) isReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over || c.passive || c.gone:
		return true
	case !c.connected || int(c.step) >= len(c.cell.steps) || !c.entered:
		return false
	}
	st := c.cell.steps[c.step]
	switch st.kind {
	case stepEmit, stepPublish:
		return !st.step.schedule().Once()
	case stepWait, stepOn:
		return true
	case stepBarrier:
		return !c.through
	}
	return false
}

// mark notes the state of all latencies at the beginning of an own slice.
func (t *side) mark() {
	now := t.state()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marks = append(t.marks, now)
}

func (t *side) state() []hist.Counts {
	out := make([]hist.Counts, t.e.hists.Len())
	for i := range out {
		out[i] = t.e.hists.Read(hist.ID(i)).Counts()
	}
	return out
}

// Slice is what a side of an interleaved run measured in one of its turns.
type Slice struct{ Latencies []SliceLatency }

// SliceLatency is a latency series within a slice.
type SliceLatency struct {
	Name   string
	Labels map[string]string
	Counts hist.Counts
}

// slices divides the latencies by the side's turns. What arrived between two
// of them belongs to the former.
func (t *side) slices(list []*series) []Slice {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Slice
	marks := append(t.marks, t.state())
	for i := 1; i < len(marks); i++ {
		var s Slice
		for _, x := range list {
			var c hist.Counts
			for _, id := range x.ids {
				if id != hist.None {
					c = c.Add(marks[i][id].Sub(marks[i-1][id]))
				}
			}
			if len(x.ids) > 0 {
				s.Latencies = append(s.Latencies, SliceLatency{x.def.Name, x.labels, c})
			}
		}
		out = append(out, s)
	}
	return out
}
