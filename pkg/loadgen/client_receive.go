package loadgen

import (
	"bytes"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// OnMessage implements rt.Handler. It runs on the connection's read goroutine
// and does everything there: no message waits in a queue of our own, so what
// has been read has been accounted for.
func (c *client) OnMessage(m *rt.Message) { c.receive(m, 0) }

// receive takes a message of the client's connection of that generation.
func (c *client) receive(m *rt.Message, gen uint32) {
	at := c.eng.instant(m.At)
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		c.onStale(m)
		return
	}
	c.noteIn(m, at)
	if c.cell.follows {
		c.follow(m)
	}
	if c.cell.heartbeatGap != hist.None {
		c.chunk(m, at)
	}
	switch m.Kind {
	case rt.KindEvent:
		c.onEvent(m, at)
	case rt.KindAck:
		c.onAck(m, at)
	case rt.KindUpgrade:
		c.cell.upgraded.Add(1)
	case rt.KindDisconnect:
		// The server has left the namespace; the transport may stay open, but
		// nothing will come of it.
		c.onGone(rt.CloseInfo{By: rt.ByPeer, Reason: reasonDisconnectPacket}, at)
		c.kick()
	}
}

// OnClose implements rt.Handler.
func (c *client) OnClose(i rt.CloseInfo) { c.ended(i, 0) }

// ended takes the end of the client's connection of that generation.
func (c *client) ended(i rt.CloseInfo, gen uint32) {
	at := c.eng.instant(i.At)
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		return // it was replaced before
	}
	c.uncount()
	c.noteLocal("close", endReason(i))
	c.onGone(i, at)
	c.noteBytes()
	c.closing = true // there is nothing left to close
	if c.probe != nil {
		c.probe.closed(at)
	}
	c.kick()
}

// onGone notes the end of the connection once. mu is held.
func (c *client) onGone(i rt.CloseInfo, at time.Duration) {
	if c.probe != nil {
		c.probe.disconnected(i, at)
	}
	if c.gone {
		return
	}
	c.gone = true
	if c.probe != nil {
		return // judged elsewhere
	}
	if (c.away || !c.connected) && c.cell.group.reconnects() {
		c.comeback().early = &i // before its handshake was over
		return
	}
	if c.closing || c.over || c.stopped || c.eng.ending.Load() || i.By == rt.ByLocal && !c.severed || !c.connected {
		return
	}
	c.lost(at, i)
}

// endReason says in words how a connection ended.
func endReason(i rt.CloseInfo) string {
	switch {
	case i.Reason != "":
		return i.Reason
	case i.Err != nil:
		return i.Err.Error()
	case i.By == rt.ByNetwork:
		return "network"
	}
	return "closed by the server"
}

// onEvent takes an application event.
func (c *client) onEvent(m *rt.Message, at time.Duration) {
	tally := &c.eng.tally[c.shard()%len(c.eng.tally)]
	tally.received.Add(1)
	c.cell.received.Add(1)
	if c.back != nil && c.back.awaits {
		c.back.awaits = false
		c.eng.hists.Record(c.shard(), c.cell.back.resume, at-c.back.since)
	}
	c.cell.countEvent(m.Event)
	if c.probe != nil {
		c.probe.event(m.Event, at)
	}
	g := c.cell.group
	for _, on := range g.ons {
		if on.Event != "" && on.Event != m.Event || on.Namespace != "" && on.Namespace != m.Namespace {
			continue
		}
		if c.sub >= 0 {
			c.deliver(on, m, at, tally)
		}
		c.countOn(on)
		break // each event belongs to the first step that asks for it
	}
	if len(g.expects) > 0 {
		c.meet(m)
	}
	if c.send != nil && len(c.send.pending) > 0 {
		c.onInstead(m, at)
	}
}

