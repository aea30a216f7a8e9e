package server

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// savedSession is what is kept of a connection that was cut off (Socket.IO,
// connection state recovery).
type savedSession struct {
	sid, pid string
	rooms    []string
	data     map[string]any
	raw      map[string]json.RawMessage // data as other pods have saved it
	begin    place                      // at which the session began
	holder   holder
	until    time.Duration
}

// holder is whom a session belongs to: only the same token gets it back.
type holder struct{ issuer, subject, token string }

func holderOf(id *auth.Identity) holder {
	if id == nil {
		return holder{}
	}
	return holder{id.Issuer, id.Subject, id.TokenID}
}

// sessions are the sessions of a namespace whose clients are away. The mu of the
// sequence guards them.
type sessions struct {
	keep  time.Duration
	start time.Time
	saved map[string]*savedSession // by pid
	order []*savedSession          // by until; those that were claimed are still in it
}

func newSessions(keep time.Duration) *sessions {
	return &sessions{keep: keep, start: time.Now(), saved: make(map[string]*savedSession)}
}

func (x *sessions) now() time.Duration { return time.Since(x.start) }

// save keeps a session; the oldest gives way when there are too many.
func (x *sessions) save(log history.Log[*message], s *savedSession) {
	x.expire(log)
	s.until = x.now() + x.keep
	x.saved[s.pid] = s
	x.order = append(x.order, s)
	for len(x.order) > recoverySessions {
		x.dropOldest(log)
	}
}

func (x *sessions) expire(log history.Log[*message]) {
	for len(x.order) > 0 && x.order[0].until <= x.now() {
		x.dropOldest(log)
	}
}

func (x *sessions) dropOldest(log history.Log[*message]) {
	s := x.order[0]
	x.order[0] = nil
	x.order = x.order[1:]
	if x.saved[s.pid] == s {
		delete(x.saved, s.pid)
		log.Forget(s.sid)
	}
}

// take returns the session with the pid if it is h's, and forgets it: a session
// is given back once.
func (x *sessions) take(log history.Log[*message], pid string, h holder) *savedSession {
	x.expire(log)
	s := x.saved[pid]
	if s == nil || s.holder != h {
		return nil
	}
	delete(x.saved, pid)
	return s
}

// comeback is the part of a CONNECT payload that asks for a session.
type comeback struct {
	PID    string `json:"pid"`
	Offset string `json:"offset"`
}

