package server

import (
	"context"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

// shared is what a sequence has besides where pods share a journal. The journal
// gives the offsets, so what it keeps is delivered when it comes back from there,
// in the order that all pods see; nothing is waited for longer than
// sharedPatience. What needs no offset goes out at once, unless something is
// before it in the line.
//
// The log follows the journal: a client that comes back is served from memory, on
// whatever pod, also while the journal is away.
type shared struct {
	q       *sequence
	journal cluster.Journal
	tag     string // of this life of the pod, in cursors

	// The mu of the sequence guards what follows.
	begun bool // the journal has been read once up to its end
	line  []*turn
	busy  bool // a step runs, or somebody gives out the line
	// early is what was given out without an offset and is not back yet, in
	// order; number counts all that ever were.
	early  []*turn
	number uint64
	back   []earlier // early ones that have come back, the latest of them
	late   bool      // the journal doesn't keep up: nothing waits for it
	over   bool      // the server is shutting down: nor then
	text   string    // here, "" when it has changed
	timer  wheelEntry
	armed  bool
	behind int // clients that wait for the log to come further
}

// turn is something in the line: a message, or a step that must not come before
// the messages ahead of it.
type turn struct {
	m     *message
	b     *cluster.Broadcast
	conn  *Conn // for this one alone
	step  func()
	kept  []string
	since time.Duration

	recorded bool // the journal has it
	ready    bool // may be given out
	given    bool
	placed   bool // has come back with its offset
	lost     bool // will never come back
	number   uint64
}

// earlier is the offset that an early message got in the end.
type earlier struct {
	at     history.Offset
	number uint64
}

const (
	// sharedPatience is how long a message waits for its offset.
	sharedPatience = 250 * time.Millisecond
	sharedTagBytes = 6
	// earlierKept bounds what is remembered of early messages that are back.
	earlierKept = 1 << 16
)

func newShared(q *sequence, j cluster.Journal) *shared {
	s := &shared{q: q, journal: j, tag: newID()[:sharedTagBytes]}
	s.timer.owner = s
	return s
}

// keeps reports whether a broadcast is to be recorded.
func (s *shared) keeps(b *cluster.Broadcast, local bool) (kept []string) {
	if s == nil || b.Volatile {
		return nil
	}
	if local && (len(b.Rooms) != 1 || s.q.ns.Conn(b.Rooms[0]) == nil) {
		return nil // other pods must not get it; of one connection they have nobody
	}
	return s.q.kept(b.Rooms)
}

// record has the journal keep b. It is given out when it is back.
func (s *shared) record(b *cluster.Broadcast, kept []string) {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.recordLocked(&turn{m: newMessage(b), b: b, kept: kept})
}

func (s *shared) recordLocked(t *turn) {
	t.since = s.q.ns.srv.wheel.now()
	t.recorded = true
	t.m.rooms, t.m.except = t.b.Rooms, t.b.Except
	if s.q.retired { // nobody hears of it here any more
		s.q.ns.srv.opts.Backplane.Publish(t.b)
		t.lost = true
	} else {
		t.lost = !s.journal.Record(t.b, t)
	}
	s.late = s.late || !s.journal.Level(s.q.ns.name)
	t.ready = t.lost || s.late || s.over
	s.queue(t)
	if !t.ready && !s.armed {
		s.armed = true
		s.q.ns.srv.wheel.arm(&s.timer, t.since+sharedPatience)
	}
}

// pass gives out what needs no offset, behind what waits.
func (s *shared) pass(t *turn) {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.passLocked(t)
}

func (s *shared) passLocked(t *turn) {
	t.ready = true
	s.queue(t)
}

func (s *shared) queue(t *turn) {
	if t.ready && t.step == nil && !s.busy && len(s.line) == 0 {
		s.give(t)
		return
	}
	s.line = append(s.line, t)
	s.drain()
}

// pending reports whether something in the sequence waits for its offset.
func (q *sequence) pending() bool {
	if q == nil || q.shared == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shared.busy || len(q.shared.line) > 0
}

// after runs a step behind everything that waits, at once when nothing does. The
// step must not block.
func (q *sequence) after(step func()) {
	if !q.pending() {
		step()
		return
	}
	q.shared.pass(&turn{step: step})
}

// drain gives out the front of the line. The caller holds mu, which is given back
// while a step runs.
func (s *shared) drain() {
	if s.busy {
		return
	}
	s.busy = true
	n := 0
	for ; n < len(s.line) && s.line[n].ready; n++ {
		t := s.line[n]
		s.line[n] = nil
		if t.step == nil {
			s.give(t)
			continue
		}
		s.line = s.line[n+1:]
		n = -1
		s.q.mu.Unlock()
		t.step()
		s.q.mu.Lock()
	}
	s.busy = false
	if s.line = s.line[n:]; len(s.line) == 0 {
		s.line = nil
	}
}

// give puts a message in the outboxes.
func (s *shared) give(t *turn) {
	t.given = true
	if t.recorded && !t.placed && !t.lost {
		s.number++
		t.number = s.number
		s.early = append(s.early, t)
		s.text = ""
	}
	if here := s.here(); t.m.cursor != here {
		if t.m.cursor != "" { // it lies in the log, with its own offset
			t.m = newMessage(t.b)
		}
		t.m.cursor = here
	}
	t.m.offset = s.q.recovery != nil
	if t.conn != nil {
		_ = t.conn.send(t.m.frame(t.conn.link.codec))
		return
	}
	s.q.ns.fanOut(t.m, t.b)
	s.q.wake(t.kept)
}

// unicast sends m to one connection.
func (s *shared) unicast(c *Conn, m *message) error {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	if c.state.Load() == connGone {
		return ErrClosed
	}
	r := c.resume
	if r == nil || r.pid == "" {
		s.passLocked(&turn{m: m, conn: c})
		return nil
	}
	// Recorded as a broadcast to its room, so that any pod can give it to a
	// client that comes back.
	room := []string{c.id}
	b := &cluster.Broadcast{Namespace: m.ns, Rooms: room, Args: m.array, Attachments: m.attachments, NoCompress: m.verbatim}
	s.recordLocked(&turn{m: m, b: b, kept: room})
	return nil
}

// fire gives out what has waited for too long, in a goroutine, because mu may be
// held for long.
func (s *shared) fire() { s.q.ns.srv.group.Go(func() { s.hurry(sharedPatience) }) }

// hurry gives out what has waited for that long.
func (s *shared) hurry(patience time.Duration) {
	q := s.q
	q.mu.Lock()
	defer q.mu.Unlock()
	wheel := q.ns.srv.wheel
	s.armed = false
	oldest := slices.IndexFunc(s.line, func(t *turn) bool { return !t.ready })
	if oldest < 0 {
		return
	}
	if at := s.line[oldest].since + patience; at > wheel.now() {
		s.armed = true
		wheel.arm(&s.timer, at)
		return
	}
	s.late = true
	for _, t := range s.line[oldest:] {
		t.ready = true
	}
	s.drain()
}

// settleLines gives out all that waits for an offset, before the server says
// goodbye to its clients.
func (s *Server) settleLines() {
	for _, q := range s.sequences() {
		if q.shared != nil {
			q.mu.Lock()
			q.shared.over = true
			q.mu.Unlock()
			q.shared.hurry(0)
		}
	}
}

// reach waits until the log is as far as the cursor of a client that was on a
// pod that had read more, for a second at most. The caller does not hold mu.
func (q *sequence) reach(ctx context.Context, text string) {
	s := q.shared
	o, _, _, ok := parseShared(text)
	if s == nil || !ok {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !s.ahead(o) || s.behind >= maxBehind {
		return
	}
	s.behind++
	defer func() { s.behind-- }()
	ctx, cancel := context.WithTimeout(ctx, maxBehindWait)
	defer cancel()
	tick := time.NewTicker(behindTick)
	defer tick.Stop()
	for s.ahead(o) && ctx.Err() == nil {
		q.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		q.mu.Lock()
	}
}

// Bounds of waiting for the log.
const (
	maxBehind     = 10_000
	maxBehindWait = time.Second
	behindTick    = 5 * time.Millisecond
)

// ahead reports whether the log has not come as far as o yet. The journal may
// have, when the latest was nothing for this namespace.
func (s *shared) ahead(o history.Offset) bool {
	if !s.begun {
		return true
	}
	last := s.q.log.Last()
	if last.Before(o) {
		if at := history.Offset(s.journal.Reached(s.q.ns.name)); last.Before(at) {
			s.q.log.Advance(at)
			s.text = ""
		}
	}
	return s.q.log.Last().Before(o)
}
