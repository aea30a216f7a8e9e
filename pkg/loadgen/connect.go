package loadgen

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// ramp connects a group's clients at its rate. Client i is due at i/rate,
// however long the handshakes before it take; how many may be under way is
// bounded. It returns when the last has been started or the run ends.
func (e *engine) ramp(g *groupRun) {
	if g.plan.stages != nil {
		e.rampStages(g)
		return
	}
	rate := connectRate(g.plan.Group)
	for i := range g.plan.Count {
		due := time.Duration(float64(i) / rate * float64(time.Second))
		if !e.sleepUntil(due) || !e.startClient(g.ordered(e, i), due) {
			e.notStarted(g, i)
			return
		}
	}
}

// notStarted settles the clients of a group from i on, which the end of the
// run has overtaken.
func (e *engine) notStarted(g *groupRun, i int) {
	for ; i < g.plan.Count; i++ {
		c := g.ordered(e, i)
		c.mu.Lock()
		c.giveUp()
		c.mu.Unlock()
	}
}

// giveUp ends a client that never got to its flow. mu is held.
func (c *client) giveUp() {
	if c.over || c.passive {
		return
	}
	if c.cell.plan.Case == nil || c.cell.plan.Case.Outcome == OutcomeAccepted {
		c.dropBarriers()
	}
	c.over = true
	c.eng.settled()
}

// startHTTP begins the flow of a client that holds no connection.
func (c *client) startHTTP(due time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cell.tried.Add(1)
	c.cell.ops.Add(1)
	if err := c.authorize(); err != nil {
		c.cell.failed.Add(1)
		c.cell.fail(rt.KindUsage)
		c.eng.errs.add(err.Error())
		c.giveUp()
		return
	}
	c.cell.opened.Add(1)
	c.begin(due)
}

// authorize mints the token for the client's HTTP requests, if it makes any.
func (c *client) authorize() error {
	if c.cell.tokens == nil || !c.publishes() {
		return nil
	}
	v := c.template()
	token, err := c.cell.tokens.token(&v, time.Now())
	if err != nil {
		return fmt.Errorf("clients %s: %w", c.cell.group.plan.Group.Name, err)
	}
	cred := place(token, c.requestPlace(), c.cell.perClient.header(c.cell.plan.Header, &v))
	c.cred = &cred
	return nil
}

// requestPlace is where the token goes in the client's HTTP requests.
func (c *client) requestPlace() Place {
	if where := c.cell.tokens.place; c.cell.target.Protocol == rt.HTTP || where != PlaceAuthToken {
		return where
	}
	return PlaceHeader // an HTTP request has no CONNECT payload
}

func (c *client) publishes() bool {
	for _, st := range c.cell.steps {
		if st.kind == stepPublish {
			return true
		}
	}
	return false
}

// begin lets the flow run. mu is held.
func (c *client) begin(at time.Duration) {
	c.connected = true
	c.stepStart = at
	c.kick()
}

// connect makes the client's connection and begins its flow.
func (c *client) connect(due time.Duration) {
	e := c.eng
	if c.cell.sticky != nil {
		c.probeSticky()
		return
	}
	conn, err := c.dial()
	at := e.now()
	if c.cell.plan.Case != nil {
		c.judge(conn, err, due, at)
		return
	}
	if err != nil {
		if conn != nil { // refused within an open transport
			e.closeConn(conn)
		}
		c.mu.Lock()
		c.refuse(err)
		c.giveUp()
		c.mu.Unlock()
		return
	}
	e.hists.Record(c.shard(), c.cell.connectLatency, at-due)
	c.mu.Lock()
	c.opened(conn)
	if aerr := c.authorize(); aerr != nil {
		e.errs.add(aerr.Error())
	}
	c.begin(at)
	if b := c.back; c.gone && b != nil && b.early != nil && !c.stopped {
		c.lost(at, *b.early)
	}
	overtaken := c.stopped // the run ended meanwhile and has not seen it
	c.closing = c.closing || overtaken
	c.mu.Unlock()
	if overtaken {
		e.closeConn(conn)
	}
}

// dial makes one handshake. It holds one of the dial slots, which it returns.
func (c *client) dial() (rt.Conn, error) {
	e := c.eng
	defer func() { <-e.dials }()
	c.cell.tried.Add(1)
	c.cell.ops.Add(1)
	v := c.template()
	r, err := c.cell.dialRequest(&v, time.Now())
	c.mu.Lock()
	c.dialStart = max(e.now(), 1)
	e.herds.note(c.cell.group, c.dialStart)
	if c.cell.plan.Case != nil {
		c.probe = newProbe()
	}
	c.mu.Unlock()
	if err != nil {
		return nil, &rt.Error{Op: "dial", Kind: rt.KindUsage, Err: err}
	}
	r.LocalAddr, r.DialAddr = e.route(c)
	ctx, cancel := context.WithTimeout(e.work, connectTimeout(c.cell.group.plan.Group))
	defer cancel()
	conn, err := e.dialerOf(c.cell).Dial(ctx, r, c)
	e.noteReach(err)
	return conn, err
}

// dialerOf is who opens the connections of a cell.
func (e *engine) dialerOf(c *cellRun) rt.Dialer {
	if c.dialer != nil {
		return c.dialer
	}
	return e.opt.Dialer
}

// opened takes over a new connection. mu is held. It may have ended already.
func (c *client) opened(conn rt.Conn) {
	c.conn = conn
	c.cell.opened.Add(1)
	switch {
	case !c.gone:
		c.counted = true
		c.eng.open.Add(1)
	case c.probe == nil && !c.cell.group.reconnects(): // it ended before Dial returned
		c.cell.unplanned.Add(1)
	}
}

// refuse counts a handshake that failed. mu is held.
func (c *client) refuse(err error) {
	if c.eng.ending.Load() { // cut short by ourselves
		c.cell.tried.Add(-1)
		return
	}
	kind := rt.KindOf(err)
	c.cell.fail(kind)
	c.failed(err.Error())
	c.noteLocal("refused", err.Error())
	c.eng.errs.add(err.Error())
	if kind == rt.KindRejected {
		c.cell.refused.Add(1)
	} else {
		c.cell.failed.Add(1)
	}
	if unavailable(err) {
		c.cell.unavailable.Add(1)
	}
}

// unavailable tells whether a failed handshake means that the server was not
// there: no connection, no answer, or a proxy that says so.
func unavailable(err error) bool {
	switch rt.KindOf(err) {
	case rt.KindUnreachable, rt.KindTimeout:
		return true
	case rt.KindRejected:
		e, _ := errors.AsType[*rt.Error](err)
		return e != nil && isUnavailable(e.Status)
	}
	return false
}

// isUnavailable are the statuses by which a proxy says that it found no one.
func isUnavailable(status int) bool { return status == 502 || status == 503 || status == 504 }

// sourceAddr spreads the clients over the source addresses.
func (e *engine) sourceAddr(c *client) string {
	if len(e.opt.SourceAddrs) == 0 {
		return ""
	}
	return e.opt.SourceAddrs[int(c.id)%len(e.opt.SourceAddrs)]
}
