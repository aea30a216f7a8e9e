package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// runPhases keeps the time of the phases. The run lasts at least as long as
// they do.
func (e *engine) runPhases() {
	defer e.settled()
	at := time.Duration(0)
	for i := range e.plan.Scenario.Phases {
		p := &e.plan.Scenario.Phases[i]
		w := e.windows.begin(windowPhase, p.Name, at)
		at += p.Length
		if !e.sleepUntil(at) {
			w.finish(e.now())
			return
		}
		w.finish(at)
	}
}

// sleepUntil waits for an instant. It returns false when the run ends before.
func (e *engine) sleepUntil(at time.Duration) bool {
	wait := at - e.now()
	if wait <= 0 {
		return !e.stopping.Load()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return !e.stopping.Load()
	case <-e.halted:
		return false
	}
}

// rampStages connects and disconnects a group's clients as its stages ask.
// Those who came last go first; who comes after somebody has gone is new.
func (e *engine) rampStages(g *groupRun) {
	next := 0 // of the clients that have not come
	var here []*client
	for i := range g.plan.stages {
		s := &g.plan.stages[i]
		for k := range abs(s.to - s.from) {
			due := s.due(k)
			if s.at == s.end { // all at once means at the rate of every group
				due = s.at + time.Duration(float64(k)/connectRate(g.plan.Group)*float64(time.Second))
			}
			if !e.sleepUntil(due) {
				e.notStarted(g, next)
				return
			}
			if s.to < s.from {
				last := len(here) - 1
				here[last].depart()
				here = here[:last]
				continue
			}
			c := g.ordered(e, next)
			if !e.startClient(c, due) {
				e.notStarted(g, next)
				return
			}
			here = append(here, c)
			next++
		}
	}
}

// startClient begins to connect a client. It returns false when the run ends
// before there is room for one more handshake.
func (e *engine) startClient(c *client, due time.Duration) bool {
	if c.cell.target.Protocol == rt.HTTP {
		c.startHTTP(due)
		return true
	}
	select {
	case e.dials <- struct{}{}:
	case <-e.halted:
		return false
	}
	e.wg.Go(func() { c.connect(due) })
	return true
}

// ordered is the client that comes as number i. A group that ramps fills its
// cells evenly.
func (g *groupRun) ordered(e *engine, i int) *client {
	if g.plan.stages == nil {
		return &e.clients[g.plan.first+i]
	}
	n := len(g.plan.Cells)
	return &e.clients[g.plan.first+g.plan.Cells[i%n].First+i/n]
}

// depart makes a client go as planned: it finishes what is under way, says
// goodbye, and nothing is expected of it any more.
func (c *client) depart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.stopped {
		return
	}
	c.departing = true
	if c.away { // it needn't come back any more
		c.stopReturn()
		c.planned = true
	}
	if c.passive {
		c.leave()
		c.passive, c.over = false, true
	}
	if c.connected {
		c.kick()
	}
}

func abs(n int) int { return max(n, -n) }
