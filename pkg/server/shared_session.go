package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// saving is what a connection saves of its session for other pods. It is saved
// from the start, not at the end, so that a pod that dies leaves the sessions of
// its clients behind. Conn.mu guards it.
type saving struct {
	owner string // "" before the first time
	data  map[string]json.RawMessage
	at    time.Duration // of the latest save
	taken bool          // by another connection
}

// saves reports whether other pods may give back the session of c.
func (c *Conn) saves() bool {
	return c.resume != nil && c.resume.pid != "" && c.ns.seq.shared != nil
}

// saveFirst saves the session of a connection that has been accepted.
func (c *Conn) saveFirst() {
	if !c.saves() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resume.saving.owner = newID() + newID()[:cluster.SessionOwnerBytes-20]
	c.saveLocked(true, c.ns.seq.recovery.lease(), c.roomNames())
}

// save saves the session anew when it has changed.
func (c *Conn) save() {
	if c.state.Load() != connOpen || !c.saves() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saveLocked(false, c.ns.seq.recovery.lease(), c.roomNames())
}

// saveData saves what Set has kept. It is marshalled here, where the caller may
// still be trusted not to change it.
func (c *Conn) saveData(key string, value any) {
	if !c.saves() {
		return
	}
	raw, err := marshal(value)
	if err != nil {
		c.ns.srv.log.Warn("a connection's value can't be kept for recovery", "namespace", c.ns.name, "key", key, "error", err)
		return
	}
	c.mu.Lock()
	if c.resume.saving.data == nil {
		c.resume.saving.data = make(map[string]json.RawMessage, 1)
	}
	c.resume.saving.data[key] = raw
	c.mu.Unlock()
	c.save()
}

// saveLast leaves s of an ended connection, nothing when it has no pid.
func (c *Conn) saveLast(s *savedSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := c.ns.seq.recovery.keep
	if s.pid == "" {
		keep = 0
	}
	c.saveLocked(false, keep, s.rooms)
}

// saveLocked saves what there is. The caller holds c.mu.
func (c *Conn) saveLocked(first bool, keep time.Duration, rooms []string) {
	v, q := &c.resume.saving, c.ns.seq
	if v.owner == "" || v.taken {
		return
	}
	v.at = q.ns.srv.wheel.now()
	data, values := json.RawMessage("{}"), []byte("{}")
	if raw, has := v.data[dataKey]; has {
		data = raw
	}
	if len(v.data) > 0 {
		rest := maps.Clone(v.data)
		delete(rest, dataKey)
		values, _ = marshal(rest) // of what has been marshalled before
	}
	q.shared.journal.SaveSession(&cluster.Session{
		SID: c.id, PID: c.resume.pid, Rooms: append([]string{c.id}, rooms...), Data: data, Values: values,
		Namespace: c.ns.name, Owner: v.owner, Begin: q.shared.format(c.resume.begin), Holder: holderOf(c.identity).text(),
	}, first, keep, c.sessionTaken)
}

// takenSession names the connection that a session was taken from.
type takenSession struct {
	Namespace string `json:"nsp"`
	SID       string `json:"sid"`
	Owner     string `json:"owner"`
}

// sharesSessions reports whether other pods may give back sessions of this one.
func (s *Server) sharesSessions() bool {
	_, journal := s.opts.Backplane.(cluster.Journal)
	return journal && s.opts.Recovery > 0
}

// takenElsewhere ends the connection that had a session until now, if it is here.
// Without it two would go on with one session until the older one saves it again,
// which it does at most every keep/2. The owner keeps one that has come back
// meanwhile apart.
func (s *Server) takenElsewhere(was takenSession) {
	n := s.lookup(was.Namespace)
	if n == nil || was.Owner == "" {
		return
	}
	c := n.Conn(was.SID)
	if c == nil || !c.saves() {
		return
	}
	c.mu.Lock()
	same := c.resume.saving.owner == was.Owner
	c.mu.Unlock()
	if same {
		c.sessionTaken()
	}
}

