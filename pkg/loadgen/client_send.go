package loadgen

import (
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// sendState is what a client needs while it is in an emit or publish step.
type sendState struct {
	pace     pace
	k        int64     // next send
	pending  []pending // sends that await an answer, oldest first
	head     int64     // id of the first of them
	requests int       // HTTP requests under way
	free     time.Duration
	failed   bool
	cut      bool // a send was under way when the connection was lost
	// refusedAt is when the connection took no more, 0 while it does.
	refusedAt time.Duration
	rates     rateState
}

// pending is a send whose answer is awaited.
type pending struct {
	due, sent time.Duration
	seq       uint32 // of the marker
	answered  bool
}

func newSendState(c *client, st *stepRun) *sendState {
	schedule := st.step.schedule()
	if schedule.ToEnd {
		schedule.For = max(c.eng.plan.phases-c.stepStart, 0)
	}
	s := &sendState{
		pace: newPace(schedule, c.stepStart, int(c.index), c.cell.group.plan.size()),
		head: c.nextAck,
	}
	s.pace.side = c.eng.opt.side
	return s
}

// idle tells that nothing is under way.
func (s *sendState) idle() bool { return len(s.pending) == 0 && s.requests == 0 }

// overdue is when the oldest pending send counts as unanswered.
func (s *sendState) overdue(st *stepRun) time.Duration { return s.pending[0].sent + st.within }

// closeNotice is how long after a failed send the end of the connection is
// waited for, which tells why it failed.
const closeNotice = 5 * time.Second

// advanceSend decides what an emit or publish step does now. done means that
// the step is over and that the client has moved on.
func (c *client) advanceSend(st *stepRun) (a action, done bool) {
	s, now := c.send, c.eng.now()
	c.expire(st, now)
	total := s.pace.total
	if c.eng.stopping.Load() || c.departing || s.refusedAt > 0 {
		total = s.k
	}
	next := time.Duration(-1)
	if s.k < total {
		next = s.pace.due(s.k)
		for now >= next {
			if st.kind == stepEmit {
				return doSend, false
			}
			if !c.startRequest(st, next, now) {
				next = now + time.Millisecond // too many under way
				break
			}
			if s.k >= total {
				return doWait, false
			}
			next = s.pace.due(s.k)
		}
	}
	if s.refusedAt > 0 && now < s.refusedAt+closeNotice {
		c.wake(s.refusedAt + closeNotice)
		return doWait, false
	}
	if len(s.pending) > 0 && (next < 0 || s.overdue(st) < next) {
		next = s.overdue(st)
	}
	switch {
	case next >= 0:
		c.wake(next)
		return doWait, false
	case s.requests > 0:
		return doWait, false
	case !s.failed:
		c.finishSend(st)
		c.next(st, now)
	case st.step.schedule().Once() && !st.outcome:
		c.leaveFlow(leftBroken, "") // what follows depends on it
	default:
		c.finishSend(st)
		st.failed.Add(1)
		c.skip(now)
	}
	return doWait, true
}

// buffers are reused for payloads: Send does not keep them.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct {
	body, marker []byte
	vars         TemplateVars
	out          rt.Outgoing
}

