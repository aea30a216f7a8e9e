package server

import (
	"math/rand/v2"
	"slices"
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
	late map[*Conn]*lateFrames
	dead map[*Conn]bool // by connection: whether it is a zombie
}

// lateFrames are the frames of a connection that Late holds back, in order.
type lateFrames struct {
	frames []*frame
	due    []time.Time
	timer  *time.Timer
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
	return &chaos{
		faults: f, rng: f.rng(),
		held: make(map[*Conn]*heldFrame), late: make(map[*Conn]*lateFrames), dead: make(map[*Conn]bool),
	}
}

// deliver sends m, whose frame is f, to c as the dice have it. The lock is held
// over the delivery, so that broadcasts at the same time don't add disorder of
// their own.
func (x *chaos) deliver(c *Conn, m *message, f *frame, b *batch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.zombie(c) {
		return
	}
	if x.faults.Late > 0 {
		x.hold(c, f)
		return
	}
	held := x.held[c]
	most := x.faults.Drop + x.faults.Dup + x.faults.Reorder
	switch p := x.rng.Float64(); {
	case p < x.faults.Drop:
	case p < x.faults.Drop+x.faults.Dup:
		c.deliver(f, b)
		c.deliver(f, b)
	case p >= most && p < most+x.faults.Corrupt:
		c.deliver(encoders[c.link.codec](m.damaged()), b)
	case held == nil && p < most:
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

// zombie reports whether c is one of those that get no broadcasts.
func (x *chaos) zombie(c *Conn) bool {
	if x.faults.Zombie == 0 {
		return false
	}
	dead, known := x.dead[c]
	if !known {
		dead = x.rng.Float64() < x.faults.Zombie
		x.dead[c] = dead
	}
	return dead
}

// hold keeps a frame back for Late, behind those before it.
func (x *chaos) hold(c *Conn, f *frame) {
	l := x.late[c]
	if l == nil {
		l = &lateFrames{}
		l.timer = time.AfterFunc(x.faults.Late, func() { x.releaseLate(c, l) })
		x.late[c] = l
	} else if len(l.frames) == 0 {
		l.timer.Reset(x.faults.Late)
	}
	if len(l.frames) < c.ns.srv.opts.QueueMessages { // more would not fit its outbox either
		l.frames, l.due = append(l.frames, f), append(l.due, time.Now().Add(x.faults.Late))
	}
}

// releaseLate sends what is due.
func (x *chaos) releaseLate(c *Conn, l *lateFrames) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.late[c] != l {
		return // its connection ended
	}
	b := c.ns.srv.batches.Get().(*batch)
	defer c.ns.srv.batches.Put(b)
	now := time.Now()
	for len(l.frames) > 0 && !l.due[0].After(now) {
		c.deliver(l.frames[0], b)
		l.frames, l.due = l.frames[1:], l.due[1:]
	}
	b.done()
	if len(l.frames) > 0 {
		l.timer.Reset(l.due[0].Sub(now))
	}
}

// leak sends the broadcast of f to one connection that it is not for, if the
// dice say so.
func (x *chaos) leak(f *fanout, rooms, except []string) {
	if x.faults.Leak == 0 || len(rooms) == 0 {
		return
	}
	x.mu.Lock()
	hit, from := x.rng.Float64() < x.faults.Leak, x.rng.Int()
	x.mu.Unlock() // before rooms are locked, which deliver has locked already
	if !hit {
		return
	}
	meant := map[*Conn]bool{}
	for _, c := range f.ns.pick(append(slices.Clone(rooms), except...), nil) {
		meant[c] = true
	}
	all := f.ns.pick(nil, nil)
	for i := range all {
		if c := all[(from+i)%len(all)]; !meant[c] {
			c.deliver(f.message.frame(c.link.codec), f.batch)
			return
		}
	}
}

// damaged is the message with another character in the middle of its longest
// word, dots included: what carries a mark or a check sum is one.
func (m *message) damaged() *message {
	d := *m
	d.forms = [codecs]*frame{}
	d.array = slices.Clone(m.array)
	from, to := 0, 0
	for i := 0; i < len(d.array); i++ {
		start := i
		for i < len(d.array) && isWordByte(d.array[i]) {
			i++
		}
		if i-start > to-from && (start == 0 || d.array[start-1] != '\\') {
			from, to = start, i
		}
	}
	if to-from < 2 {
		return &d
	}
	mid := (from + to + 1) / 2
	for mid < to-1 && d.array[mid] == '.' {
		mid++
	}
	switch at := &d.array[mid]; *at {
	case '.':
	case '9', 'z', 'Z':
		*at--
	default:
		*at++
	}
	return &d
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.'
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
	if l := x.late[c]; l != nil {
		l.timer.Stop()
		delete(x.late, c)
	}
	delete(x.dead, c)
}
