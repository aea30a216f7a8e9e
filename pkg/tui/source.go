package tui

import (
	"slices"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const (
	// DefaultBuffer is how many events a Source holds unless told otherwise.
	DefaultBuffer = 50_000
	// maxHeld bounds the memory of the held events in bytes, so that large
	// payloads can't fill the machine: the oldest go earlier then.
	maxHeld = 256 << 20

	rateSlots  = 64  // seconds of history behind the sparklines
	ackSamples = 512 // acks behind the percentiles
)

// Source is the ring between the connection and the screen. When it is full
// the oldest events go; the counters are taken before the ring and stay exact.
// All methods are safe for concurrent use.
type Source struct {
	wake chan struct{}

	mu      sync.Mutex
	ring    []*Event // ring[seq%len(ring)]
	oldest  uint64   // first held sequence number
	next    uint64   // sequence number of the next event
	held    int      // bytes
	stats   Stats
	rates   [rateSlots]rateSlot
	acks    [ackSamples]time.Duration
	ackNext int
}

type rateSlot struct {
	second  int64
	in, out uint32
}

// Stats are the counters of a Source at one moment.
type Stats struct {
	In, Out           uint64 // events and acks; heartbeats and handshakes are not counted
	InBytes, OutBytes uint64
	Faults            uint64
	Logged            uint64 // everything that was ever pushed
	Held              int    // events in the ring now
	Limit             int
	Evicted           uint64 // pushed out of the ring by newer ones
	Acks              uint64
	AckP50, AckP99    time.Duration // over the last 512 acks
	InRate, OutRate   uint32        // messages in the last full second
	InSpark, OutSpark []uint32      // messages a second, oldest first, ends with the last full second
}

// NewSource returns a ring of limit events; 0 or less means DefaultBuffer.
func NewSource(limit int) *Source {
	if limit <= 0 {
		limit = DefaultBuffer
	}
	return &Source{
		wake: make(chan struct{}, 1),
		ring: make([]*Event, limit), oldest: 1, next: 1,
	}
}

// Push appends e, which must not be changed afterwards.
func (s *Source) Push(e *Event) {
	s.mu.Lock()
	e.Seq = s.next
	s.next++
	s.count(e)
	s.held += e.weight()
	for s.oldest < e.Seq && (int(e.Seq-s.oldest) >= len(s.ring) || s.held > maxHeld) {
		slot := &s.ring[s.oldest%uint64(len(s.ring))]
		s.held -= (*slot).weight()
		*slot = nil
		s.oldest++
		s.stats.Evicted++
	}
	s.ring[e.Seq%uint64(len(s.ring))] = e
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Source) count(e *Event) {
	if e.Fault {
		s.stats.Faults++
	}
	if !e.isMessage() {
		return
	}
	second := e.At.Unix()
	slot := &s.rates[uint64(second)%rateSlots]
	if slot.second != second {
		*slot = rateSlot{second: second}
	}
	if e.Dir == rt.In {
		s.stats.In++
		s.stats.InBytes += uint64(e.Size)
		slot.in++
	} else {
		s.stats.Out++
		s.stats.OutBytes += uint64(e.Size)
		slot.out++
	}
	if e.Kind == rt.KindAck && e.Latency > 0 {
		s.acks[s.ackNext%ackSamples] = e.Latency
		s.ackNext++
		s.stats.Acks++
	}
}

// retract takes an outgoing message that could not be sent out of the
// counters. It stays in the log.
func (s *Source) retract(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Out--
	s.stats.OutBytes -= uint64(e.Size)
	second := e.At.Unix()
	if slot := &s.rates[uint64(second)%rateSlots]; slot.second == second {
		slot.out--
	}
}

// Wake receives a value after events were pushed. It has room for one: a
// reader that comes late finds one, not one an event.
func (s *Source) Wake() <-chan struct{} { return s.wake }

// Read appends to dst the held events from sequence number from on, at most
// limit of them, and returns the oldest held number and the number that
// follows the newest.
func (s *Source) Read(dst []*Event, from uint64, limit int) (events []*Event, oldest, next uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from = max(from, s.oldest)
	for ; from < s.next && limit > 0; limit-- {
		dst = append(dst, s.ring[from%uint64(len(s.ring))])
		from++
	}
	return dst, s.oldest, s.next
}

// Stats returns the counters. now decides which second was the last full one.
func (s *Source) Stats(now time.Time) Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Logged = s.next - 1
	st.Held = int(s.next - s.oldest)
	st.Limit = len(s.ring)
	last := now.Unix() - 1
	st.InSpark = make([]uint32, 0, rateSlots)
	st.OutSpark = make([]uint32, 0, rateSlots)
	for sec := last - rateSlots + 2; sec <= last; sec++ {
		slot := s.rates[uint64(sec)%rateSlots]
		if slot.second != sec {
			slot = rateSlot{}
		}
		st.InSpark = append(st.InSpark, slot.in)
		st.OutSpark = append(st.OutSpark, slot.out)
		st.InRate, st.OutRate = slot.in, slot.out
	}
	if n := min(s.ackNext, ackSamples); n > 0 {
		sorted := slices.Clone(s.acks[:n])
		slices.Sort(sorted)
		st.AckP50 = sorted[(n-1)/2]
		st.AckP99 = sorted[(n*99+99)/100-1]
	}
	return st
}
