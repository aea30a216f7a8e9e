package ledger

import (
	"math"
	"sort"
	"sync"
)

// Micros is a time in microseconds since the Unix epoch, taken from one
// monotonic clock.
type Micros = int64

// publisher is the log of one publisher's messages: 12 bytes each.
type publisher struct {
	mu   sync.Mutex
	sent []Micros // actual send times, ascending
	// acked is the time from the send to the acceptance plus one, so that 0
	// says that the message was not accepted so far. It saturates at 71
	// minutes, which is longer than any ack is waited for.
	acked []uint32
}

func (p *publisher) publish(at Micros) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.sent); n > 0 {
		at = max(at, p.sent[n-1])
	}
	p.sent = append(p.sent, at)
	p.acked = append(p.acked, 0)
	return uint32(len(p.sent) - 1)
}

func (p *publisher) accept(seq uint32, at Micros) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(seq) < len(p.acked) && p.acked[seq] == 0 {
		p.acked[seq] = uint32(min(max(at-p.sent[seq], 0), math.MaxUint32-1)) + 1
	}
}

// precedes tells whether a message was accepted before a later one was sent.
func (p *publisher) precedes(seq, later uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(later) >= len(p.sent) || p.acked[seq] == 0 {
		return false // not accepted so far, so the later one can't have waited for it
	}
	return p.sent[seq]+int64(p.acked[seq]-1) <= p.sent[later]
}

// history is a publisher's log, frozen for an evaluation.
type history struct {
	sent  []Micros
	acked []uint32
	sums  []uint32 // sums[i] is how many of the first i were accepted
	// slowest is the longest time that an acceptance took.
	slowest Micros
}

func (p *publisher) freeze() history {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.sent)
	h := history{sent: p.sent[:n:n], acked: append([]uint32(nil), p.acked...), sums: make([]uint32, n+1)}
	for i, a := range h.acked {
		h.sums[i+1] = h.sums[i]
		if a != 0 {
			h.sums[i+1]++
			h.slowest = max(h.slowest, int64(a-1))
		}
	}
	return h
}

func (h *history) accepted(lo, hi uint32) int64 { return int64(h.sums[hi] - h.sums[lo]) }

// sentFrom is the first sequence number that was sent at t or later.
func (h *history) sentFrom(t Micros) uint32 {
	return uint32(sort.Search(len(h.sent), func(i int) bool { return h.sent[i] >= t }))
}

// doneBy is the first sequence number that was sent at t or later, or was
// accepted after t. Those before it were sent and, if at all, accepted by t.
func (h *history) doneBy(t Micros) uint32 {
	hi := h.sentFrom(t)
	for i := int(hi) - 1; i >= 0 && h.sent[i] >= t-h.slowest; i-- {
		if a := h.acked[i]; a != 0 && h.sent[i]+int64(a-1) > t {
			hi = uint32(i)
		}
	}
	return hi
}