// sendOne sends the message that is due. mu is held before and after, not
// while the connection may block.
func (c *client) sendOne() {
	st, s := c.cell.steps[c.step], c.send
	due, now := s.pace.due(s.k), c.eng.now()
	if st.step.schedule().Once() {
		due = now // no one asked for a certain moment
	}
	b := buffers.Get().(*buffer)
	seq := c.fill(b, st, due, now)
	b.out.Event, b.out.AckID = st.step.Emit.Event, rt.NoAck
	b.out.Body = appendArgs(b.body[:0], st.step.Emit.Args, &b.vars)
	b.body = b.out.Body
	b.out.Namespace = st.step.Emit.Namespace
	b.attach(st.step.Emit, c.cell.target.Protocol == rt.WebSocket)
	awaits := st.wantsAck || st.classes != nil
	if st.wantsAck {
		b.out.AckID = c.nextAck
		st.acksAsked.Add(1)
	}
	if awaits {
		s.pending = append(s.pending, pending{due: due, sent: now, seq: seq})
		c.nextAck++
	}
	c.noteSend(st, due, now)
	c.noteOut(&b.out, now)
	conn := c.conn
	c.mu.Unlock()
	err := conn.Send(c.eng.work, &b.out)
	end := c.eng.now()
	buffers.Put(b)
	c.mu.Lock()
	s.free = end
	if err == nil {
		st.sent.Add(1)
		c.cell.sent.Add(1)
		c.eng.tally[c.shard()%len(c.eng.tally)].sent.Add(1)
		if st.marked() && !awaits && !c.severed {
			c.accept(seq, end)
		}
		return
	}
	if c.severed || c.cell.group.reconnects() && (rt.KindOf(err) == rt.KindClosed || c.away) {
		c.unsendable(st, s, awaits)
		return
	}
	s.refusedAt = end
	if awaits {
		c.unsend(s)
	}
	if rt.KindOf(err) == rt.KindClosed && c.planned {
		return
	}
	s.failed = true
	c.failed(st.step.Name + ": " + err.Error())
	st.sendErrors.Add(1)
	c.cell.fail(rt.KindOf(err))
	st.noteFailure(err.Error)
	c.eng.errs.add(err.Error())
}

// unsendable takes back a send that met the end of the connection.
func (c *client) unsendable(st *stepRun, s *sendState, awaits bool) {
	s.cut = true
	st.unsent.Add(1)
	if !awaits || c.away { // then it was cut off with those before it
		return
	}
	c.unsend(s)
	if st.wantsAck {
		st.acksAsked.Add(-1)
	}
}

// unsend takes back the newest pending send, which the connection refused.
func (c *client) unsend(s *sendState) {
	if n := len(s.pending); n > 0 {
		s.pending[n-1].answered = true
		s.drop()
	}
}

// marked tells whether the step's messages carry markers.
func (s *stepRun) marked() bool { return s.step.marked() }

// fill makes the variables and the marker of the next send and counts it as
// made. It returns the marker's number.
func (c *client) fill(b *buffer, st *stepRun, due, now time.Duration) (seq uint32) {
	s := c.send
	b.vars = TemplateVars{
		Client: int(c.index),
		Group:  c.cell.group.plan.Group.Name,
		Target: c.cell.plan.Target.Name,
		RunID:  c.eng.plan.RunID,
		Seq:    s.k,
		NowMS:  c.eng.micros(now) / 1000,
		Matrix: c.cell.plan.Matrix,
		Rand:   c.eng.random(c, int64(c.step)<<40|s.k),
		Vars:   c.vars(),
		rows:   c.cell.group.plan.rows,
	}
	if st.marked() {
		if c.cell.group.logged {
			seq = c.eng.book.Publish(int(c.pub), c.eng.micros(now))
		} else {
			seq = c.seq
			c.seq++
		}
		m := ledger.Marker{Run: c.eng.plan.run, Publisher: uint32(c.pub), Seq: seq, At: c.eng.micros(due)}
		if st.markerSize > 0 {
			b.marker = m.AppendFilled(b.marker[:0], st.markerSize)
		} else {
			b.marker = m.Append(b.marker[:0])
		}
		b.vars.Marker = b.marker
	}
	s.k++
	return seq
}

// noteSend records how late a send is. What the client had to wait for its own
// previous send is the server's doing and no lag of the generator.
func (c *client) noteSend(st *stepRun, due, now time.Duration) {
	e := c.eng
	e.hists.Record(c.shard(), st.delay, now-due)
	if !st.step.schedule().Once() {
		e.hists.Record(c.shard(), e.sendAge, now-max(due, c.send.free))
	}
	e.lastSend.Store(int64(now))
	c.cell.ops.Add(1)
	c.send.rates.sent(due)
}

// accept tells the ledger that the server has taken a message.
func (c *client) accept(seq uint32, at time.Duration) {
	if c.cell.group.logged {
		c.eng.book.Accept(int(c.pub), seq, c.eng.micros(at))
	}
}

// appendArgs renders the arguments as a comma-separated list.
func appendArgs(dst []byte, args []Template, v *TemplateVars) []byte {
	for i := range args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = args[i].Append(dst, v)
	}
	return dst
}
