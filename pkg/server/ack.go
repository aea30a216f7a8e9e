package server

import (
	"context"
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// asked is what a client has been asked to acknowledge. It lies apart from the
// connection because most are never asked. Conn.mu guards it.
type asked struct {
	waits  map[int64]*ackWait // of this client alone
	last   int64              // the id that comes next
	groups []*ackGroup        // broadcasts that it has not acknowledged yet
}

// awaited returns what the client has been asked. The caller holds c.mu.
func (c *Conn) awaited() *asked {
	if c.asked == nil {
		c.asked = &asked{}
	}
	return c.asked
}

// ackWait is an emitted event that waits for its acknowledgement. It ends in one
// of three ways: the client answers, time is over, the connection ends.
type ackWait struct {
	conn  *Conn
	id    int64
	timer wheelEntry
	done  func(Reply, error) // called once
}

// fire runs on the wheel's goroutine.
func (w *ackWait) fire() {
	if w.conn.take(w.id) == w {
		w.conn.ns.srv.group.Go(func() { w.done(Reply{}, ErrAckTimeout) })
	}
}

// EmitAck sends an event and waits for the client's acknowledgement, until ctx
// ends or, when ctx has no deadline, for Options.AckTimeout. It fails with
// ErrAckTimeout when a deadline passes, with ErrClosed when the connection ends
// first and with ErrAckUnsupported when the client's protocol has no
// acknowledgements.
//
// Handlers run on the goroutine that would read the acknowledgement: use
// EmitAckFunc there.
func (c *Conn) EmitAck(ctx context.Context, event string, args ...any) (Reply, error) {
	type result struct {
		reply Reply
		err   error
	}
	answer := make(chan result, 1)
	timeout := c.ns.srv.opts.AckTimeout
	if _, bounded := ctx.Deadline(); bounded {
		timeout = 0
	}
	w, err := c.emitAck(timeout, func(r Reply, err error) { answer <- result{r, err} }, event, args)
	if err != nil {
		return Reply{}, err
	}
	select {
	case a := <-answer:
		return a.reply, a.err
	case <-ctx.Done():
		c.take(w.id)
		if ctx.Err() == context.DeadlineExceeded {
			return Reply{}, ErrAckTimeout
		}
		return Reply{}, ctx.Err()
	}
}

// EmitAckFunc sends an event and calls done with the client's acknowledgement,
// or with ErrAckTimeout after Options.AckTimeout or ErrClosed. It does not wait,
// so it may be used in handlers. done is called once, unless EmitAckFunc itself
// fails; with an acknowledgement it runs like a handler.
func (c *Conn) EmitAckFunc(done func(Reply, error), event string, args ...any) error {
	_, err := c.emitAck(c.ns.srv.opts.AckTimeout, done, event, args)
	return err
}

func (c *Conn) emitAck(timeout time.Duration, done func(Reply, error), event string, args []any) (*ackWait, error) {
	if c.link.codec != codecSocketIO {
		return nil, ErrAckUnsupported
	}
	raw, attachments, err := encodeArgs(args)
	if err != nil {
		return nil, fmt.Errorf("emit %q: %w", event, err)
	}
	array, err := eventArray(event, raw)
	if err != nil {
		return nil, err
	}
	w := &ackWait{conn: c, done: done}
	w.timer.owner = w
	c.mu.Lock()
	if c.state.Load() == connGone {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	a := c.awaited()
	w.id = a.last
	a.last = (a.last + 1) % firstGroupAck
	if a.waits == nil {
		a.waits = make(map[int64]*ackWait, 1)
	}
	a.waits[w.id] = w
	c.mu.Unlock()
	if timeout > 0 {
		wheel := c.ns.srv.wheel
		wheel.arm(&w.timer, wheel.now()+timeout)
	}
	f := messageFrame(len(array)+len(c.ns.name)+24, attachments, func(dst []byte) []byte {
		return socketio.AppendEventArray(dst, c.ns.name, w.id, array, len(attachments))
	})
	if c.ns.seq.pending() {
		// When the connection has ended by then, that ends the wait.
		c.ns.seq.after(func() { _ = c.send(f) })
		return w, nil
	}
	if err := c.send(f); err != nil && c.take(w.id) == w {
		return nil, err
	}
	return w, nil
}

// take ends the wait with the id and returns it, nil when it has ended already.
func (c *Conn) take(id int64) *ackWait {
	var w *ackWait
	c.mu.Lock()
	if c.asked != nil {
		w = c.asked.waits[id]
		delete(c.asked.waits, id)
	}
	c.mu.Unlock()
	if w != nil {
		c.ns.srv.wheel.disarm(&w.timer)
	}
	return w
}

// acked hands an acknowledgement to who waits for it. One that nobody waits for,
// late or made up, is ignored.
func (c *Conn) acked(id int64, args []byte, attachments [][]byte) {
	if id >= firstGroupAck {
		if g := c.takeGroup(id); g != nil {
			g.answer(args, attachments)
		}
		return
	}
	if w := c.take(id); w != nil {
		var err error
		defer c.ns.recovered("acknowledgement", c, &err)
		w.done(Reply{Args: append([]byte(nil), args...), Attachments: attachments}, nil)
	}
}

// failAcks ends all waits of an ended connection.
func (c *Conn) failAcks() {
	c.mu.Lock()
	a := c.asked
	c.asked = nil
	c.mu.Unlock()
	if a == nil {
		return
	}
	for _, g := range a.groups {
		g.miss()
	}
	for _, w := range a.waits {
		c.ns.srv.wheel.disarm(&w.timer)
		w.done(Reply{}, ErrClosed)
	}
}
