package ledger

import (
	"math"
	"sync"
	"time"
)

// Source is one publisher that an audience watches.
type Source struct {
	Publisher int
	// Within is the bound beyond which an arrival is late, 0 for none.
	Within time.Duration
	// Concurrent says that the publisher does not wait for one message to be
	// accepted before it sends the next over another connection. Two messages
	// that were under way at the same time then have no order; only one that
	// was accepted before the other was sent comes first.
	Concurrent bool
}

// Audience is a group of subscribers that watch the same publishers. Its
// methods are safe for concurrent use; calls for the same subscriber wait for
// each other, those for different subscribers do not.
type Audience struct {
	book    *Book
	sources []Source
	slot    []int32 // by publisher: index of its source, -1 for none
	pairs   []pair  // subscribers × sources
	subs    []subscriber
	total   bool
}

type subscriber struct {
	mu sync.Mutex
	// from and to bound the time in which the subscriber must receive. from
	// is 0 while it doesn't, to is endless until it leaves. cut is when its
	// connection was lost, 0 if it was not.
	from, to, cut Micros
	// edge is how long before it left the subscriber may have missed what was
	// under way.
	edge    Micros
	self    int32 // its own publisher id, -1 for none
	foreign uint32
	corrupt uint32
	order   *[]uint64  // arrivals in order, only where total order is asked for
	away    *[]stretch // nil for those whose connection held, which are most
}

// endless is the end of a window that no one has closed.
const endless = Micros(math.MaxInt64)

// Audience adds n subscribers who watch the sources. With total set, the
// order across publishers is kept for Disorder, at 8 bytes an arrival.
func (b *Book) Audience(n int, sources []Source, total bool) *Audience {
	a := &Audience{
		book: b, sources: sources, total: total,
		slot:  make([]int32, len(b.publishers)),
		pairs: make([]pair, n*len(sources)),
		subs:  make([]subscriber, n),
	}
	for i := range a.slot {
		a.slot[i] = -1
	}
	for i, s := range sources {
		a.slot[s.Publisher] = int32(i)
	}
	for i := range a.subs {
		a.subs[i].to, a.subs[i].self = endless, -1
	}
	return a
}

// Self says that a subscriber is the same client as a publisher. Nothing is
// expected between the two, because servers differ on whether a sender gets
// its own messages.
func (a *Audience) Self(sub, pub int) { a.subs[sub].self = int32(pub) }

// Join opens the window in which the subscriber must receive.
func (a *Audience) Join(sub int, at Micros) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == 0 {
		s.from = max(at, 1)
	}
}

// Leave closes the window as planned. Of what was sent within the edge before
// that, some may have been under way: it counts where it arrived, and is
// indeterminate where it did not.
func (a *Audience) Leave(sub int, at, edge Micros) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if at < s.to {
		s.to, s.edge = at, edge
	}
}

// Cut says that the subscriber's connection was lost. The window stays open:
// what is published from then on counts as lost where the guarantee says that
// everything must arrive.
func (a *Audience) Cut(sub int, at Micros) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut == 0 {
		s.cut = max(at, 1)
	}
}

// Receipt is what the arrival of a marker meant.
type Receipt struct {
	Arrival Arrival
	Marker  Marker // zero if corrupt
	Late    bool
	// Unordered says of a Misorder that it is none: the two messages were
	// under way at the same time.
	Unordered bool
	// Damaged says that the marker is sound and its payload is not.
	Damaged bool
	// Missing is by how much the number of messages that are missing so far
	// went up (a gap opened) or down (one was filled).
	Missing int32
}

// Receive notes that the subscriber received a message whose marker starts at
// b, which Find has located.
func (a *Audience) Receive(sub int, b []byte, at Micros) Receipt {
	m, err := Parse(b)
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && err != errPayload { //nolint:errorlint // Parse wraps none
		s.corrupt++
		return Receipt{Arrival: Corrupt}
	}
	r := Receipt{Marker: m}
	if m.Run != a.book.run || int(m.Publisher) >= len(a.slot) || m.Seq == math.MaxUint32 {
		s.foreign++
		r.Arrival = Foreign
		return r
	}
	slot := a.slot[m.Publisher]
	if slot < 0 {
		r.Arrival = Unknown
		return r
	}
	p := &a.pairs[sub*len(a.sources)+int(slot)]
	if err != nil {
		r.Damaged = true
		p.exceptions().corrupt++
	}
	base, next, before := p.base, p.next, p.intervals()
	room := a.book.spans.Load() < maxSpans
	if !p.spare(m.Seq, room) {
		r.Arrival = Dropped
		return r
	}
	r.Arrival = p.receive(m.Seq)
	switch r.Arrival {
	case Gap:
		r.Missing = int32(m.Seq - next)
	case Misorder:
		if r.Missing = -1; m.Seq < base {
			r.Missing = int32(base - m.Seq - 1)
		}
		if a.sources[slot].Concurrent && !a.book.publishers[m.Publisher].precedes(m.Seq, p.next-1) {
			p.misorder--
			r.Unordered = true
		}
	case Duplicate:
		return r
	}
	settled := a.book.settled.Load()
	if w := a.sources[slot].Within; room && (w > 0 && at-m.At > w.Microseconds() || settled != 0 && at > settled) {
		e := p.exceptions()
		e.late = e.late.add(m.Seq)
		r.Late = true
		if settled != 0 && at > settled {
			e.after = e.after.add(m.Seq)
		}
	}
	if n := p.intervals() - before; n != 0 {
		a.book.spans.Add(int64(n))
	}
	if a.total && a.book.order.Add(1) <= maxOrder {
		if s.order == nil {
			s.order = new([]uint64)
		}
		*s.order = append(*s.order, uint64(slot)<<32|uint64(m.Seq))
	}
	return r
}