// countOn counts an event for the on step that the client is in.
func (c *client) countOn(on *On) {
	if on.Count == 0 || !c.entered || int(c.step) >= len(c.cell.steps) || c.cell.steps[c.step].step.On != on {
		return
	}
	if c.onCount++; int(c.onCount) == on.Count {
		c.kick()
	}
}

// deliver reports the marked messages of an event to the ledger.
func (c *client) deliver(on *On, m *rt.Message, at time.Duration, t *tally) {
	body := m.Body
	if on.Path != nil {
		if body = on.Path.Find(m.Data()); body == nil {
			return
		}
	}
	c.deliverAll(body, at, t)
	if on.Path == nil {
		for _, b := range m.Attachments {
			c.deliverAll(b, at, t)
		}
	}
}

// deliverAll reports each message in a body once: a server may put several
// into one event, or quote the same one twice.
func (c *client) deliverAll(body []byte, at time.Duration, t *tally) {
	if ledger.Find(body) < 0 {
		if body = unescapeMarker(body); body == nil {
			return
		}
	}
	for from := 0; ; {
		i := ledger.Find(body[from:])
		if i < 0 {
			return
		}
		start := from + i
		from = start + ledger.Extent(body[start:])
		if start > 0 && bytes.Contains(body[:start], body[start:from]) {
			continue
		}
		c.deliverOne(body[start:], at, t)
	}
}

// deliverOne reports the message whose marker starts at b.
func (c *client) deliverOne(b []byte, at time.Duration, t *tally) {
	a := c.cell.group.audience
	r := a.Receive(int(c.sub), b, c.eng.micros(at))
	if r.Arrival > ledger.Gap || r.Damaged {
		a.note(&r, c.eng.micros(at), int(c.targetNo))
	}
	switch r.Arrival {
	case ledger.Fresh, ledger.Gap, ledger.Misorder:
		t.fresh.Add(1)
		if r.Missing != 0 {
			t.missing.Add(int64(r.Missing))
		}
		c.eng.hists.Record(c.shard(), a.series(r.Marker.Publisher, int(c.targetNo)), time.Duration(c.eng.micros(at)-r.Marker.At)*time.Microsecond)
	case ledger.Dropped:
		c.eng.selfDropped.Add(1)
	}
	if c.back != nil {
		c.noteReplay(r)
	}
}

// meet checks an event against the expect steps that are not over. An event
// that comes a moment before its step begins counts as well.
func (c *client) meet(m *rt.Message) {
	for i, st := range c.cell.group.expects {
		bit := uint64(1) << i
		if c.seen&bit != 0 || c.isPast(st) || st.Expect.Event != m.Event || !st.Expect.Match.Match(m.Data()) {
			continue
		}
		c.seen |= bit
		if len(c.cell.group.hooks) > 0 {
			c.keepEvent(m)
		}
		if int(c.step) < len(c.cell.steps) && c.cell.steps[c.step].step == st {
			c.kick()
		}
		return
	}
}

// isPast tells whether the flow has gone beyond a step.
func (c *client) isPast(st *Step) bool {
	for _, s := range c.cell.steps[min(int(c.step), len(c.cell.steps)):] {
		if s.step == st {
			return false
		}
	}
	return true
}

// chunk records the pauses of an SSE stream.
func (c *client) chunk(m *rt.Message, at time.Duration) {
	switch m.Kind {
	case rt.KindOpen, rt.KindConnect:
		return // the response header
	}
	if c.lastChunk == 0 {
		if c.dialStart > 0 {
			c.eng.hists.Record(c.shard(), c.cell.firstByte, at-c.dialStart)
			if limit := c.cell.group.plan.Group.Connect.FirstByteWithin; limit > 0 && at-c.dialStart > limit {
				c.cell.firstByteLate.Add(1)
			}
		}
	} else {
		c.eng.hists.Record(c.shard(), c.cell.heartbeatGap, at-c.lastChunk)
	}
	c.lastChunk = max(at, 1)
}
