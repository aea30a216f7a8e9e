package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// passTime moves the flow of a client that is away: time goes on, and what was
// to be sent is counted as not sent. It returns false when there is nothing to
// do until the client is back or some time has come. mu is held.
func (c *client) passTime() (moved bool) {
	now := c.eng.now()
	switch {
	case int(c.step) >= len(c.cell.steps):
		c.endFlow()
		return true
	case c.eng.stopping.Load():
		c.leaveFlow(leftStopped, "")
		return true
	case now >= c.back.deadline:
		c.leaveFlow(leftBroken, "still disconnected")
		return true
	}
	st := c.cell.steps[c.step]
	if needsConnection(st) {
		c.wake(c.back.deadline)
		return false
	}
	if !c.entered {
		c.enter(st)
	}
	if st.kind != stepEmit && st.kind != stepPublish {
		return c.advanceWait(st)
	}
	s := c.send
	c.skipDue(st, now)
	if s.k < s.pace.total {
		c.wake(min(s.pace.due(s.pace.total-1)+time.Nanosecond, c.back.deadline))
		return false
	}
	c.finishSend(st)
	if s.failed {
		st.failed.Add(1)
		c.skip(now)
	} else {
		c.next(st, now)
	}
	return true
}

// needsConnection tells whether a step waits for the client to be back: what is
// sent once is not left out, and an event can't come.
func needsConnection(st *stepRun) bool {
	return st.kind == stepExpect || st.kind == stepEmit && st.step.schedule().Once()
}

// skipDue counts the sends that were due while the client was away.
func (c *client) skipDue(st *stepRun, now time.Duration) {
	s, n := c.send, int64(0)
	for s.k < s.pace.total && s.pace.due(s.k) < now {
		s.k++
		n++
	}
	st.unsent.Add(n)
}

// takeUp goes on after a comeback: where the server did not give the session
// back, by repeating the setup. mu is held.
func (c *client) takeUp() {
	b := c.back
	b.returned = false
	if b.recovered || c.cell.group.setup == 0 || int(c.step) < c.cell.group.setup && !c.passive {
		if !b.recovered && !c.passive && int(c.step) < c.cell.group.setup {
			c.startOver() // it was not through with it
		}
		c.isBack()
		return
	}
	b.replay = &position{
		step: c.step, entered: c.entered, through: c.through, arrived: c.arrived, passive: c.passive,
		stepStart: c.stepStart, deadline: c.deadline, send: c.send, onCount: c.onCount,
	}
	c.step, c.entered, c.through, c.arrived, c.passive, c.send = 0, false, false, false, false, nil
	c.stepStart = c.eng.now()
	c.skipToEmit()
}

// startOver goes to the first step of the flow.
func (c *client) startOver() {
	if c.entered {
		c.cell.steps[c.step].started.Add(-1)
	}
	c.step, c.entered, c.send, c.seen = 0, false, nil, 0
	c.stepStart = c.eng.now()
}

// skipToEmit leaves out what is not repeated of the setup: waiting, and events
// that may come at the first connect only.
func (c *client) skipToEmit() {
	for int(c.step) < c.cell.group.setup && c.cell.steps[c.step].kind != stepEmit {
		c.step++
	}
}

// replayed tells whether the setup has been repeated, and then goes on where the
// flow was.
func (c *client) replayed() bool {
	c.skipToEmit()
	if int(c.step) < c.cell.group.setup {
		return false
	}
	c.restore(c.back.replay)
	c.back.replay = nil
	c.isBack()
	return true
}

// replayFailed ends a setup that could not be repeated. The client stays, but it
// is not in.
func (c *client) replayFailed(st *stepRun, why string) {
	st.failed.Add(1)
	st.noteFailure(func() string { return why })
	c.cell.back.notIn.Add(1)
	c.eng.errs.add("reconnect: " + st.step.Name + " failed: " + why)
	c.restore(c.back.replay)
	c.back.replay = nil
	c.resumeStep()
}

func (c *client) restore(p *position) {
	c.step, c.entered, c.through, c.arrived, c.passive = p.step, p.entered, p.through || c.through, p.arrived, p.passive
	c.stepStart, c.deadline, c.send, c.onCount = p.stepStart, p.deadline, p.send, p.onCount
}

// isBack opens the ledger's window again and goes on with the present step.
func (c *client) isBack() {
	now := c.eng.now()
	c.back.rejoined = max(now, 1)
	if c.sub >= 0 && c.joined {
		c.cell.group.audience.Rejoin(int(c.sub), c.eng.micros(now))
	}
	c.resumeStep()
}

// resumeStep makes the present step go on over the new connection.
func (c *client) resumeStep() {
	if !c.entered || int(c.step) >= len(c.cell.steps) {
		return
	}
	now := c.eng.now()
	st := c.cell.steps[c.step]
	switch {
	case st.kind == stepExpect:
		c.deadline = now + st.within
	case c.send == nil || st.kind == stepPublish:
	case st.step.schedule().Once() && c.send.cut:
		c.entered, c.send, c.stepStart = false, nil, now // send it again
		st.started.Add(-1)
	default:
		c.send.head, c.send.refusedAt = c.nextAck, 0
		if !st.step.schedule().Once() {
			c.skipDue(st, now)
		}
	}
}

// noteReplay tells what was published before the client was back, and what
// comes twice since then.
func (c *client) noteReplay(r ledger.Receipt) {
	b := c.back
	if b.rejoined == 0 && !c.away || r.Marker == (ledger.Marker{}) {
		return
	}
	twice := r.Arrival == ledger.Duplicate
	// What a session missed may come before its handshake is over.
	if c.away || r.Marker.At < c.eng.micros(b.rejoined) {
		c.cell.back.replayed.Add(1)
		if twice {
			c.cell.back.replayedTwice.Add(1)
		}
		return
	}
	b.live++
	if twice {
		b.liveDup++
	}
}

// doubled tells whether the server serves the client twice: an older connection
// still gets events, or at least every second message that was published since
// it was back came twice.
func (b *comeback) doubled() bool {
	return b.stale || b.liveDup >= 2 && 2*b.liveDup >= b.live-b.liveDup
}

// between does what a client has to do that has lost a connection. It returns
// false when the flow goes on as usual.
func (c *client) between() (a action, handled bool) {
	b := c.back
	switch {
	case c.away && c.passive:
		return c.rest(), true
	case c.away:
		for c.away && !c.over && !c.passive {
			if !c.passTime() {
				return doWait, true
			}
		}
		return c.rest(), true
	case b.returned:
		c.takeUp()
	case b.replay != nil && !c.gone:
		c.replayed()
	}
	return doWait, false
}
