package server

import (
	"slices"
	"sort"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

var _ cluster.Follower = (*shared)(nil)

// Begin implements cluster.Follower.
func (s *shared) Begin(at cluster.Offset, missed bool) {
	q := s.q
	q.mu.Lock()
	q.log.Begin(history.Offset(at))
	s.text = ""
	q.mu.Unlock()
	if missed {
		q.ns.tellMissed()
	}
}

// Recorded implements cluster.Follower.
func (s *shared) Recorded(e *cluster.Entry) {
	q := s.q
	srv := q.ns.srv
	t, own := e.Mark.(*turn)
	b := e.Broadcast
	size := messageBytes(b.Args, b.Attachments)
	if !srv.hold() {
		return
	}
	defer srv.group.Done()
	if !own {
		if srv.crossPodOff() {
			return
		}
		if size > srv.opts.QueueBytes {
			srv.log.Error("dropped a broadcast of another pod: it is larger than the outbound queue",
				"namespace", q.ns.name, "bytes", size, "limit", srv.opts.QueueBytes)
			return
		}
		if !e.Past {
			srv.count.broadcastsRemote.Add(1)
			srv.pace(size)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.log.Last().Before(history.Offset(e.At)) {
		return // told before
	}
	if own {
		s.comeBack(t, history.Offset(e.At))
	} else {
		t = &turn{m: newMessage(b), b: b, ready: true, placed: true}
		t.m.rooms, t.m.except = b.Rooms, b.Except
		if !b.Volatile {
			t.kept = q.kept(b.Rooms)
		}
	}
	s.keep(t, history.Offset(e.At), e.Age)
	switch {
	case e.Past || t.given:
	case own:
		t.ready = true
		s.drain()
	default:
		// Before what has no offset yet, behind what has a smaller one and waits
		// for a step.
		i := slices.IndexFunc(s.line, func(t *turn) bool { return t.recorded && !t.placed })
		if i < 0 {
			i = len(s.line)
		}
		s.line = slices.Insert(s.line, i, t)
		s.drain()
	}
}

// comeBack settles the account of a message of this pod.
func (s *shared) comeBack(t *turn, at history.Offset) {
	t.placed = true
	if s.q.ns.srv.wheel.now()-t.since < sharedPatience {
		s.late = false
	}
	if t.number == 0 {
		return
	}
	s.forgetEarly(t)
	if len(s.back) == earlierKept {
		s.back = slices.Delete(s.back, 0, earlierKept/2)
	}
	s.back = append(s.back, earlier{at, t.number})
}

// forgetEarly takes t out of what has no offset: as a rule it is the first.
func (s *shared) forgetEarly(t *turn) {
	s.text = ""
	switch i := slices.Index(s.early, t); {
	case i == 0:
		s.early[0] = nil
		s.early = s.early[1:]
	case i > 0:
		s.early = slices.Delete(s.early, i, i+1)
	}
}

// keep puts a message in the log under its own offset.
func (s *shared) keep(t *turn, at history.Offset, age time.Duration) {
	log := s.q.log
	s.text = ""
	if len(t.kept) == 0 {
		log.Advance(at)
		return
	}
	m := t.m
	if t.given {
		m = newMessage(t.b)
		m.rooms, m.except = t.b.Rooms, t.b.Except
	}
	m.cursor = at.String()
	m.offset = s.q.recovery != nil
	log.Append(at, age, t.kept, m, keptBytes(m))
}

// Level implements cluster.Follower.
func (s *shared) Level(at cluster.Offset) {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.q.log.Advance(history.Offset(at))
	s.text = ""
	s.begun = true
}

// Lost implements cluster.Follower.
func (s *shared) Lost(mark any) {
	t, ok := mark.(*turn)
	if !ok {
		return
	}
	if !s.q.ns.srv.hold() {
		return
	}
	defer s.q.ns.srv.group.Done()
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	t.lost = true
	s.forgetEarly(t)
	if !t.given {
		t.ready = true
		s.drain()
	}
}

// seen reports whether a client at a place has had the message with an offset
// when that had none yet.
func (s *shared) seen(at history.Offset, from place) bool {
	if s == nil || from.early == 0 {
		return false
	}
	i := sort.Search(len(s.back), func(i int) bool { return !s.back[i].at.Before(at) })
	return i < len(s.back) && s.back[i].at == at && s.back[i].number <= from.early
}

// replayed is a message of the log for a client at a place: one that has seen
// early messages must go on telling so.
func (s *shared) replayed(item history.Item[*message], from place) *message {
	if from.early == 0 {
		return item.Value
	}
	return s.copied(item.Value, place{item.Offset, from.early})
}

// copied is m with the cursor of another place.
func (s *shared) copied(m *message, at place) *message {
	c := &message{ns: m.ns, array: m.array, attachments: m.attachments, verbatim: m.verbatim, rooms: m.rooms, except: m.except}
	c.cursor, c.offset = s.format(at), m.offset
	return c
}

// appendEarly appends what members of rooms were sent after a place and has no
// offset yet.
func (s *shared) appendEarly(ms []*message, rooms []string, from place) []*message {
	if s == nil {
		return ms
	}
	for _, t := range s.early {
		if t.number > from.early && !excepted(t.b.Except, rooms) &&
			slices.ContainsFunc(t.kept, func(r string) bool { return slices.Contains(rooms, r) }) {
			ms = append(ms, s.copied(t.m, place{s.q.log.Last(), t.number}))
		}
	}
	return ms
}

// tellMissed has the clients learn that they may have missed something: event
// streams get a gap, those that have a session come back and find it gone.
func (n *Namespace) tellMissed() {
	if !n.srv.hold() {
		return
	}
	defer n.srv.group.Done()
	n.mu.RLock()
	conns := make([]*Conn, 0, len(n.conns))
	for _, c := range n.conns {
		conns = append(conns, c)
	}
	n.mu.RUnlock()
	for _, c := range conns {
		switch {
		case c.resume == nil:
		case c.resume.pid != "":
			c.link.abort(reasonTransportError)
		case c.link.codec == codecSSE:
			n.seq.mu.Lock()
			id := n.seq.here()
			n.seq.mu.Unlock()
			c.deliver(controlBody(sse.Append(nil, &sse.Event{ID: id, Type: "gap", Data: appendGap(nil, gap{gapExpired, c.Rooms()})})), nil)
		}
	}
}
