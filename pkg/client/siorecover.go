package client

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// appendResume appends the CONNECT payload that asks for a session: pid and
// offset before the application's own fields, as socket.io-client puts them.
func appendResume(dst []byte, r *rt.Resume, auth []byte) []byte {
	quote := func(s string) {
		b, _ := json.Marshal(s) // a string always marshals
		dst = append(dst, b...)
	}
	dst = append(dst, `{"pid":`...)
	quote(r.PID)
	if r.Offset != "" {
		dst = append(dst, `,"offset":`...)
		quote(r.Offset)
	}
	if own := objectBody(auth); len(own) > 0 {
		dst = append(append(dst, ','), own...)
	}
	return append(dst, '}')
}

// objectBody returns what stands between the braces of a JSON object.
func objectBody(b []byte) []byte {
	b = trimJSON(b)
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return nil
	}
	return trimJSON(b[1 : len(b)-1])
}

func trimJSON(b []byte) []byte {
	space := func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
	for len(b) > 0 && space(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && space(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// session is what connection state recovery needs of a connection.
type session struct {
	asked rt.Resume // what this connection asked for

	mu     sync.Mutex
	pid    string // "" when the server keeps no sessions
	offset []byte // of the last event
}

// connected takes the payload of the namespace's CONNECT. A pid in it says that
// the server keeps the session; the one that was asked for, that it was
// recovered.
func (c *sioConn) connected(payload []byte) {
	var v struct {
		SID string `json:"sid"`
		PID string `json:"pid"`
	}
	_ = json.Unmarshal(payload, &v) // a missing sid harms nobody here
	recovered := false
	s := c.session.Load()
	if v.PID != "" && s == nil {
		s = &session{}
		c.session.Store(s)
	}
	if s != nil {
		recovered = v.PID != "" && v.PID == s.asked.PID
		s.mu.Lock()
		s.pid = v.PID
		if len(s.offset) == 0 {
			// As in socket.io-client, which goes on with what it had.
			s.offset = append(s.offset, s.asked.Offset...)
		}
		s.mu.Unlock()
	}
	c.setInfo(func(i *rt.ConnInfo) {
		i.SID, i.Recovered = v.SID, recovered
		c.phases(&i.Phases)
	})
}

// Info describes the connection as it is now.
func (c *sioConn) Info() rt.ConnInfo {
	i := c.conn.Info()
	if s := c.session.Load(); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pid != "" {
			i.Resume = &rt.Resume{PID: s.pid, Offset: string(s.offset)}
		}
	}
	return i
}

// seen keeps the offset of an event, which is its last argument if that is a
// text. Like socket.io-client it leaves the argument where it is and does not
// ask whether the server meant it as an offset.
func (s *session) seen(args []byte) {
	last := lastArg(args)
	if last == nil {
		return
	}
	text := last[1 : len(last)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		var plain string
		if json.Unmarshal(last, &plain) != nil {
			return
		}
		text = []byte(plain)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// What a recovered session missed may come before its CONNECT.
	if s.pid != "" || s.asked.PID != "" {
		s.offset = append(s.offset[:0], text...)
	}
}

// lastArg returns the last of a list of JSON values if it is a text, else nil.
// Read from the end, a text begins at the first quote that is not escaped.
func lastArg(args []byte) []byte {
	args = trimJSON(args)
	if len(args) == 0 || args[len(args)-1] != '"' {
		return nil // no text, so no offset
	}
	for i := len(args) - 2; i >= 0; i-- {
		if args[i] == '"' && !escaped(args, i) {
			return args[i:]
		}
	}
	return nil
}

// escaped tells whether the byte at i is escaped by an odd number of
// backslashes.
func escaped(b []byte, i int) bool {
	n := 0
	for i--; i >= 0 && b[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}
