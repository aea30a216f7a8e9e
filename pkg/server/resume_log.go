package server

import (
	"slices"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// sequence is the one order of what a namespace sends, where some of it is kept
// for clients that come back. mu is held while a message gets its offset and
// goes into the outboxes, so that each client gets messages in the order of
// offsets and its latest cursor says all that it has seen.
type sequence struct {
	ns    *Namespace
	keeps []roomPattern
	// recovery is not nil where clients get back their session, and then
	// everything is kept but volatile messages.
	recovery  *sessions
	shared    *shared       // nil where this pod alone gives offsets
	listening *listening    // nil where all rooms are heard
	every     time.Duration // time between sweeps
	timer     wheelEntry

	mu      sync.Mutex
	retired bool // the namespace is forgotten
	log     history.Log[*message]
	waits   map[string][]chan struct{} // of polls, by room
	polls   int                        // that wait
}

// everyone is the log's name of what goes to a whole namespace.
const everyone = "\x00*"

// kept are the rooms of a broadcast that keep it.
func (q *sequence) kept(rooms []string) (kept []string) {
	if len(rooms) == 0 {
		rooms = []string{everyone}
	}
	for _, r := range rooms {
		if q.keepsRoom(r) && !slices.Contains(kept, r) {
			kept = append(kept, r)
		}
	}
	return kept
}

func (q *sequence) keepsRoom(room string) bool {
	if room == everyone {
		room = ""
	}
	return slices.ContainsFunc(q.keeps, func(p roomPattern) bool { return p.matches(room) })
}

// stamp gives m its place in the sequence. Volatile messages get one as well, so
// that the offset that a client knows is always a current one. The caller holds
// mu.
func (q *sequence) stamp(m *message, kept []string) {
	at := q.log.Next()
	if len(kept) == 0 {
		q.log.Advance(at)
	} else {
		q.log.Append(at, 0, kept, m, keptBytes(m))
	}
	m.cursor = q.here()
	m.offset = q.recovery != nil
}

// keptBytes is about what a message takes in the log: the array and, as a rule,
// two encoded forms of it.
func keptBytes(m *message) int { return 3*messageBytes(m.array, m.attachments) + 128 }

// deliver is Namespace.deliver in sequence.
func (q *sequence) deliver(b *cluster.Broadcast) {
	m := newMessage(b)
	if q.shared != nil {
		q.shared.pass(&turn{m: m, b: b})
		return
	}
	m.rooms, m.except = b.Rooms, b.Except
	var kept []string
	if !b.Volatile {
		kept = q.kept(b.Rooms)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stamp(m, kept)
	q.ns.fanOut(m, b)
	q.wake(kept)
}

// wake tells the polls of rooms that there is something. The caller holds mu.
func (q *sequence) wake(rooms []string) {
	if q.polls == 0 {
		return
	}
	for _, room := range rooms {
		for _, w := range q.waits[room] {
			select {
			case w <- struct{}{}:
			default: // told already
			}
		}
	}
}

// unicast sends m to one connection in sequence.
func (q *sequence) unicast(c *Conn, m *message) error {
	if q.shared != nil {
		return q.shared.unicast(c, m)
	}
	var kept []string
	if r := c.resume; r != nil && r.pid != "" {
		kept = []string{c.id}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.state.Load() == connGone {
		return ErrClosed // and not kept: the caller may send it in another way
	}
	q.stamp(m, kept)
	if err := c.send(m.frame(c.link.codec)); err != nil && kept == nil {
		return err
	}
	return nil // sent, or kept for when the client comes back
}

// replay is what a client that comes back gets.
type replay struct {
	messages []*message
	gone     []string // rooms that no longer hold all of it
	cut      bool     // there is more than the client's queue may take: these are the latest
}

// since collects what the members of rooms were sent after a place, as far as
// half of an outbound queue goes: the other half is for what comes next. The
// caller holds mu.
func (q *sequence) since(c codec, rooms []string, from place) replay {
	missed, gone := q.missed(rooms, from)
	p := replay{gone: gone}
	o := &q.ns.srv.opts
	bytes := 0
	for _, m := range slices.Backward(missed) {
		bytes += len(m.frame(c).wire)
		if len(p.messages) >= max(o.QueueMessages/2, 1) || bytes > o.QueueBytes/2 {
			p.cut = true
			break
		}
		p.messages = append(p.messages, m)
	}
	slices.Reverse(p.messages)
	return p
}

// missed is all that the members of rooms were sent after a place, and the rooms
// that no longer hold all of it. The caller holds mu.
func (q *sequence) missed(rooms []string, from place) (ms []*message, gone []string) {
	page := q.log.Since(rooms, from.Offset)
	for _, item := range page.Items {
		if !excepted(item.Value.except, rooms) && !q.shared.seen(item.Offset, from) {
			ms = append(ms, q.shared.replayed(item, from))
		}
	}
	return q.shared.appendEarly(ms, rooms, from), page.Gone
}

// excepted reports whether a message was not for members of rooms.
func excepted(except, rooms []string) bool {
	return slices.ContainsFunc(except, func(r string) bool { return slices.Contains(rooms, r) })
}

// enter makes c a member of the namespace and of the rooms that it comes back
// to, and collects what it missed, in one step: what is sent later comes behind.
func (q *sequence) enter(c *Conn) error {
	r := c.resume
	if r.pid == "" {
		if err := c.mayJoin(r.rooms); err != nil {
			return err
		}
	}
	q.mu.Lock()
	r.settle(q, c)
	q.ns.enter(c)
	q.listenLocked(r.rooms)
	joined, err := c.join(r.rooms)
	if err == nil {
		r.collect(q, c)
	}
	q.mu.Unlock()
	c.tellRooms(q.ns.onJoin, joined)
	c.ns.presence.tell(joined)
	return err
}

// fire sweeps what is too old, in a goroutine, because mu may be held for long.
func (q *sequence) fire() {
	q.ns.srv.group.Go(func() {
		q.mu.Lock()
		q.log.Expire()
		if q.recovery != nil {
			q.recovery.expire(q.log)
		}
		q.listening.sweep(q)
		retired := q.retired
		q.mu.Unlock()
		if retired {
			return
		}
		if q.shared != nil {
			q.shared.saveAll()
		}
		q.arm()
	})
}

// retire ends the sequence of a namespace that is forgotten. Handlers may hold it
// and emit yet.
func (q *sequence) retire() {
	q.mu.Lock()
	q.retired = true
	if q.shared != nil {
		q.shared.over = true
	}
	q.mu.Unlock()
	q.ns.srv.wheel.disarm(&q.timer)
	if q.shared != nil {
		q.shared.hurry(0)
	}
	q.listening.stop(q)
}

func (q *sequence) arm() { q.ns.srv.wheel.arm(&q.timer, q.ns.srv.wheel.now()+q.every) }

func (s *Server) sequences() (seqs []*sequence) {
	s.nsMu.RLock()
	defer s.nsMu.RUnlock()
	for _, n := range s.namespaces {
		if n.seq != nil {
			seqs = append(seqs, n.seq)
		}
	}
	return seqs
}

// countHistory sums up what is kept.
func (s *Server) countHistory(p *stats.Pod) {
	seqs := s.sequences()
	if len(seqs) == 0 {
		return
	}
	c := &s.count
	h := &stats.History{
		Recovered: c.recovered.Load(), Refused: c.recoveryRefused.Load(),
		Resumed: c.resumed.Load(), Gaps: c.gaps.Load(),
	}
	p.History = h
	for _, q := range seqs {
		q.mu.Lock()
		one := q.log.Stats()
		if q.recovery != nil {
			h.Sessions += len(q.recovery.saved)
		}
		q.mu.Unlock()
		h.Rooms += one.Rooms
		h.Messages += one.Messages
		h.Bytes += one.Bytes
		h.Appended += one.Appended
		h.Dropped += one.Dropped
	}
}
