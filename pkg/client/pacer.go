package client

import (
	"sync/atomic"
	"time"
)

// pacer slows down the reading of one connection. It belongs to the connection's
// own read goroutine: a poller never reads such a connection, because its other
// connections would wait as well.
type pacer struct {
	rate int64 // bytes a second
	next time.Time
	read atomic.Int64
}

// paceTicks is how many portions are read in a second, as far as the rate goes.
const paceTicks = 10

// smallWindow is the receive buffer of a connection that is read slowly, in
// bytes: the server shall feel it, not the kernel of this machine take it all.
const smallWindow = 4096

func newPacer(rate int64) *pacer {
	if rate <= 0 {
		return nil
	}
	return &pacer{rate: rate}
}

// portion is how much may be read at a time.
func (p *pacer) portion() int { return int(max(p.rate/paceTicks, 1)) }

// wait blocks until the next portion is due.
func (p *pacer) wait() {
	if d := time.Until(p.next); d > 0 {
		time.Sleep(d)
	}
}

// took notes what was read.
func (p *pacer) took(n int, at time.Time) {
	p.read.Add(int64(n))
	if p.next.Before(at) {
		p.next = at
	}
	p.next = p.next.Add(time.Duration(int64(n)) * time.Second / time.Duration(p.rate))
}