// claim prepares c to go on with the session that it asks for or, when there is
// none for it, to begin one. Where pods share their sessions it waits for the
// answer of Redis.
func (q *sequence) claim(c *Conn, want comeback) {
	c.resume = &resumption{pid: newID()}
	if want.PID == "" {
		return
	}
	if q.shared != nil {
		q.shared.claim(c, want)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.goOn(c, q.recovery.take(q.log, want.PID, holderOf(c.identity)), want.Offset)
}

// goOn prepares c to go on with s, which may be nil. The caller holds mu.
func (q *sequence) goOn(c *Conn, s *savedSession, offset string) {
	if s == nil {
		q.ns.srv.count.recoveryRefused.Add(1)
		return
	}
	s.rooms = c.allowedRooms(s.rooms)
	from, ok := q.seenBy(s, offset)
	if !ok || !q.complete(c.link.codec, s, from) {
		q.ns.srv.count.recoveryRefused.Add(1)
		q.log.Forget(s.sid)
		return
	}
	c.id = s.sid
	c.data = maps.Clone(s.data)
	c.resume = &resumption{pid: s.pid, begin: s.begin, from: from, recovered: true, rooms: s.rooms}
}

// seenBy is how far the client of a session is. A client that was sent nothing
// has no offset, or still that of a session before.
func (q *sequence) seenBy(s *savedSession, offset string) (from place, ok bool) {
	if offset == "" {
		return s.begin, true
	}
	from, reason := q.parse(offset)
	switch {
	case reason == gapEpoch:
		return s.begin, true
	case reason != "":
		return from, false
	case from.Before(s.begin.Offset):
		return s.begin, true
	case from.Offset == s.begin.Offset:
		from.early = max(from.early, s.begin.early)
	}
	return from, true
}

// complete reports whether all that a session missed is there.
func (q *sequence) complete(c codec, s *savedSession, from place) bool {
	p := q.since(c, sessionRooms(s.sid, s.rooms), from)
	return len(p.gone) == 0 && !p.cut
}

// sessionRooms are the rooms whose messages a session gets.
func sessionRooms(sid string, rooms []string) []string {
	return append([]string{sid, everyone}, rooms...)
}

// settleSession turns a session that can't be given back whole any more into a
// new one. The caller holds q.mu.
func (r *resumption) settleSession(q *sequence, c *Conn) {
	if !r.recovered {
		r.begin = q.at()
		return
	}
	s := &savedSession{sid: c.id, rooms: r.rooms}
	if q.complete(c.link.codec, s, r.from) {
		return
	}
	q.ns.srv.count.recoveryRefused.Add(1)
	*r = resumption{pid: newID(), begin: q.at()}
	c.id = newID()
}

// collectSession puts what was missed before CONNECT, where the client expects
// it. The caller holds q.mu.
func (r *resumption) collectSession(q *sequence, c *Conn) {
	if r.recovered {
		q.ns.srv.count.recovered.Add(1)
		for _, m := range q.since(c.link.codec, sessionRooms(c.id, r.rooms), r.from).messages {
			r.before = append(r.before, m.frame(c.link.codec))
		}
	}
	r.rooms, r.at = nil, q.here()
}

// recoverableReason reports whether a connection that ended for this reason may
// come back: it was cut off, and nobody wanted it to end.
func recoverableReason(reason string) bool {
	switch reason {
	case reasonTransportClose, reasonTransportError, reasonPingTimeout, reasonShutdown, reasonSlow:
		return true
	}
	return false
}

// session is what is to be kept of a connection that has ended for reason and
// is still in its rooms, nil where sessions are not given back.
func (c *Conn) session(reason string) *savedSession {
	r := c.resume
	if r == nil || r.pid == "" {
		return nil
	}
	s := &savedSession{sid: c.id, begin: r.begin, holder: holderOf(c.identity)}
	if !recoverableReason(reason) {
		return s
	}
	s.pid, s.rooms = r.pid, c.Rooms()
	c.mu.Lock()
	s.data = c.data
	c.mu.Unlock()
	return s
}

// leaveSession keeps s, or what is kept for it no longer when it has no pid. The
// connection must have left its place, which the next one takes.
func (c *Conn) leaveSession(s *savedSession) {
	if s == nil {
		return
	}
	q := c.ns.seq
	if q.shared != nil {
		c.saveLast(s)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.pid == "" {
		q.log.Forget(s.sid)
		return
	}
	q.recovery.save(q.log, s)
}

// recovers reports whether clients of the namespace may come back to their
// session.
func (n *Namespace) recovers() bool { return n.seq != nil && n.seq.recovery != nil }

// Recovered reports whether the connection goes on with the session of an
// earlier one: it has its id, its rooms and its data again, and gets what it
// missed. OnConnect runs all the same.
func (c *Conn) Recovered() bool { return c.resume != nil && c.resume.recovered }

// connectPayload is the payload of CONNECT.
func (c *Conn) connectPayload() []byte {
	b := append(make([]byte, 0, 64), `{"sid":"`...)
	b = append(b, c.id...)
	if r := c.resume; r != nil && r.pid != "" {
		b = append(b, `","pid":"`...)
		b = append(b, r.pid...)
	}
	return append(b, `"}`...)
}

// askedSession reads pid and offset of a CONNECT payload. What is malformed asks
// for nothing.
func askedSession(payload []byte) (want comeback) {
	if len(payload) == 0 {
		return comeback{}
	}
	if json.Unmarshal(payload, &want) != nil || len(want.PID) > 64 {
		return comeback{}
	}
	return want
}

// withoutSession is a CONNECT payload without the secret of the session.
func withoutSession(payload []byte) []byte {
	if _, has := rawjson.Member(payload, "pid"); !has {
		return payload
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return nil
	}
	delete(members, "pid")
	delete(members, "offset")
	b, _ := json.Marshal(members)
	return b
}

// appendOffset is an event's array with its offset as one more argument.
func appendOffset(dst, array []byte, cursor string) []byte {
	dst = append(dst, array[:len(array)-1]...)
	dst = append(dst, `,"`...)
	dst = append(dst, cursor...)
	return append(dst, `"]`...)
}
