package server

import "sync"

// maxLane bounds what waits in a lane.
const maxLane = 1 << 14

// lane runs functions one after the other, in order, on a goroutine that it has
// only while there are any. The zero value is ready. What comes when it is full
// is not run.
type lane struct {
	mu      sync.Mutex // a leaf
	waiting []func()
	running bool
}

// push has fn run. The caller holds a count of s.group. A panic of user code is
// fn's own business.
func (l *lane) push(s *Server, fn func()) {
	l.mu.Lock()
	if len(l.waiting) >= maxLane {
		l.mu.Unlock()
		if dropped := s.count.podDropped.Add(1); dropped&(dropped-1) == 0 { // the first, and ever more rarely
			s.log.Error("what other pods asked for came faster than the program's handlers take it", "dropped", dropped)
		}
		return
	}
	l.waiting = append(l.waiting, fn)
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		s.group.Go(l.run)
	}
}

func (l *lane) run() {
	for {
		l.mu.Lock()
		batch := l.waiting
		l.waiting = nil
		l.running = len(batch) > 0
		l.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for i, fn := range batch {
			batch[i] = nil
			fn()
		}
	}
}
