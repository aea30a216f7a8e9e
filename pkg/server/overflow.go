package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// Overflow is what happens to the messages of a room when a client does not
// keep up.
type Overflow uint8

// The policies. All but the first are for state of which a client needs the
// latest only.
const (
	// OverflowDisconnect ends the connection (reason "slow consumer"): a client
	// misses nothing without knowing it.
	OverflowDisconnect Overflow = iota
	// OverflowDropOldest drops the oldest messages that may be dropped.
	OverflowDropOldest
	// OverflowLatest is OverflowDropOldest, and a message that still waits gives
	// way to the next one of its key.
	OverflowLatest
	// OverflowCoalesce sends one message of a key in a window, to all clients:
	// the first at once, then the latest at the end of each window.
	OverflowCoalesce
)

// OverflowRule gives rooms a policy. The first rule that fits a room holds; a
// broadcast to several rooms has the policy that they share, or none.
type OverflowRule struct {
	Rooms  string // a pattern as of HistoryOptions
	Policy Overflow
	// Key is the member of the event's argument whose value, with room and event
	// name, is the key of OverflowLatest and OverflowCoalesce; "" takes these
	// alone.
	Key    string
	Window time.Duration // of OverflowCoalesce
}

// Windows of OverflowCoalesce.
const (
	minWindow = 10 * time.Millisecond
	maxWindow = time.Minute
)

// ParseOverflow reads a rule: PATTERN=disconnect, PATTERN=drop-oldest,
// PATTERN=latest, PATTERN=latest:KEY, PATTERN=coalesce:WINDOW or
// PATTERN=coalesce:WINDOW:KEY.
func ParseOverflow(s string) (OverflowRule, error) {
	i := strings.LastIndexByte(s, '=')
	if i < 0 {
		return OverflowRule{}, fmt.Errorf("%q: want PATTERN=POLICY, such as ticker:*=latest", s)
	}
	r := OverflowRule{Rooms: s[:i]}
	name, rest, more := strings.Cut(s[i+1:], ":")
	switch name {
	case "disconnect", "drop-oldest":
		if more {
			return r, fmt.Errorf("%q: %s takes no argument", s, name)
		}
		if name == "drop-oldest" {
			r.Policy = OverflowDropOldest
		}
	case "latest":
		if more && rest == "" {
			return r, fmt.Errorf("%q: the key is empty", s)
		}
		r.Policy, r.Key = OverflowLatest, rest
	case "coalesce":
		window, key, _ := strings.Cut(rest, ":")
		d, err := time.ParseDuration(window)
		if err != nil {
			return r, fmt.Errorf("%q: want a window, such as coalesce:100ms", s)
		}
		r.Policy, r.Key, r.Window = OverflowCoalesce, key, d
	default:
		return r, fmt.Errorf("%q: unknown policy %q; policies are disconnect, drop-oldest, latest and coalesce", s, name)
	}
	return r, r.validate()
}

func (r OverflowRule) validate() error {
	if _, err := parseRoomPattern(r.Rooms); err != nil {
		return err
	}
	if r.Policy == OverflowCoalesce && (r.Window < minWindow || r.Window > maxWindow) {
		return fmt.Errorf("%q: window %v: want %v to %v", r.Rooms, r.Window, minWindow, maxWindow)
	}
	return nil
}

// overflowRule is a rule of one namespace.
type overflowRule struct {
	OverflowRule
	pattern roomPattern
}

func (s *Server) overflowRules(namespace string) (rules []overflowRule) {
	for _, r := range s.opts.Overflow {
		if p, err := parseRoomPattern(r.Rooms); err == nil && p.in(namespace) {
			rules = append(rules, overflowRule{r, p})
		}
	}
	return rules
}

// overflowOf is the rule of a broadcast, nil for the default.
func (n *Namespace) overflowOf(rooms []string) *overflowRule {
	if len(rooms) == 0 {
		return n.overflowOfRoom("")
	}
	rule := n.overflowOfRoom(rooms[0])
	for _, r := range rooms[1:] {
		if n.overflowOfRoom(r) != rule {
			return nil
		}
	}
	return rule
}

func (n *Namespace) overflowOfRoom(room string) *overflowRule {
	i := slices.IndexFunc(n.overflow, func(r overflowRule) bool { return r.pattern.matches(room) })
	if i < 0 || n.overflow[i].Policy == OverflowDisconnect {
		return nil
	}
	return &n.overflow[i]
}

// key is what messages that replace each other have in common.
func (r *overflowRule) key(rooms []string, array []byte) string {
	name, args, _ := socketio.SplitEventBytes(array)
	var b strings.Builder
	for _, room := range rooms {
		b.WriteString(room)
		b.WriteByte(0)
	}
	b.WriteByte(0)
	b.Write(name)
	if r.Key == "" {
		return b.String()
	}
	first, _, _ := rawjson.Next(args)
	if v, ok := rawjson.Member(first, r.Key); ok {
		b.WriteByte(0)
		b.Write(v)
	}
	return b.String()
}

// droppable marks frames that may be dropped for a client that does not keep up.
type droppable struct {
	key string // not "": the next frame of this key takes its place
}

// mark makes the frames of m droppable if its rooms' policy is so.
func (n *Namespace) mark(m *message, rooms []string) {
	switch r := n.overflowOf(rooms); {
	case r == nil, r.Policy == OverflowCoalesce:
	case r.Policy == OverflowLatest:
		m.drop = &droppable{r.key(rooms, m.array)}
	default:
		m.drop = &droppable{}
	}
}

// supersede takes a waiting frame of f's key out of the queue. The caller holds
// mu.
func (l *link) supersede(f *frame) {
	g := l.queue.cut(f, func(g, f *frame) bool { return g.drop != nil && g.drop.key == f.drop.key })
	if g == nil {
		return
	}
	l.messages--
	l.bytes -= len(g.wire)
	l.srv.count.superseded.Add(1)
}

// makeRoom drops the oldest droppable frames until f fits, and reports whether it
// does. What is in the hands of a write can't be dropped any more. The caller
// holds mu.
func (l *link) makeRoom(f *frame) bool {
	for l.full(f) {
		g := l.queue.cut(f, func(g, _ *frame) bool { return g.drop != nil })
		if g == nil {
			return false
		}
		l.messages--
		l.bytes -= len(g.wire)
		l.srv.count.overflowDropped.Add(1)
	}
	return true
}

func (l *link) full(f *frame) bool {
	return l.bytes+len(f.wire) > l.srv.opts.QueueBytes || l.messages >= l.srv.opts.QueueMessages
}

// cut takes the first frame out that match accepts, nil for none.
func (q *queue) cut(f *frame, match func(g, f *frame) bool) *frame {
	found := false
search:
	for c := q.head; c != nil; c = c.next {
		for i := c.at; i < c.n; i++ {
			if found = match(c.frames[i], f); found {
				break search
			}
		}
	}
	if !found {
		return nil
	}
	// Those before it move up by one place, as a rule none.
	var before *frame
	for c := q.head; ; c = c.next {
		for i := c.at; i < c.n; i++ {
			g := c.frames[i]
			c.frames[i] = before
			if match(g, f) {
				q.pop()
				return g
			}
			before = g
		}
	}
}
