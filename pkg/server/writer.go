package server

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// writer is one of a few goroutines that write for all connections. A
// connection belongs to one writer. It makes one non-blocking attempt for each
// connection and never waits for a client.
type writer struct {
	wake chan struct{}
	gun  gun
	buf  []byte

	// For pace. The marks change with mu held.
	made                      *made
	maxMessages, maxBytes     int64
	sinceMessages, sinceBytes atomic.Uint64
	passed                    *sync.Cond // with mu: the marks have changed

	lag *stats.Recorder

	mu       sync.Mutex
	woken    time.Time // when dirty got its first entry since the last pass
	dirty    []*link   // each has given its baton to this list
	signaled bool
	stopped  bool
}

func (s *Server) newWriter() *writer {
	w := &writer{
		wake: make(chan struct{}, 1), buf: make([]byte, 0, gatherBytes),
		lag: &s.count.writing, made: &s.made, maxMessages: int64(s.opts.QueueMessages / 4), maxBytes: int64(s.opts.QueueBytes / 4),
	}
	w.passed = sync.NewCond(&w.mu)
	w.rest()
	return w
}

// push puts a connection on the dirty list.
func (w *writer) push(l *link) {
	w.mu.Lock()
	w.dirty = append(w.dirty, l)
	w.signal()
}

func (w *writer) pushAll(ls []*link) {
	w.mu.Lock()
	w.dirty = append(w.dirty, ls...)
	w.signal()
}

// signal wakes the goroutine and unlocks.
func (w *writer) signal() {
	first := !w.signaled
	if first {
		w.signaled, w.woken = true, time.Now()
	}
	if w.sinceMessages.Load() == idleMark {
		w.mark()
	}
	w.mu.Unlock()
	if first {
		w.wake <- struct{}{}
	}
}

// run writes until stop is closed.
func (w *writer) run(stop <-chan struct{}) {
	var list []*link
	for {
		select {
		case <-w.wake:
			// Whoever else is ready to run first: publishers that come from
			// several goroutines, such as HTTP requests, then put their
			// messages in the same pass, one write for each connection. With
			// nobody else ready this costs nothing.
			runtime.Gosched()
		case <-stop:
			w.mu.Lock()
			w.stopped = true
			w.rest()
			w.mu.Unlock()
			return
		}
		w.mu.Lock()
		list, w.dirty = w.dirty, list[:0]
		w.signaled = false
		woken := w.woken
		w.mark()
		w.mu.Unlock()
		for i, l := range list {
			if l.flush(&w.gun, w.buf) {
				w.push(l) // behind the others, so that more can gather
			}
			list[i] = nil
		}
		w.lag.Since(woken)
		w.mu.Lock()
		if len(w.dirty) == 0 {
			w.rest()
		}
		w.mu.Unlock()
	}
}

// flush writes what is queued without blocking, or hands the connection to a
// drain goroutine. It reports whether more has been queued meanwhile and the
// caller still has the baton.
func (l *link) flush(g *gun, buf []byte) (more bool) {
	l.mu.Lock()
	q, raw := l.take(), l.raw
	l.mu.Unlock()
	if raw == nil && !q.empty() {
		l.srv.group.Go(func() { l.drain(nil, 0, q) })
		return false
	}
	frames, bytesOut := 0, 0
	for !q.empty() {
		data, k := q.next(buf)
		n, err := g.shoot(raw, data)
		if err != nil {
			q.drop()
			l.abort(reasonTransportError)
			break
		}
		if n < len(data) {
			// The socket is full: a goroutine waits for it, with a copy of what
			// lies in our buffer.
			left := bytes.Clone(data[n:])
			l.wrote2(frames, bytesOut+n)
			rest := q
			l.srv.group.Go(func() { l.drain(left, k, rest) })
			return false
		}
		frames += k
		bytesOut += len(data)
	}
	return l.wrote(frames, bytesOut)
}

// wrote2 settles the account of a part of a write; the baton stays in hand.
func (l *link) wrote2(frames, bytes int) {
	l.mu.Lock()
	l.messages -= frames
	l.bytes -= bytes
	l.mu.Unlock()
	l.srv.count.bytesOut.Add(uint64(bytes))
}

// pieceBytes is how much a drain goroutine writes under one deadline.
const pieceBytes = 16 << 10

// drain writes blocking, with a deadline, until the queue is empty. left is the
// rest of a write of frames frames, then comes q. It has the baton.
func (l *link) drain(left []byte, frames int, q queue) {
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	for {
		for len(left) > 0 || !q.empty() {
			if len(left) == 0 {
				left, frames = q.next((*buf)[:0])
			}
			piece := left[:min(len(left), pieceBytes)]
			_ = l.nc.SetWriteDeadline(time.Now().Add(l.srv.opts.WriteTimeout))
			n, err := l.nc.Write(piece)
			if err != nil {
				q.drop()
				l.abort(reasonTransportError)
				l.wrote(0, 0)
				return
			}
			if left = left[n:]; len(left) == 0 {
				l.wrote2(frames, n)
				frames = 0
			} else {
				l.wrote2(0, n)
			}
		}
		_ = l.nc.SetWriteDeadline(time.Time{})
		l.mu.Lock()
		q = l.take()
		l.mu.Unlock()
		if q.empty() && !l.wrote(0, 0) {
			return
		}
	}
}

// gun makes non-blocking writes. Its closure is made once, so that a write
// allocates nothing.
type gun struct {
	data []byte
	n    int
	err  error
	fire func(fd uintptr) bool
}

// shoot makes one attempt to write data. A full socket is no error, it takes
// n < len(data).
func (g *gun) shoot(raw syscall.RawConn, data []byte) (n int, err error) {
	if g.fire == nil {
		g.fire = func(fd uintptr) bool {
			g.n, g.err = writeOnce(fd, g.data)
			return true
		}
	}
	g.data = data
	err = raw.Write(g.fire)
	if err == nil {
		err = g.err
	}
	n = g.n
	g.data, g.n, g.err = nil, 0, nil
	return n, err
}

// batch collects the connections that one broadcast has made dirty, so that the
// writers' lists are locked once for many.
type batch struct {
	writers []*writer
	dirty   [][]*link // by writer
}

const batchSize = 256

func (b *batch) add(l *link) {
	i := l.shard
	b.dirty[i] = append(b.dirty[i], l)
	if len(b.dirty[i]) >= batchSize {
		b.flush(int(i))
	}
}

func (b *batch) flush(i int) {
	if len(b.dirty[i]) == 0 {
		return
	}
	b.writers[i].pushAll(b.dirty[i])
	clear(b.dirty[i])
	b.dirty[i] = b.dirty[i][:0]
}

func (b *batch) done() {
	for i := range b.dirty {
		b.flush(i)
	}
}
