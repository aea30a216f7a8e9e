package loadgen

import (
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// client is one simulated client. It is the handler of its connection. mu
// guards all that follows it; it is never held across a blocking call.
type client struct {
	eng       *engine
	cell      *cellRun
	id, index int32
	pub, sub  int32 // number as a publisher, index in the audience; -1 for none
	targetNo  int16 // index of its target in the run

	place int32         // among those with a turn to come, guarded by their part, as is at
	at    time.Duration // of that turn

	mu    sync.Mutex
	conn  rt.Conn
	probe *probe       // while its handshake is judged
	tape  *tape        // its last frames, nil until there is one to keep
	send  *sendState   // while it is in an emit or publish step
	cred  *credentials // for its HTTP requests, nil without any
	back  *comeback    // nil until a connection was lost
	hooks *clientHooks // nil without exec steps

	stepStart, deadline time.Duration
	dialStart           time.Duration // of the handshake
	lastChunk           time.Duration // SSE: when something last came
	seen                uint64        // expect steps whose event has come, by position in groupRun.expects
	nextAck             int64
	seq                 uint32 // next marker, where the ledger doesn't number them
	gen                 uint32 // of the connection: how many handshakes came after the first
	onCount             int32
	step                int16

	connected bool // the handshake is done and the flow may run
	running   bool // a goroutine works on the flow
	again     bool // and must look once more
	queued    bool // a turn comes at once
	entered   bool // the present step has begun
	through   bool // the barrier has opened
	arrived   bool // at the barrier
	joined    bool // the ledger's window is open
	flawed    bool // something went wrong with it
	denied    bool // the server refused what the client did to be in
	passive   bool // the flow is done, the connection is kept
	over      bool // nothing left to do
	gone      bool // the connection has ended
	closing   bool // by ourselves
	planned   bool // the end was what a class or case asks for
	stopped   bool // the run has ended
	departing bool // its phase wants it gone
	counted   bool // among the open connections
	away      bool // the connection was lost and is tried again
	severed   bool // a fault of the scenario breaks the connection: its end is a loss, but not the server's
}

// shard is which of the recorder's shards the client uses.
func (c *client) shard() int { return int(c.id) }

// kick makes sure that a goroutine looks at the flow. mu is held.
func (c *client) kick() {
	switch {
	case c.running:
		c.again = true
	case c.stopped, c.queued:
	default:
		c.queued = true
		c.eng.turns.next(c)
	}
}

// takeTurn looks at the flow.
func (c *client) takeTurn() {
	c.mu.Lock()
	c.queued = false
	switch {
	case c.stopped:
		c.mu.Unlock()
	case c.running: // held up in a turn before
		c.again = true
		c.mu.Unlock()
	default:
		c.running = true
		c.run()
	}
}

// wake asks for a look at the flow at an instant. mu is held.
func (c *client) wake(at time.Duration) {
	if !c.stopped {
		c.eng.turns.at(c, at)
	}
}

// released is called when the barrier that the client waits at has opened.
func (c *client) released(at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.back != nil && c.back.replay != nil {
		c.back.replay.through, c.back.replay.stepStart = true, at
		return
	}
	c.through, c.stepStart = true, at
	c.kick()
}

// run works on the flow until it has to wait. mu is held before, not after.
func (c *client) run() {
	for {
		c.again = false
		switch c.advance() {
		case doSend:
			c.sendOne()
		case doClose:
			conn := c.conn
			c.closing = true
			c.eng.wg.Go(func() { c.eng.closeConn(conn) }) // it waits for the peer
		case doWait:
			if !c.again {
				c.running = false
				c.mu.Unlock()
				return
			}
		}
	}
}

// action is what a client has to do next.
type action uint8

const (
	doWait  action = iota
	doSend         // the message that send has ready
	doClose        // the connection
)

// template fills in the variables that do not depend on a send.
func (c *client) template() TemplateVars {
	return TemplateVars{
		Client: int(c.index),
		Group:  c.cell.group.plan.Group.Name,
		Target: c.cell.plan.Target.Name,
		RunID:  c.eng.plan.RunID,
		NowMS:  c.eng.when(c.eng.micros(c.eng.now())).UnixMilli(),
		Matrix: c.cell.plan.Matrix,
		Rand:   c.eng.random(c, 0),
		Vars:   c.vars(),
		rows:   c.cell.group.plan.rows,
	}
}

// closeConn closes a connection, at most maxCloses at a time.
func (e *engine) closeConn(conn rt.Conn) {
	if conn == nil {
		return
	}
	e.closing <- struct{}{}
	defer func() { <-e.closing }()
	if conn.Close() == nil {
		return
	}
	conn.Abort()
}
