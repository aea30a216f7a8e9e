package server

import "sync"

// Replies of the read goroutine, such as acknowledgements, need no writer: the
// goroutine keeps the baton and writes them itself just before it waits for the
// next bytes from its client. One round trip then costs one read and one write
// and no switch of goroutines, and replies to messages that came together leave
// together. Before user code runs, which may take its time, the baton goes to
// the writer.

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
		l.own = true
	case kick:
		l.kick(nil)
	}
}

// pushOwn leaves pending replies to the writer. It is called with inMu held.
func (l *link) pushOwn() {
	if l.reading && l.own {
		l.own = false
		l.writer.push(l)
	}
}

// flushOwn writes pending replies. It is called by the read goroutine outside
// inMu, when nothing that has been read is left.
func (l *link) flushOwn() {
	if !l.own {
		return
	}
	l.own = false
	t := ownTools.Get().(*ownTool)
	if l.flush(&t.gun, t.buf[:0]) {
		l.writer.push(l)
	}
	ownTools.Put(t)
}

type ownTool struct {
	gun gun
	buf [4 << 10]byte
}

var ownTools = sync.Pool{New: func() any { return new(ownTool) }}
