package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// stream is one direction of a pair. Its reader writes at once while nothing is
// to wait; otherwise chunks go through a queue that a second goroutine drains,
// which lives as long as the queue has something:
//
//	from → pass → write → to
//	         └→ queue → drain ┘
type stream struct {
	c        *pair
	d        direction
	from, to net.Conn

	mu      sync.Mutex
	queue   []chunk
	queued  int  // bytes in the queue
	writing bool // drain runs
	room    chan struct{}
	drains  sync.WaitGroup

	// Of whoever writes: the reader or drain, never both.
	free  time.Time // when the line can take the next piece
	count int64     // bytes passed on under it
	under *state
}

// chunk is what one read brought, or the end of the stream.
type chunk struct {
	b     []byte
	at    time.Time
	end   bool
	late  time.Duration
	under *state // of which late is
}

const (
	// maxQueue bounds what waits in one direction, in bytes; a full queue stops
	// the reader, and with it the sender.
	maxQueue = 1 << 20
	// smallRead is the buffer of an idle stream, bigRead of a busy one.
	smallRead, bigRead = 2 << 10, 32 << 10
	// piecesPerSecond is in how many pieces a narrow line takes its bytes.
	piecesPerSecond = 50
)

var bigReads = sync.Pool{New: func() any { b := make([]byte, bigRead); return &b }}

func newStream(c *pair, d direction, from, to net.Conn) *stream {
	return &stream{c: c, d: d, from: from, to: to, room: make(chan struct{}, 1)}
}

// pass reads until the stream or the pair ends. When it returns, drain has too.
func (s *stream) pass() {
	defer s.drains.Wait()
	small := make([]byte, smallRead)
	for buf := small; ; {
		if !s.open() {
			return
		}
		n, err := s.from.Read(buf)
		at := time.Now()
		if !s.open() {
			return
		}
		if n > 0 && !s.take(buf[:n], at) {
			return
		}
		buf = resize(buf, small, n)
		switch {
		case errors.Is(err, io.EOF):
			s.finish(at)
			return
		case err != nil:
			s.c.reset()
			return
		}
	}
}

// resize picks the buffer of the next read by what the last one brought.
func resize(buf, small []byte, n int) []byte {
	switch {
	case n == len(buf) && len(buf) == smallRead:
		return *bigReads.Get().(*[]byte)
	case n < smallRead && len(buf) == bigRead:
		bigReads.Put(&buf)
		return small
	}
	return buf
}

// open waits until the stream's way is open, and returns false when there is
// nothing to pass on any more. The rest of a half-open pair is silence.
func (s *stream) open() bool {
	for {
		if s.c.isHalf() {
			<-s.c.done
			return false
		}
		st := s.c.p.state.Load()
		if !st.holed(s.d) {
			return true
		}
		if !s.c.wait(st) {
			return false
		}
	}
}

// take passes a chunk on, now or later.
func (s *stream) take(b []byte, at time.Time) bool {
	if st := s.c.p.state.Load(); !st.delays() && s.idle() {
		return s.write(b)
	}
	return s.push(chunk{b: append([]byte(nil), b...), at: at})
}

// finish passes the end of the stream on, after what waits.
func (s *stream) finish(at time.Time) {
	if !s.idle() {
		s.push(chunk{end: true, at: at})
		return
	}
	s.close(at)
}

// idle reports whether nothing waits, so that the reader may write.
func (s *stream) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.writing
}

func (s *stream) push(k chunk) bool {
	s.mu.Lock()
	for s.queued >= maxQueue {
		s.mu.Unlock()
		select {
		case <-s.room:
		case <-s.c.done:
			return false
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	s.queue = append(s.queue, k)
	s.queued += len(k.b)
	if !s.writing {
		s.writing = true
		s.drains.Go(s.drain)
	}
	return true
}

// drain writes what waits, each chunk when it is due.
func (s *stream) drain() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.queue, s.writing = nil, false
			s.mu.Unlock()
			return
		}
		k := s.queue[0]
		s.mu.Unlock()
		if !s.due(&k) || !s.deliver(&k) {
			return // the pair has ended; writing stays set, so that nobody else writes
		}
		s.mu.Lock()
		s.queue[0] = chunk{}
		s.queue = s.queue[1:]
		s.queued -= len(k.b)
		s.mu.Unlock()
		select {
		case s.room <- struct{}{}:
		default:
		}
	}
}

// due waits until a chunk may go. What is set anew meanwhile holds for it too.
func (s *stream) due(k *chunk) bool {
	for s.open() {
		st := s.c.p.state.Load()
		if k.under != st {
			k.under, k.late = st, st.delay()
		}
		left := time.Until(k.at.Add(k.late))
		if left <= 0 {
			return true
		}
		s.c.touch(st)
		if !s.sleep(left, st) {
			return false
		}
	}
	return false
}

// sleep waits for d or until st is replaced, and returns false when the pair
// ends first.
func (s *stream) sleep(d time.Duration, st *state) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-st.over:
	case <-s.c.done:
		return false
	}
	return true
}

// deliver writes a chunk in the pieces that the line takes.
func (s *stream) deliver(k *chunk) bool {
	if k.end {
		s.close(time.Now())
		return true
	}
	for rest := k.b; len(rest) > 0; {
		if !s.open() {
			return false
		}
		st := s.c.p.state.Load()
		n := len(rest)
		if st.Bandwidth > 0 {
			if left := time.Until(s.free); left > 0 {
				s.c.touch(st)
				if !s.sleep(left, st) {
					return false
				}
				continue
			}
			n = min(n, int(min(max(st.Bandwidth/piecesPerSecond, 1), bigRead)))
			s.free = time.Now().Add(time.Duration(float64(n) / float64(st.Bandwidth) * float64(time.Second)))
		}
		if !s.write(rest[:n]) {
			return false
		}
		rest = rest[n:]
	}
	return true
}

// write writes, up to the byte after which the connection is to be reset.
func (s *stream) write(b []byte) bool {
	st := s.c.p.state.Load()
	cut := false
	if st.ResetAfter > 0 && s.d == toClient {
		if s.under != st {
			s.under, s.count = st, 0
		}
		left := st.ResetAfter - s.count
		if cut = int64(len(b)) >= left; cut {
			b = b[:left]
		}
		s.count += int64(len(b))
	}
	if _, err := s.to.Write(b); err != nil {
		if s.c.isHalf() {
			<-s.c.done // the other end is not to notice
		}
		s.c.reset()
		return false
	}
	if cut {
		s.c.touch(st)
		s.c.reset()
	}
	return !cut
}

// close passes the end of the stream on, which came at at.
func (s *stream) close(at time.Time) {
	for s.open() {
		st := s.c.p.state.Load()
		left := time.Until(at.Add(st.SlowClose))
		if left <= 0 {
			break
		}
		s.c.touch(st)
		if !s.sleep(left, st) {
			return
		}
	}
	if half, ok := s.to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = s.to.Close() // a pipe can't end in one direction
}
