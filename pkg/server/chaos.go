package server

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// chaosPasses is how many later frames at the most overtake a frame that
	// Reorder holds back: with several publishers the next frame is mostly
	// somebody else's, and overtaking is seen only within one publisher's.
	chaosPasses = 8
	// chaosHold is how long a frame is held back when nothing follows it, so
	// that Reorder reorders and doesn't lose.
	chaosHold = 500 * time.Millisecond
)

// chaos applies the delivery faults. It keeps, for each connection, the one
// frame that waits to be overtaken.
type chaos struct {
	faults *Faults

	mu   sync.Mutex
	rng  *rand.Rand
	held map[*Conn]*heldFrame
}

type heldFrame struct {
	frame  *frame
	passes int // how many more frames overtake it
	timer  *time.Timer
}

func newChaos(f *Faults) *chaos {
	if !f.delivery() {
		return nil
	}
	return &chaos{faults: f, rng: f.rng(), held: make(map[*Conn]*heldFrame)}
}

// deliver sends f to c as the dice have it. The lock is held over the delivery,
// so that broadcasts at the same time don't add disorder of their own.
func (x *chaos) deliver(c *Conn, f *frame, b *batch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	held := x.held[c]
	switch p := x.rng.Float64(); {
	case p < x.faults.Drop:
	case p < x.faults.Drop+x.faults.Dup:
		c.deliver(f, b)
		c.deliver(f, b)
	case held == nil && p < x.faults.Drop+x.faults.Dup+x.faults.Reorder:
		h := &heldFrame{frame: f, passes: 1 + x.rng.IntN(chaosPasses)}
		h.timer = time.AfterFunc(chaosHold, func() { x.release(c, h) })
		x.held[c] = h
		return
	default:
		c.deliver(f, b)
	}
	if held == nil {
		return
	}
	if held.passes--; held.passes == 0 {
		held.timer.Stop()
		delete(x.held, c)
		c.deliver(held.frame, b)
	}
}

// release sends a held frame that nothing has followed.
func (x *chaos) release(c *Conn, h *heldFrame) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held[c] != h {
		return // it went out, or its connection ended
	}
	delete(x.held, c)
	b := c.ns.srv.batches.Get().(*batch)
	defer c.ns.srv.batches.Put(b)
	c.deliver(h.frame, b)
	b.done()
}

// forget releases the frame held for an ended connection.
func (x *chaos) forget(c *Conn) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if h := x.held[c]; h != nil {
		h.timer.Stop()
		delete(x.held, c)
	}
}
