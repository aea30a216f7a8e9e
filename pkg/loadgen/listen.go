package loadgen

import (
	"sync/atomic"
	"time"
)

// listeners counts the clients in a step that ends after so many events. Such a
// step has no bound in time: it goes on as long as somebody may still send. When
// nobody is left but those who listen, and nothing comes any more, it has failed.
type listeners struct{ n atomic.Int64 }

func countsEvents(st *stepRun) bool { return st.kind == stepOn && st.step.On.Count > 0 }

func (l *listeners) enter(st *stepRun) {
	if countsEvents(st) {
		l.n.Add(1)
	}
}

func (l *listeners) leave(st *stepRun) {
	if countsEvents(st) {
		l.n.Add(-1)
	}
}

// hasListeners tells whether some flow has such a step.
func (e *engine) hasListeners() bool {
	for _, g := range e.groups {
		for _, st := range g.plan.Group.Flow {
			if st.On != nil && st.On.Count > 0 {
				return true
			}
		}
	}
	return false
}

const listenTick = 100 * time.Millisecond

// watchListeners ends the steps of listeners to whom nobody speaks any more. It
// returns when the run ends.
func (e *engine) watchListeners() {
	patience := e.settleLimit(endDone)
	for _, a := range e.audiences {
		patience = max(patience, a.edge)
	}
	patience += time.Second // what was under way has arrived, or is lost
	tick := time.NewTicker(listenTick)
	defer tick.Stop()
	received, changed := int64(-1), e.now()
	for {
		select {
		case <-e.done:
			return
		case <-e.halted:
			return
		case <-tick.C:
		}
		now := e.now()
		n := e.sum(func(t *tally) *counter { return &t.received })
		alone := e.active.Load() == e.listeners.n.Load()
		if n != received || !alone {
			received, changed = n, now
			continue
		}
		if now-changed >= patience {
			break
		}
	}
	e.silent.Store(true)
	for i := range e.clients {
		c := &e.clients[i]
		c.mu.Lock()
		if c.connected {
			c.kick()
		}
		c.mu.Unlock()
	}
}
