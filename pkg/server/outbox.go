package server

import "sync"

// queue is a list of frames in chunks from a pool, so that an idle connection
// holds no queue memory and a busy one allocates none.
type queue struct {
	head, tail *chunk
}

type chunk struct {
	next   *chunk
	at, n  int32
	frames [13]*frame
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func (q *queue) empty() bool { return q.head == nil }

func (q *queue) push(f *frame) {
	t := q.tail
	if t == nil || int(t.n) == len(t.frames) {
		t = chunks.Get().(*chunk)
		if q.tail == nil {
			q.head = t
		} else {
			q.tail.next = t
		}
		q.tail = t
	}
	t.frames[t.n] = f
	t.n++
}

// unshift puts f in front.
func (q *queue) unshift(f *frame) {
	t := chunks.Get().(*chunk)
	t.frames[0], t.n, t.next = f, 1, q.head
	if q.head = t; q.tail == nil {
		q.tail = t
	}
}

func (q *queue) peek() *frame { return q.head.frames[q.head.at] }

func (q *queue) pop() *frame {
	h := q.head
	f := h.frames[h.at]
	h.frames[h.at] = nil
	h.at++
	if h.at == h.n {
		if q.head = h.next; q.head == nil {
			q.tail = nil
		}
		h.next, h.at, h.n = nil, 0, 0
		chunks.Put(h)
	}
	return f
}

func (q *queue) drop() {
	for !q.empty() {
		q.pop()
	}
}

// Sizes of writes: frames are gathered into one write as far as the buffer goes,
// gatherBytes for a writer; frames from bigFrame on are written where they lie.
const (
	gatherBytes = 64 << 10
	bigFrame    = 16 << 10
)

// next takes the frames that go into one write. data is a frame's own bytes or
// lies in buf.
func (q *queue) next(buf []byte) (data []byte, frames int) {
	f := q.pop()
	if q.empty() || len(f.wire) >= bigFrame || len(f.wire) > cap(buf) {
		return f.wire, 1
	}
	buf = append(buf[:0], f.wire...)
	frames = 1
	for !q.empty() {
		f = q.peek()
		if len(f.wire) >= bigFrame || len(buf)+len(f.wire) > cap(buf) {
			break
		}
		buf = append(buf, f.wire...)
		q.pop()
		frames++
	}
	return buf, frames
}

// phase is how far an outbox is in its life.
type phase uint8

const (
	phaseOpen    phase = iota
	phaseClosing       // the goodbye is queued, nothing more is taken
	phaseClosed        // nothing is written any more
)

// outbox is the bounded queue of one connection and the one ordering point of
// what goes out on it.
//
// held is a baton: whoever has it may write. It goes from put to the writer's
// dirty list to the writer, perhaps to a drain goroutine, and is laid down when
// the queue is empty. So there is one write at a time and no frame is forgotten.
type outbox struct {
	mu       sync.Mutex
	queue    queue
	messages int // queued or in the hands of a write
	bytes    int
	phase    phase
	held     bool

	// pulls is true for a transport that takes frames itself: put then signals
	// wake instead of passing the baton to a writer. taking is true while it
	// has frames in its hands.
	pulls, taking bool
	wake          chan struct{} // nil for links that never pulled
}

// put queues f and wakes the writer: at once, or with others when b is not nil.
// It reports whether f was taken. A full queue ends the connection.
func (l *link) put(f *frame, b *batch) bool {
	l.mu.Lock()
	ok, kick := l.putLocked(f)
	l.mu.Unlock()
	if kick {
		l.kick(b)
	}
	return ok
}

// putLocked queues f. When kick is true the caller has the baton and must call
// kick once it has let go of the lock.
func (l *link) putLocked(f *frame) (ok, kick bool) {
	if l.phase != phaseOpen {
		return false, false
	}
	if f.drop != nil && f.drop.key != "" && !l.queue.empty() {
		l.supersede(f)
	}
	if l.full(f) && (l.srv.opts.Overflow == nil || !l.makeRoom(f)) {
		if f.drop != nil {
			l.srv.count.overflowDropped.Add(1)
			return false, false
		}
		if f.control && l.messages < 2*l.srv.opts.QueueMessages {
			// A heartbeat must not fail for the application's backlog.
			return l.append(f)
		}
		l.overflow()
		return false, false
	}
	return l.append(f)
}

func (l *link) append(f *frame) (ok, kick bool) {
	l.queue.push(f)
	l.messages++
	l.bytes += len(f.wire)
	return true, l.rouse()
}

// rouse takes the baton if nobody has it, and reports whether the caller must
// pass it on with kick. The caller holds mu.
func (l *link) rouse() (kick bool) {
	if l.held {
		return false
	}
	l.held = true
	if l.pulls {
		l.signal()
		return false
	}
	return true
}

// signal wakes the transport that pulls.
func (l *link) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// overflow ends a connection whose client does not keep up. The caller may hold
// any lock, so the closing is left to another goroutine.
func (l *link) overflow() {
	l.phase = phaseClosed
	l.srv.count.slowConsumers.Add(1)
	l.srv.group.Go(func() { l.abort(reasonSlow) })
}

// kick passes the baton to the writer. The caller holds no lock of the link.
func (l *link) kick(b *batch) {
	if b != nil {
		b.add(l)
	} else {
		l.writer.push(l)
	}
}

// writable reports whether a message would go out about at once.
func (l *link) writable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.phase == phaseOpen && l.messages < max(l.srv.opts.QueueMessages/8, 1) &&
		l.bytes < max(l.srv.opts.QueueBytes/8, 1)
}

// take gives the whole queue to a writer, which has the baton.
func (l *link) take() queue {
	q := l.queue
	l.queue = queue{}
	return q
}

// wrote settles the account of a write. It reports whether there is more to
// write; if not, the baton has been laid down.
func (l *link) wrote(frames, bytes int) (more bool) {
	l.mu.Lock()
	l.messages -= frames
	l.bytes -= bytes
	if l.phase == phaseClosed {
		l.queue.drop()
		l.messages, l.bytes = 0, 0
	}
	more = !l.queue.empty()
	l.held = more
	done := !more && l.phase == phaseClosing
	l.mu.Unlock()
	if bytes > 0 {
		l.srv.count.bytesOut.Add(uint64(bytes))
	}
	if done {
		l.flushed()
	}
	return more
}
