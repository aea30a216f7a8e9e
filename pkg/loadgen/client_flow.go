package loadgen

import (
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// advance moves the client through its flow as far as it goes without
// blocking. mu is held.
func (c *client) advance() action {
	for {
		if c.back != nil && c.connected && !c.over {
			if a, handled := c.between(); handled {
				return a
			}
		}
		if c.over || c.passive || !c.connected {
			return c.rest()
		}
		if c.gone {
			if c.planned {
				c.leaveFlow(leftAsPlanned, "")
			} else {
				c.leaveFlow(leftBroken, "the connection ended")
			}
			continue
		}
		steps := c.cell.steps
		if int(c.step) >= len(steps) {
			c.endFlow()
			continue
		}
		if c.eng.stopping.Load() && steps[c.step].kind != stepOn && (c.send == nil || c.send.idle()) {
			c.leaveFlow(leftStopped, "")
			continue
		}
		if c.departing && (c.send == nil || c.send.idle()) {
			c.cell.finished.Add(1)
			c.leaveFlow(leftAsPlanned, "")
			continue
		}
		st := steps[c.step]
		if !c.entered {
			c.enter(st)
		}
		switch st.kind {
		case stepEmit, stepPublish:
			if a, done := c.advanceSend(st); !done {
				return a
			}
		default:
			if !c.advanceWait(st) {
				return doWait
			}
		}
	}
}

// rest is what a client does that has nothing left to do in its flow.
func (c *client) rest() action {
	if c.over && c.conn != nil && !c.closing {
		return doClose
	}
	return doWait
}

// enter begins a step at stepStart.
func (c *client) enter(st *stepRun) {
	c.entered = true
	st.started.Add(1)
	if c.sub >= 0 && !c.joined && !c.denied && st.sid >= c.cell.group.joinStep {
		c.joined = true
		c.cell.group.audience.Join(int(c.sub), c.eng.micros(c.stepStart))
	}
	switch st.kind {
	case stepWait:
		c.deadline = c.stepStart + st.step.Wait
	case stepBarrier:
		c.through, c.arrived = false, true
		b := c.eng.barriers[st.step.Barrier]
		if open, at := b.arrive(c, c.eng.now()); open {
			c.through, c.stepStart = true, at
		}
		c.deadline = c.eng.now() + c.eng.plan.Length + barrierSlack
	case stepOn:
		c.onCount = 0
		c.eng.listeners.enter(st)
		c.deadline = c.stepStart + st.step.On.For
	case stepExpect:
		c.deadline = c.stepStart + st.within
	case stepEmit, stepPublish:
		c.send = newSendState(c, st)
	case stepExec:
		c.askHook(st)
	}
}

// barrierSlack is how long a barrier is waited for beyond the time that the
// plan takes at the least. Clients that fail are taken out at once, so that
// only a bug or a server that answers each step at the last moment gets here.
const barrierSlack = time.Minute

// advanceWait moves on in a step that sends nothing, and tells whether the
// step is over.
func (c *client) advanceWait(st *stepRun) bool {
	now := c.eng.now()
	switch st.kind {
	case stepWait:
		if now < c.deadline {
			c.wake(c.deadline)
			return false
		}
		c.next(st, c.deadline)
	case stepBarrier:
		switch {
		case c.through:
			c.next(st, c.stepStart)
		case now >= c.deadline:
			arrived, need := c.eng.barriers[st.step.Barrier].progress()
			c.abandon(st, rt.KindTimeout, fmt.Sprintf("barrier %s: %d of %d clients came", st.step.Barrier, arrived, need))
		default:
			c.wake(c.deadline)
			return false
		}
	case stepExec:
		return c.advanceHook(st, now)
	case stepOn:
		return c.advanceOn(st, now)
	case stepExpect:
		bit := uint64(1) << c.cell.group.expectBit(st.step)
		switch {
		case c.seen&bit != 0:
			c.next(st, now)
		case now >= c.deadline:
			c.abandon(st, rt.KindTimeout, fmt.Sprintf("%s: no such event within %s", st.step.Name, st.within))
		default:
			c.wake(c.deadline)
			return false
		}
	}
	return true
}

// advanceOn is advanceWait for on steps. One that lasts until the end does not
// hold up the flow.
func (c *client) advanceOn(st *stepRun, now time.Duration) bool {
	on := st.step.On
	switch {
	case on.UntilEnd, on.Count == 0 && on.For == 0:
	case on.Count > 0 && int(c.onCount) >= on.Count:
	case on.For > 0 && now >= c.deadline:
	case c.eng.stopping.Load():
		if on.Count > 0 { // cut short: no evidence either way
			c.leaveFlow(leftStopped, "")
			return true
		}
	case on.Count > 0 && c.eng.silent.Load():
		c.abandon(st, rt.KindTimeout, fmt.Sprintf("%s: %d of %d events came, and nobody sends any more", st.step.Name, c.onCount, on.Count))
		return true
	default:
		if on.For > 0 {
			c.wake(c.deadline)
		}
		return false
	}
	c.next(st, now)
	return true
}

// next ends the present step well and goes to the one after it.
func (c *client) next(st *stepRun, at time.Duration) {
	st.succeeded.Add(1)
	c.skip(at)
}

// skip goes to the next step, whatever became of the present one.
func (c *client) skip(at time.Duration) {
	if c.entered {
		c.eng.listeners.leave(c.cell.steps[c.step])
	}
	c.step++
	c.entered, c.through, c.arrived, c.send = false, false, false, nil
	c.stepStart = at
}

// abandon ends the flow because a step failed that the rest depends on.
func (c *client) abandon(st *stepRun, kind rt.ErrKind, text string) {
	c.cell.ops.Add(1)
	c.cell.fail(kind)
	c.eng.errs.add(text)
	c.leaveFlow(leftBroken, text)
}

// leaving is why a flow ended before its last step.
type leaving uint8

const (
	leftBroken    leaving = iota // something failed
	leftAsPlanned                // the server ended it and a class of the scenario says so, or a phase did
	leftStopped                  // the run is being stopped
)

// leaveFlow ends the flow before its last step.
func (c *client) leaveFlow(how leaving, why string) {
	if b := c.back; b != nil && b.replay != nil {
		if how == leftBroken && !c.gone {
			c.replayFailed(c.cell.steps[c.step], why)
			return
		}
		c.restore(b.replay)
		b.replay = nil
		if c.passive {
			return // its flow was over before
		}
	}
	if int(c.step) < len(c.cell.steps) && c.entered {
		st := c.cell.steps[c.step]
		c.eng.listeners.leave(st)
		c.finishSend(st)
		switch how {
		case leftBroken:
			c.failed(st.step.Name + ": " + why)
			st.failed.Add(1)
			st.noteFailure(func() string { return why })
		case leftAsPlanned:
			st.succeeded.Add(1)
		default:
			st.started.Add(-1) // cut short: no evidence either way
		}
	}
	c.dropBarriers()
	if how == leftBroken {
		c.cell.broken.Add(1)
	}
	if c.eng.stopping.Load() && !c.gone && c.cell.group.holds {
		c.passive = true // keep receiving for the grace period
	} else {
		c.leave()
		c.over = true
		c.endReturn()
	}
	c.send = nil
	c.eng.settled()
}

// endFlow is reached after the last step.
func (c *client) endFlow() {
	c.cell.finished.Add(1)
	if c.cell.group.holds {
		c.passive = true
	} else {
		c.leave()
		c.over = true
		c.endReturn()
	}
	c.eng.settled()
}

// leave closes the ledger's window because the client goes as planned. What
// was under way in the last moment is not expected of it.
func (c *client) leave() {
	if c.sub >= 0 && !c.gone {
		a := c.cell.group.audience
		a.Leave(int(c.sub), c.eng.micros(c.eng.now()), a.edge.Microseconds())
	}
}

// dropBarriers takes the client out of the barriers that are still ahead.
func (c *client) dropBarriers() {
	if !c.awaited() {
		return
	}
	for i := int(c.step); i < len(c.cell.steps); i++ {
		st := c.cell.steps[i]
		if st.kind == stepBarrier && (i > int(c.step) || !c.arrived) {
			c.eng.barriers[st.step.Barrier].drop(c.eng.now())
		}
	}
}

// expectBit is the position of an expect step among those of the flow.
func (g *groupRun) expectBit(st *Step) int {
	for i, x := range g.expects {
		if x == st {
			return i
		}
	}
	return 0
}
