package server

import (
	"context"
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// ackWait is an EmitAck that waits for its acknowledgement.
type ackWait struct {
	answer  chan Reply // gets one value, or is closed when the connection ends
	timer   wheelEntry
	expired chan struct{}
}

func (w *ackWait) fire() { close(w.expired) }

// EmitAck sends an event and waits for the client's acknowledgement, until ctx
// ends or, when ctx has no deadline, for Options.AckTimeout (ErrAckTimeout). It
// fails with ErrClosed when the connection ends first and with
// ErrAckUnsupported when the client's protocol has no acknowledgements.
//
// Handlers run on the goroutine that would read the acknowledgement: call it
// from a goroutine of its own there.
func (c *Conn) EmitAck(ctx context.Context, event string, args ...any) (Reply, error) {
	if c.link.codec != codecSocketIO {
		return Reply{}, ErrAckUnsupported
	}
	raw, attachments, err := encodeArgs(args)
	if err != nil {
		return Reply{}, fmt.Errorf("emit %q: %w", event, err)
	}
	array, err := eventArray(event, raw)
	if err != nil {
		return Reply{}, err
	}
	w := &ackWait{answer: make(chan Reply, 1)}
	w.timer.owner = w
	c.mu.Lock()
	if c.state.Load() == connGone {
		c.mu.Unlock()
		return Reply{}, ErrClosed
	}
	id := c.lastAck
	c.lastAck++
	if c.acks == nil {
		c.acks = make(map[int64]*ackWait, 1)
	}
	c.acks[id] = w
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.acks, id)
		c.mu.Unlock()
	}()

	f := messageFrame(len(array)+len(c.ns.name)+24, attachments, func(dst []byte) []byte {
		return socketio.AppendEventArray(dst, c.ns.name, id, array, len(attachments))
	})
	if err := c.send(f); err != nil {
		return Reply{}, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		wheel := c.ns.srv.wheel
		w.expired = make(chan struct{})
		wheel.arm(&w.timer, wheel.now()+c.ns.srv.opts.AckTimeout)
		defer wheel.disarm(&w.timer)
	}
	select {
	case reply, ok := <-w.answer:
		if !ok {
			return Reply{}, ErrClosed
		}
		return reply, nil
	case <-w.expired:
		return Reply{}, ErrAckTimeout
	case <-ctx.Done():
		if ctx.Err() == context.DeadlineExceeded {
			return Reply{}, ErrAckTimeout
		}
		return Reply{}, ctx.Err()
	}
}

// acked hands an acknowledgement to who waits for it. One that nobody waits for,
// late or made up, is ignored.
func (c *Conn) acked(id int64, args []byte, attachments [][]byte) {
	c.mu.Lock()
	w := c.acks[id]
	delete(c.acks, id)
	c.mu.Unlock()
	if w != nil {
		w.answer <- Reply{Args: append([]byte(nil), args...), Attachments: attachments}
	}
}

func (c *Conn) failAcks() {
	c.mu.Lock()
	waits := c.acks
	c.acks = nil
	c.mu.Unlock()
	for _, w := range waits {
		close(w.answer)
	}
}
