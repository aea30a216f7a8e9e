package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// onAck takes the answer to a send. mu is held.
func (c *client) onAck(m *rt.Message, at time.Duration) {
	s := c.send
	if s == nil {
		return // of a step that is over
	}
	i := m.AckID - s.head
	if i < 0 || i >= int64(len(s.pending)) || s.pending[i].answered {
		return // too late or answered twice; the send has been judged
	}
	st := c.cell.steps[c.step]
	p := &s.pending[i]
	c.eng.hists.Record(c.shard(), st.ack, at-p.due)
	c.eng.hists.Record(c.shard(), st.service, at-p.sent)
	arg := m.Data()
	class := st.classOfAck(arg)
	good := st.match.Match(arg)
	switch {
	case !st.outcome && !good:
		c.failed(st.step.Name + ": the ack does not match")
		st.acksRefused.Add(1)
		s.failed = true
		c.cell.fail(rt.KindRejected)
		st.noteFailure(func() string {
			return "ack " + c.eng.errs.clean(string(arg[:min(len(arg), maxQuoted)])) + " does not match " + st.match.String()
		})
	case good && (class == nil || class.accepts(st)):
		c.accept(p.seq, at)
		if c.cell.group.canary && st.match == nil && !st.outcome && looksRefused(arg) {
			c.deny(arg)
		}
	}
	c.answer(st, p, class)
}

// onInstead takes an event that some class names in place of an ack. It
// belongs to the oldest send that has no answer, because a server answers the
// messages of one connection in order.
func (c *client) onInstead(m *rt.Message, at time.Duration) {
	s := c.send
	if s == nil || len(s.pending) == 0 {
		return
	}
	st := c.cell.steps[c.step]
	for _, class := range st.classes {
		for i := range class.when {
			w := &class.when[i]
			if w.Event == "" || w.Event != m.Event || !w.EventMatch.Match(m.Data()) {
				continue
			}
			for k := range s.pending {
				if p := &s.pending[k]; !p.answered {
					if class.accepts(st) {
						c.accept(p.seq, at)
					}
					c.answer(st, p, class)
					return
				}
			}
		}
	}
}

// answer closes the account of a send and goes on if it was the last.
func (c *client) answer(st *stepRun, p *pending, class *classRun) {
	p.answered = true
	c.send.count(st, class, p.due)
	c.send.drop()
	if len(c.send.pending) == 0 && c.send.k >= c.send.pace.total || c.eng.stopping.Load() {
		c.kick()
	}
}

// expire gives up the sends whose answer is overdue. They enter the latency
// histograms with the time that was waited, so that missing acks can't make a
// percentile look good.
func (c *client) expire(st *stepRun, now time.Duration) {
	s := c.send
	for len(s.pending) > 0 {
		p := &s.pending[0]
		if !p.answered {
			if now < p.sent+st.within {
				return
			}
			if c.severed { // it went into a blackhole
				c.cutOff(st, p)
				continue
			}
			c.unanswered(st, p, p.sent+st.within)
		}
		s.drop()
	}
}

// unanswered gives up one send.
func (c *client) unanswered(st *stepRun, p *pending, at time.Duration) {
	s := c.send
	p.answered = true
	s.count(st, st.class(classUnanswered), p.due)
	if !st.wantsAck {
		return
	}
	c.eng.hists.Record(c.shard(), st.ack, at-p.due)
	c.eng.hists.Record(c.shard(), st.service, at-p.sent)
	st.ackTimeouts.Add(1)
	c.failed(st.step.Name + ": no ack within " + st.within.String())
	s.failed = s.failed || !st.outcome
	c.cell.fail(rt.KindTimeout)
	st.noteFailure(func() string { return "no ack within " + st.within.String() })
}

// onEnd settles the sends that were unanswered when the connection ended: of a
// class that names the disconnect, or unanswered for good. It tells whether a
// class named it.
func (c *client) onEnd(reason []byte, at time.Duration) (named bool) {
	if int(c.step) >= len(c.cell.steps) {
		return false
	}
	st := c.cell.steps[c.step]
	if c.send == nil {
		// Between two steps: any step of the flow may have asked for it.
		for _, other := range c.cell.steps {
			if other.outcome && other.classOfEnd(reason) != nil && other.sid <= st.sid {
				return true
			}
		}
		return false
	}
	class := st.classOfEnd(reason)
	for i := range c.send.pending {
		switch p := &c.send.pending[i]; {
		case p.answered:
		case class != nil:
			p.answered = true
			c.send.count(st, class, p.due)
		case c.cell.group.reconnects() || c.severed:
			c.cutOff(st, p)
		default:
			c.unanswered(st, p, at)
		}
	}
	c.send.drop()
	return class != nil
}

// cutOff takes back a send whose answer can't come any more, because the
// connection of a client that comes back has ended.
func (c *client) cutOff(st *stepRun, p *pending) {
	p.answered, c.send.cut = true, true
	st.cut.Add(1)
	if st.wantsAck {
		st.acksAsked.Add(-1)
	}
}

// drop forgets the answered sends at the front.
func (s *sendState) drop() {
	n := 0
	for n < len(s.pending) && s.pending[n].answered {
		n++
	}
	s.head += int64(n)
	if n == len(s.pending) {
		s.pending = s.pending[:0] // keeps the memory
		return
	}
	s.pending = s.pending[n:]
}

// maxQuoted bounds the payloads that are quoted. It is far more than a text
// keeps, so that secrets are hidden before the text is cut off.
const maxQuoted = 4096