// sessionTaken ends a connection whose session goes on elsewhere: its client has
// gone, which this pod has not noticed.
func (c *Conn) sessionTaken() {
	if !c.ns.srv.hold() {
		return
	}
	defer c.ns.srv.group.Done()
	c.mu.Lock()
	c.resume.saving.taken = true
	c.mu.Unlock()
	c.link.abort(reasonTransportClose)
}

// lease is how long the session of a connection is saved that may save it again:
// when its pod dies, the client has at least keep.
func (x *sessions) lease() time.Duration { return 2 * x.keep }

// saveAll saves sessions again before they run out.
func (s *shared) saveAll() {
	n := s.q.ns
	if s.q.recovery == nil {
		return
	}
	n.mu.RLock()
	conns := slices.Collect(maps.Values(n.conns))
	n.mu.RUnlock()
	soon := n.srv.wheel.now() - s.q.recovery.keep/2
	for _, c := range conns {
		if c.state.Load() != connOpen || !c.saves() {
			continue
		}
		c.mu.Lock()
		if c.resume.saving.at <= soon {
			c.saveLocked(false, s.q.recovery.lease(), c.roomNames())
		}
		c.mu.Unlock()
	}
}

// claimWait bounds how long a client that comes back waits for its session.
const claimWait = 2 * time.Second

// claim is sequence.claim where pods share their sessions.
func (s *shared) claim(c *Conn, want comeback) {
	q := s.q
	ctx, cancel := context.WithTimeout(c.link.context(), claimWait)
	defer cancel()
	var saved *savedSession
	if isID(want.PID) {
		q.reach(ctx, want.Offset)
		holder := holderOf(c.identity).text()
		session, err := s.journal.TakeSession(ctx, want.PID, func(x *cluster.Session) bool {
			return (x.Namespace == "" || x.Namespace == q.ns.name) && (x.Holder == "" || x.Holder == holder)
		})
		switch {
		case err == nil:
			saved = s.restored(session)
			if session.Owner != "" {
				q.ns.srv.tellPods(controlTaken, takenSession{q.ns.name, session.SID, session.Owner})
			}
		case !errors.Is(err, cluster.ErrNoSession):
			q.ns.srv.log.Warn("a session can't be fetched: the client gets a new one", "namespace", q.ns.name, "error", err)
		}
	}
	if saved != nil {
		// Its connection may be here still, when nobody has noticed its end.
		if old := q.ns.Conn(saved.sid); old != nil {
			old.link.abort(reasonTransportClose)
			old.end(reasonTransportClose)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.goOn(c, saved, want.Offset)
	if c.resume.recovered {
		c.resume.saving.data = saved.raw
	}
}

// restored is a session as saved, nil when it can't be used.
func (s *shared) restored(x *cluster.Session) *savedSession {
	if !isID(x.SID) || !isID(x.PID) || len(x.Rooms) > s.q.ns.srv.opts.MaxRooms+1 {
		return nil
	}
	saved := &savedSession{sid: x.SID, pid: x.PID}
	for _, r := range x.Rooms {
		if r != x.SID {
			saved.rooms = append(saved.rooms, r)
		}
	}
	if len(x.Values) > 0 && json.Unmarshal(x.Values, &saved.raw) != nil {
		return nil
	}
	if saved.raw == nil {
		saved.raw = make(map[string]json.RawMessage, 1)
	}
	if len(x.Data) > 0 && string(x.Data) != "{}" {
		saved.raw[dataKey] = x.Data
	}
	saved.data = make(map[string]any, len(saved.raw))
	for k, raw := range saved.raw {
		if k == dataKey {
			saved.data[k] = raw
			continue
		}
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return nil
		}
		saved.data[k] = v
	}
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	if begin, reason := s.parse(x.Begin); reason == "" {
		saved.begin = begin
	}
	return saved
}

// isID reports whether a text looks like an id of this gateway or of Socket.IO.
func isID(s string) bool {
	return len(s) == 20 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
	})
}

// text names the holder without saying who it is; "" is nobody.
func (h holder) text() string {
	if h == (holder{}) {
		return ""
	}
	sum := sha256.Sum256([]byte(h.issuer + "\x00" + h.subject + "\x00" + h.token))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}
