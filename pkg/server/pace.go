package server

import (
	"math"
	"sync/atomic"
)

// A publisher in a tight loop fills outboxes faster than any writer empties
// them, and clients that read well would be closed as slow consumers. Therefore
// a broadcast waits for a writer that is too far behind. That is a wait for the
// processor, never for a client: a writer makes one attempt for each connection,
// and a connection whose socket is full has left it.

// made counts what has been broadcast.
type made struct {
	messages, bytes atomic.Uint64
}

// idleMark is what a writer's marks are while it has nothing to do.
const idleMark = math.MaxUint64

// mark notes how far the broadcasts were when the writer's current pass over its
// dirty list began. The caller holds w.mu.
func (w *writer) mark() {
	w.sinceMessages.Store(w.made.messages.Load())
	w.sinceBytes.Store(w.made.bytes.Load())
	w.passed.Broadcast()
}

// rest notes that the writer has nothing to do. The caller holds w.mu.
func (w *writer) rest() {
	w.sinceMessages.Store(idleMark)
	w.sinceBytes.Store(idleMark)
	w.passed.Broadcast()
}

// behind reports whether the writer's pass has lasted for more than a quarter of
// a queue, so that with the next pass half of it is full at most.
func (w *writer) behind() bool {
	m, b := w.sinceMessages.Load(), w.sinceBytes.Load()
	if m == idleMark || b == idleMark {
		return false
	}
	return int64(w.made.messages.Load()-m) > w.maxMessages || int64(w.made.bytes.Load()-b) > w.maxBytes
}

// pace counts a broadcast and waits for writers that are behind.
func (s *Server) pace(bytes int) {
	s.made.messages.Add(1)
	s.made.bytes.Add(uint64(bytes))
	for _, w := range s.writers {
		if !w.behind() {
			continue
		}
		w.mu.Lock()
		for w.behind() && !w.stopped {
			w.passed.Wait()
		}
		w.mu.Unlock()
	}
}
