package loadgen

import (
	"runtime"
	"sync"
	"time"
)

// turns gives clients their turn: those whose time has come, and those whom
// something has moved on. It has a few goroutines, each with a part of the
// clients and one timer, so that a client costs neither, and a send costs no
// new goroutine.
//
// A turn may be held up by a peer that does not read. Whoever looks then (held)
// puts another goroutine in the place of the one that waits, so that nobody but
// that client is late; the one that waited ends after its turn.
type turns struct {
	now   func() time.Duration
	wg    *sync.WaitGroup
	parts []part
}

// part is one goroutine's clients.
type part struct {
	mu    sync.Mutex
	due   []*client // a heap by client.at, whose places are client.place-1
	ready []*client // at once, in the order of their coming
	first int       // of ready
	turn  bool      // the next is one of ready, if both have some
	alarm alarm
	sleep bool          // the goroutine waits for the alarm, or is about to
	busy  bool          // it is in a turn
	over  bool          // no alarm any more
	owner int           // number of the goroutine
	since time.Duration // when the present turn began
	_     [64]byte      // keeps neighbours off the same cache line
}

// heldUp is how long a turn may take before another goroutine goes on with the
// others.
const heldUp = 5 * time.Millisecond

func newTurns(now func() time.Duration, wg *sync.WaitGroup) *turns {
	return &turns{now: now, wg: wg, parts: make([]part, runtime.GOMAXPROCS(0))}
}

// start begins to give turns, at instants that the kernel's timers keep if fine is
// set and there are any.
func (t *turns) start(fine bool) {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.Lock()
		if fine {
			p.alarm = newKernelAlarm()
		}
		if p.alarm == nil {
			p.alarm = newClockAlarm()
		}
		p.mu.Unlock()
		t.wg.Go(func() { t.serve(p, 0) })
	}
}

// stop ends the goroutines. Turns that are under way are for wg to wait for.
func (t *turns) stop() {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.Lock()
		p.over = true
		p.alarm.close()
		p.mu.Unlock()
	}
}

func (t *turns) of(c *client) *part { return &t.parts[int(c.id)%len(t.parts)] }

// next gives a client a turn as soon as may be.
func (t *turns) next(c *client) {
	p := t.of(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = append(p.ready, c)
	p.wakeUp()
}

// at gives a client a turn at an instant, instead of the one that was asked for
// before.
func (t *turns) at(c *client, at time.Duration) {
	p := t.of(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	c.at = at
	if c.place == 0 {
		p.due = append(p.due, c)
		c.place = int32(len(p.due))
	}
	p.down(p.up(int(c.place) - 1))
	if p.due[0] == c {
		p.wakeUp()
	}
}

// wakeUp makes the goroutine look. mu is held.
func (p *part) wakeUp() {
	if p.sleep {
		p.sleep = false
		p.alarm.poke()
	}
}

// serve is the goroutine of a part, until another one takes its place.
func (t *turns) serve(p *part, me int) {
	for {
		now := t.now()
		p.mu.Lock()
		if p.owner != me {
			p.mu.Unlock()
			return
		}
		c, wait := p.pick(now)
		if c == nil && p.over {
			p.mu.Unlock()
			return
		}
		p.sleep, p.busy, p.since = c == nil, c != nil, now
		if p.sleep {
			p.alarm.set(wait)
		}
		p.mu.Unlock()
		if c != nil {
			c.takeTurn()
		} else {
			p.alarm.wait()
		}
	}
}

// idle is how long a part sleeps that has nothing to wait for.
const idle = time.Hour

// pick takes out the client whose turn it is, or tells how long there will be
// none. mu is held.
func (p *part) pick(now time.Duration) (c *client, wait time.Duration) {
	wait = idle
	if len(p.due) > 0 {
		wait = p.due[0].at - now
	}
	ready := p.first < len(p.ready)
	switch {
	case ready && (p.turn || wait > 0):
		c = p.ready[p.first]
		p.ready[p.first] = nil
		if p.first++; p.first == len(p.ready) {
			p.ready, p.first = p.ready[:0], 0
		}
		p.turn = false
	case wait <= 0:
		c = p.due[0]
		p.remove()
		p.turn = true
	}
	return c, wait
}

// held looks for turns that are held up.
func (t *turns) held() {
	now := t.now()
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.Lock()
		late := p.first < len(p.ready) || len(p.due) > 0 && p.due[0].at <= now
		// One that was woken and has not come to look yet must be left alone: two
		// would wait for the same alarm, and the wrong one hear it.
		if p.busy && late && now-p.since > heldUp {
			p.owner++
			p.busy = false
			me := p.owner
			t.wg.Go(func() { t.serve(p, me) })
		}
		p.mu.Unlock()
	}
}

// up and down restore the heap from a place on, and return where its client is
// then.
func (p *part) up(i int) int {
	for i > 0 {
		parent := (i - 1) / 2
		if p.due[parent].at <= p.due[i].at {
			break
		}
		p.swap(i, parent)
		i = parent
	}
	return i
}

func (p *part) down(i int) {
	for {
		least := 2*i + 1
		if least >= len(p.due) {
			return
		}
		if right := least + 1; right < len(p.due) && p.due[right].at < p.due[least].at {
			least = right
		}
		if p.due[i].at <= p.due[least].at {
			return
		}
		p.swap(i, least)
		i = least
	}
}

func (p *part) swap(i, j int) {
	p.due[i], p.due[j] = p.due[j], p.due[i]
	p.due[i].place, p.due[j].place = int32(i+1), int32(j+1)
}

// remove takes the first out.
func (p *part) remove() {
	last := len(p.due) - 1
	p.swap(0, last)
	p.due[last].place = 0
	p.due[last] = nil
	p.due = p.due[:last]
	p.down(0)
}
