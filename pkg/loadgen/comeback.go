package loadgen

import (
	"context"
	"errors"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// comeback is what a client needs once its connection was lost.
//
//	connected ─ lost ─→ away ─ wait ─→ dial ─ failed ─→ wait …
//	    ↑                                │
//	    └── replay of the setup ←────────┘
//
// While it is away its flow goes on in time: what is due is counted as not sent.
type comeback struct {
	lost     int           // how often
	first    time.Duration // when first
	since    time.Duration // when the connection ended
	deadline time.Duration // when the flow waits no longer
	attempts int           // since then
	all      int           // over the run
	timer    *time.Timer   // to the next attempt
	early    *rt.CloseInfo // how a connection ended whose handshake was not over
	resume   *rt.Resume    // the session to go on with
	lastID   []byte        // id of the last event of a stream, cursor of a poll
	retry    time.Duration // the server's reconnection time

	returned  bool // a new connection is there, the flow has not taken it up
	recovered bool // and the server gave the session back
	awaits    bool // the first event on it has not come
	gaveUp    bool
	stale     bool      // something came on a connection that was replaced
	replay    *position // where the flow goes on after its setup was repeated

	rejoined      time.Duration // when the client was in again, 0 if it never was
	live, liveDup int64         // deliveries of what was published later, and their duplicates
}

// position is a client's position in its flow.
type position struct {
	step                               int16
	entered, through, arrived, passive bool
	stepStart, deadline                time.Duration
	send                               *sendState
	onCount                            int32
}

// lost is called when the connection has ended without the client having asked
// for it: by the server, by the network, or by a fault of the scenario. mu is
// held.
func (c *client) lost(at time.Duration, i rt.CloseInfo) {
	if c.departing { // it was about to go
		c.planned = true
		return
	}
	c.severed = c.severed || c.eng.faults.disturbs(c.targetNo, at)
	reason := endReason(i)
	if c.onEnd([]byte(reason), at) {
		c.planned = true
		c.cell.kicked.Add(1)
		return
	}
	slow := c.cell.slow
	switch {
	case c.severed:
		c.cell.severed.Add(1)
		if !c.cell.group.reconnects() {
			c.planned = true // a fault took it out for good
			c.unexpect(at)
			return
		}
	case slow != nil:
		slow.ended(i)
	default:
		c.cell.unplanned.Add(1)
		c.eng.errs.add("connection ended: " + reason)
		c.failed("connection ended: " + reason)
	}
	if !c.cell.group.reconnects() {
		c.planned = slow != nil // what a server does with a slow reader is its policy
		if c.sub >= 0 {
			c.cell.group.audience.Cut(int(c.sub), c.eng.micros(at))
		}
		return
	}
	c.goAway(at, i)
}

// goAway begins the way back.
func (c *client) goAway(at time.Duration, i rt.CloseInfo) {
	b := c.comeback()
	if !c.away {
		c.away = true
		c.eng.away.Add(1)
		c.cell.back.lost.Add(1)
		if b.lost++; b.lost == 1 {
			b.first = at
		}
		b.since, b.attempts = at, 0
		b.deadline = at + c.eng.plan.Length + barrierSlack
	}
	c.gone, c.severed = true, false
	if conn := c.conn; conn != nil {
		b.resume = nil
		if c.cell.group.plan.Group.Reconnect.RecoverState {
			b.resume = conn.Info().Resume
		}
		if x := conn.Info().Resume; x != nil && c.cell.target.Protocol == rt.LongPoll {
			b.lastID = append(b.lastID[:0], x.Offset...)
		}
		c.noteBytes()
		c.conn = nil
		c.uncount()
		c.eng.wg.Go(func() { c.eng.closeConn(conn) }) // its transport may be open still
	}
	if b.replay != nil { // lost again before the setup was repeated
		c.restore(b.replay)
		b.replay = nil
	}
	b.returned = false
	if c.sub >= 0 && c.joined {
		a := c.cell.group.audience
		a.Pause(int(c.sub), c.eng.micros(at-a.edge))
	}
	if !c.cell.group.plan.Group.Reconnect.retries(i) {
		c.giveUpReturn("the server disconnected the client, which its policy does not retry")
		return
	}
	c.schedule()
}

// comeback returns the client's account of its losses.
func (c *client) comeback() *comeback {
	if c.back == nil {
		c.back = &comeback{}
	}
	return c.back
}

// uncount takes the connection out of the open ones.
func (c *client) uncount() {
	if c.counted {
		c.counted = false
		c.eng.open.Add(-1)
	}
}

// schedule sets the timer to the next attempt.
func (c *client) schedule() {
	b, r := c.back, c.cell.group.plan.Group.Reconnect
	if r.MaxAttempts > 0 && b.attempts >= r.MaxAttempts {
		c.giveUpReturn("gave up after " + plural(int64(b.attempts), "attempt"))
		return
	}
	random := float64(c.eng.random(c, -1-int64(b.all))>>11) / (1 << 53)
	wait := r.wait(b.attempts, b.retry, random)
	if b.timer == nil {
		b.timer = time.AfterFunc(wait, c.onRetry)
	} else {
		b.timer.Reset(wait)
	}
}

// giveUpReturn ends the attempts to come back for good.
func (c *client) giveUpReturn(why string) {
	c.stopReturn()
	c.gone, c.back.gaveUp = true, true
	c.cell.back.gaveUp.Add(1)
	c.eng.errs.add("reconnect: " + why)
	c.kick()
}

// endReturn gives up coming back because the flow is over.
func (c *client) endReturn() {
	if c.away && c.over {
		c.stopReturn()
		c.back.gaveUp = true
		c.cell.back.gaveUp.Add(1)
	}
}

// stopReturn ends the attempts to come back. The client counts as away no more.
func (c *client) stopReturn() {
	if !c.away {
		return
	}
	c.away = false
	c.eng.away.Add(-1)
	if c.back.timer != nil {
		c.back.timer.Stop()
	}
}

// onRetry is the function of the timer of a comeback.
func (c *client) onRetry() {
	c.mu.Lock()
	if c.stopped || !c.away || c.eng.ending.Load() || c.eng.stopping.Load() {
		c.mu.Unlock()
		return
	}
	c.eng.wg.Add(1)
	c.mu.Unlock()
	defer c.eng.wg.Done()
	c.redial()
}

// redial makes one attempt.
func (c *client) redial() {
	e := c.eng
	select {
	case e.redials <- struct{}{}:
	case <-e.halted:
		return
	}
	conn, err := c.dialAgain()
	<-e.redials
	at := e.now()
	c.mu.Lock()
	switch {
	case c.stopped || !c.away || e.ending.Load(): // overtaken
	case err != nil:
		c.retryFailed(err)
	default:
		c.returnWith(conn, at)
		conn = nil
	}
	c.mu.Unlock()
	if conn != nil {
		e.closeConn(conn)
	}
}

// dialAgain makes the handshake of an attempt.
func (c *client) dialAgain() (rt.Conn, error) {
	e := c.eng
	v := c.template()
	r, err := c.cell.dialRequest(&v, time.Now())
	if err != nil {
		return nil, &rt.Error{Op: "dial", Kind: rt.KindUsage, Err: err}
	}
	c.mu.Lock()
	b := c.back
	b.attempts++
	b.all++
	b.early = nil
	c.gen++
	c.gone, c.closing, b.awaits = false, false, true
	c.dialStart, c.lastChunk = max(e.now(), 1), 0
	r.Resume = b.resume
	if len(b.lastID) > 0 {
		r.LastEventID = string(b.lastID)
	}
	h := &successor{c, c.gen}
	c.mu.Unlock()
	r.LocalAddr, r.DialAddr = e.route(c)
	c.cell.back.attempts.Add(1)
	e.herds.note(c.cell.group, e.now())
	ctx, cancel := context.WithTimeout(e.work, connectTimeout(c.cell.group.plan.Group))
	defer cancel()
	return e.dialerOf(c.cell).Dial(ctx, r, h)
}

// retryFailed goes on after an attempt that failed.
func (c *client) retryFailed(err error) {
	c.cell.back.failed.Add(1)
	c.eng.errs.add("reconnect: " + err.Error())
	e, _ := errors.AsType[*rt.Error](err)
	if !c.cell.group.plan.Group.Reconnect.retriesRefused(e) {
		c.giveUpReturn("the server refused the client, which its policy does not retry")
		return
	}
	c.schedule()
}

// returnWith takes over the connection of an attempt that succeeded.
func (c *client) returnWith(conn rt.Conn, at time.Duration) {
	b, e := c.back, c.eng
	c.conn = conn
	info := conn.Info()
	c.cell.back.returned.Add(1)
	e.hists.Record(c.shard(), c.cell.back.time, at-b.since)
	b.recovered = info.Recovered
	if info.Recovered {
		c.cell.back.recovered.Add(1)
	}
	c.counted = true
	e.open.Add(1)
	if c.gone { // it has ended already
		i := *b.early
		if i.By != rt.ByLocal && c.cell.slow == nil {
			c.cell.unplanned.Add(1)
			e.errs.add("connection ended: " + endReason(i))
		}
		c.goAway(at, i)
		return
	}
	c.away = false
	e.away.Add(-1)
	b.attempts = 0
	b.returned = true
	c.kick()
}

// successor is the handler of a connection that replaced another: what still
// comes on the one before must be told apart.
type successor struct {
	c   *client
	gen uint32
}

var _ rt.Handler = (*successor)(nil)

func (s *successor) OnMessage(m *rt.Message) { s.c.receive(m, s.gen) }
func (s *successor) OnClose(i rt.CloseInfo)  { s.c.ended(i, s.gen) }

// onStale takes a message of a connection that was replaced. An event there,
// when the client is in again, means that the server serves it twice.
func (c *client) onStale(m *rt.Message) {
	if b := c.back; m.Kind == rt.KindEvent && b != nil && b.rejoined > 0 && !c.away {
		b.stale = true
	}
}
