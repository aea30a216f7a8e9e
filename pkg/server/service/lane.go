package service

import "github.com/realtime-toolkit/rtk/pkg/server"

// job is a call on its way to a service.
type job struct {
	conn *server.Conn
	call *Call
	to   *target
	in   *inForce // entered; whoever does or refuses the job leaves it
	size int
	// done is told the outcome, after the answer has been carried out. nil for a
	// hook that only tells.
	done func(*Answer, error)
	// last can't be refused: nothing follows it.
	last bool
}

// lane holds the calls of a connection to a service that wait for their turn. It
// exists as long as one is under way, so an idle connection costs nothing.
// Binding.mu guards it.
type lane struct {
	queue   []*job
	bytes   int
	running int // goroutines, at most Target.Window
}

type laneKey struct {
	conn *server.Conn
	to   *target
}

// submit starts a job or lets it wait for those before it. It never blocks; the
// error is what a client is told.
func (b *Binding) submit(j *job) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return Unavailable(errClosed)
	}
	key := laneKey{j.conn, j.to}
	l := b.lanes[key]
	if l == nil {
		l = &lane{}
		b.lanes[key] = l
	}
	switch {
	case l.running < int(j.to.window.Load()):
		l.running++
		b.group.Go(func() { b.drain(key, l, j) })
	case !j.last && (len(l.queue) >= b.opts.QueueCalls || len(l.queue) > 0 && l.bytes+j.size > b.opts.QueueBytes):
		return Busy(errLaneFull)
	default:
		l.queue = append(l.queue, j)
		l.bytes += j.size
	}
	return nil
}

// drain does jobs of a lane until none is left.
func (b *Binding) drain(key laneKey, l *lane, j *job) {
	for {
		b.do(j)
		b.mu.Lock()
		if len(l.queue) == 0 {
			if l.running--; l.running == 0 {
				delete(b.lanes, key)
			}
			b.mu.Unlock()
			return
		}
		j = l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.bytes -= j.size
		b.mu.Unlock()
	}
}
