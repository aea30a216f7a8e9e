package server

import (
	"bytes"
	"sync"
)

// Replies of the read goroutine, such as acknowledgements, need no writer: the
// goroutine keeps the baton and writes them itself just before it waits for the
// next bytes from its client. One round trip then costs one read and one write
// and no switch of goroutines, and replies to messages that came together leave
// together. Before user code runs, which may take its time, the baton goes to
// the writer.

// cork is what the read goroutine has to write: replies that it encoded in
// place, and behind them what is in the queue.
type cork struct {
	gun     gun
	replies []byte // WebSocket frames, in buf
	frames  int    // how many
	buf     [4 << 10]byte
}

var corks = sync.Pool{New: func() any { return new(cork) }}

// putOwn queues a reply. It is called with inMu held.
func (l *link) putOwn(f *frame) {
	f = l.form(f)
	l.mu.Lock()
	ok, kick := l.putLocked(f)
	l.mu.Unlock()
	if ok {
		l.srv.count.messagesOut.Add(1)
	}
	switch {
	case kick && l.reading:
		l.own = corks.Get().(*cork)
	case kick:
		l.kick(nil)
	}
}

// reply encodes a text message of about size bytes where it will be written
// from, which spares the frame. It reports false when that can't be: the caller
// then takes putOwn. It is called with inMu held; encode must not block.
func (l *link) reply(size int, encode func([]byte) []byte) bool {
	const head = 4 // of a frame as long as a cork
	if !l.reading || l.raw == nil || l.deflates.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.phase != phaseOpen || l.pulls || !l.queue.empty() || l.held != (l.own != nil):
		return false
	case l.messages >= l.srv.opts.QueueMessages || l.bytes+size+head > l.srv.opts.QueueBytes:
		return false
	case l.own != nil && len(l.own.replies)+size+head > len(l.own.buf) || size+head > len(cork{}.buf):
		return false
	}
	if !l.held {
		l.held = true
		l.own = corks.Get().(*cork)
		l.own.replies = l.own.buf[:0]
	}
	c := l.own
	from := len(c.replies)
	b := encode(append(c.replies, make([]byte, head)...))
	n := len(b) - from - head
	start := len(appendWSHead(b[:from], wsText, n))
	c.replies = b[:start+copy(b[start:], b[from+head:])]
	c.frames++
	l.messages++
	l.bytes += len(c.replies) - from
	l.srv.count.messagesOut.Add(1)
	return true
}

// pushOwn leaves pending replies to the writer. It is called with inMu held.
func (l *link) pushOwn() {
	c := l.own
	if !l.reading || c == nil {
		return
	}
	l.own = nil
	if c.frames > 0 {
		l.mu.Lock()
		l.queue.unshift(&frame{wire: bytes.Clone(c.replies)})
		l.messages -= c.frames - 1
		l.mu.Unlock()
	}
	c.done()
	l.writer.push(l)
}

// flushOwn writes pending replies. It is called by the read goroutine outside
// inMu, when nothing that has been read is left.
func (l *link) flushOwn() {
	c := l.own
	if c == nil {
		return
	}
	l.own = nil
	if (c.frames == 0 || l.writeReplies(c)) && l.flush(&c.gun, c.buf[:0]) {
		l.writer.push(l)
	}
	c.done()
}

// writeReplies writes the encoded replies. It reports whether there is more to
// write and the caller still has the baton.
func (l *link) writeReplies(c *cork) (more bool) {
	n, err := c.gun.shoot(l.raw, c.replies)
	switch {
	case err != nil:
		l.abort(reasonTransportError)
		return l.wrote(0, 0)
	case n < len(c.replies):
		left, frames := bytes.Clone(c.replies[n:]), c.frames
		l.wrote2(0, n)
		l.srv.group.Go(func() { l.drain(left, frames, queue{}) })
		return false
	}
	return l.wrote(c.frames, n)
}

func (c *cork) done() {
	c.replies, c.frames = nil, 0
	corks.Put(c)
}
