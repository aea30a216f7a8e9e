package redis

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// heartbeat judges the way through Redis and back by messages to oneself: a TCP
// connection may look well for minutes after the way has broken. It knows
// nothing of sockets and is safe for concurrent use.
type heartbeat struct {
	timeout time.Duration

	mu     sync.Mutex
	seq    uint64
	sentAt time.Time
	heard  time.Time // zero: nothing since the last loss
	rtt    time.Duration
}

// send returns the payload of the next message.
func (h *heartbeat) send(now time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	h.sentAt = now
	return strconv.FormatUint(h.seq, 10)
}

// receive takes a message that came back. Only the last one sent counts: an
// older one says how the way was, not how it is.
func (h *heartbeat) receive(payload string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if payload != strconv.FormatUint(h.seq, 10) {
		return
	}
	h.heard = now
	h.rtt = now.Sub(h.sentAt)
}

// lost forgets what was heard: a new subscription must prove itself.
func (h *heartbeat) lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = time.Time{}
	h.seq++ // what is on its way belongs to the old subscription
}

// check returns the last round trip and, when the way is not in order, why.
func (h *heartbeat) check(now time.Time) (rtt time.Duration, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard.IsZero() {
		return h.rtt, "no heartbeat through Redis yet"
	}
	if silence := now.Sub(h.heard); silence > h.timeout {
		return h.rtt, fmt.Sprintf("no heartbeat through Redis for %s", silence.Round(100*time.Millisecond))
	}
	return h.rtt, ""
}
