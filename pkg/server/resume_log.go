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
	recovery *sessions
	every    time.Duration // time between sweeps
	timer    wheelEntry

	mu    sync.Mutex
	log   history.Log[*message]
	waits map[string][]chan struct{} // of polls, by room
	polls int                        // that wait
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
	var offset uint64
	if len(kept) == 0 {
		offset = q.log.Skip()
	} else {
		// The array and, as a rule, two encoded forms of it.
		offset = q.log.Append(kept, m, 3*messageBytes(m.array, m.attachments)+128)
	}
	m.cursor = history.Cursor{Epoch: q.log.Epoch(), Offset: offset}.String()
	m.offset = q.recovery != nil
}

// deliver is Namespace.deliver in sequence.
func (q *sequence) deliver(b *cluster.Broadcast) {
	m := newMessage(b)
	m.rooms, m.except = b.Rooms, b.Except
	var kept []string
	if !b.Volatile {
		kept = q.kept(b.Rooms)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stamp(m, kept)
	q.ns.fanOut(m, b)
	for _, room := range kept {
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

// cursor is the position after everything that has been sent. The caller holds
// mu.
func (q *sequence) cursor() history.Cursor {
	return history.Cursor{Epoch: q.log.Epoch(), Offset: q.log.Last()}
}

// replay is what a client that comes back gets.
type replay struct {
	messages []*message
	gone     []string // rooms that no longer hold all of it
	cut      bool     // there is more than the client's queue may take: these are the latest
}

// since collects what the members of rooms were sent after offset, as far as
// half of an outbound queue goes: the other half is for what comes next. The
// caller holds mu.
func (q *sequence) since(c codec, rooms []string, offset uint64) replay {
	page := q.log.Since(rooms, offset)
	p := replay{gone: page.Gone}
	o := &q.ns.srv.opts
	bytes := 0
	for _, item := range slices.Backward(page.Items) {
		m := item.Value
		if slices.ContainsFunc(m.except, func(r string) bool { return slices.Contains(rooms, r) }) {
			continue
		}
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
		q.mu.Unlock()
		q.arm()
	})
}

func (q *sequence) arm() { q.ns.srv.wheel.arm(&q.timer, q.ns.srv.wheel.now()+q.every) }

// countHistory sums up what is kept.
func (s *Server) countHistory(p *stats.Pod) {
	s.nsMu.RLock()
	var seqs []*sequence
	for _, n := range s.namespaces {
		if n.seq != nil {
			seqs = append(seqs, n.seq)
		}
	}
	s.nsMu.RUnlock()
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
