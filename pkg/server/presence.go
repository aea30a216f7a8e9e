package server

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// PresenceRule makes the members of rooms known to each other. They get the event
// "presence" when somebody joins or leaves, and may ask with "presence.list" who
// is there. A room whose OverflowRule may leave messages out has no presence: a
// client that misses one would have wrong ideas for ever.
type PresenceRule struct {
	Rooms string // a pattern as of HistoryOptions
}

// ParsePresence reads a rule: a pattern such as lobby:* or /chat#room:*.
func ParsePresence(s string) (PresenceRule, error) {
	r := PresenceRule{Rooms: s}
	return r, r.validate()
}

func (r PresenceRule) validate() error {
	_, err := parseRoomPattern(r.Rooms)
	return err
}

// DefaultPresenceMax is that of Options.PresenceMax.
const DefaultPresenceMax = 1000

// Bounds of what a room's presence repeats to everybody.
const (
	maxPresenceRoom = 512 // bytes of a name; rooms with longer ones have no presence
	maxPresenceUser = 256 // bytes of a subject; of longer ones that much is shown
)

// presence is what a namespace knows of who is in its rooms on this pod.
type presence struct {
	ns       *Namespace
	patterns []roomPattern
	max      int

	mu    sync.Mutex // a leaf
	rooms map[string]*roster
}

// roster is who is in one room. presence.mu guards it, except for turn.
type roster struct {
	room    string
	members map[*Conn]present
	off     bool // the room is too large: changes are not told
	pending []change

	// turn is held while changes are told, so that everybody gets them in the
	// order in which they happened, and a list in its place between them.
	turn sync.Mutex
}

// present is a member as the others see it.
type present struct {
	id, user string
	since    int64 // Unix time in milliseconds
}

// Actions of the event "presence".
const (
	presenceJoin  = "join"
	presenceLeave = "leave"
	presenceOff   = "off" // the room has become too large to tell of each change
	presenceOn    = "on"  // and is small enough again: ask who is there
)

// change is one to be told.
type change struct {
	action string
	who    present // of join and leave
	conn   string  // id of the connection that left
	count  int     // members after it
}

// newPresence returns nil when no rule is for the namespace.
func (s *Server) newPresence(n *Namespace) *presence {
	var patterns []roomPattern
	for _, r := range s.opts.Presence {
		if p, err := parseRoomPattern(r.Rooms); err == nil && p.in(n.name) {
			patterns = append(patterns, p)
		}
	}
	if patterns == nil {
		return nil
	}
	return &presence{ns: n, patterns: patterns, max: s.opts.PresenceMax, rooms: make(map[string]*roster)}
}

// has reports whether a room has presence.
func (p *presence) has(room string) bool {
	return len(room) <= maxPresenceRoom && p.ns.overflowOfRoom(room) == nil &&
		slices.ContainsFunc(p.patterns, func(rp roomPattern) bool { return rp.matches(room) })
}

// presentAs is how the others see c: never by its id, which is a room of its own
// that others must not be able to name.
func presentAs(c *Conn) present {
	who := present{id: strings.Clone(c.id[:min(publicIDChars, len(c.id))]), since: time.Now().UnixMilli()}
	if id := c.Identity(); id != nil && id.Subject != "" {
		who.user = strings.ToValidUTF8(clip(id.Subject, maxPresenceUser), "")
	} else {
		who.user = "anon-" + who.id
	}
	return who
}

// publicIDChars is how much of a connection's id others see: 48 of its bits,
// enough to tell members apart and too little to name the connection.
const publicIDChars = 8

// joined notes that c has become a member. The caller holds c.mu, so that the
// changes of one connection are noted in order, and calls tell later without it.
func (p *presence) joined(c *Conn, room string) {
	if p == nil || !p.has(room) {
		return
	}
	who := presentAs(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.rooms[room]
	if r == nil {
		r = &roster{room: room, members: make(map[*Conn]present)}
		p.rooms[room] = r
	}
	r.members[c] = who
	n := len(r.members)
	switch {
	case r.off:
	case n > p.max:
		r.off = true
		r.pending = append(r.pending, change{action: presenceOff, count: n})
	default:
		r.pending = append(r.pending, change{action: presenceJoin, who: who, count: n})
	}
}

// left notes that c is no member any more; as joined.
func (p *presence) left(c *Conn, room string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.rooms[room]
	if r == nil {
		return
	}
	who, was := r.members[c]
	if !was {
		return
	}
	delete(r.members, c)
	n := len(r.members)
	switch {
	case !r.off:
		r.pending = append(r.pending, change{action: presenceLeave, who: who, conn: c.id, count: n})
	case n <= p.max/2: // not at once, or a room at its limit would flap
		r.off = false
		r.pending = append(r.pending, change{action: presenceOn, count: n})
	}
}

// roster returns that of a room, nil when nobody is in it.
func (p *presence) roster(room string) *roster {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rooms[room]
}

// take returns the changes that are to be told now. The caller holds r.turn.
func (p *presence) take(r *roster) []change {
	p.mu.Lock()
	defer p.mu.Unlock()
	changes := r.pending
	r.pending = nil
	return changes
}

// forget drops the roster of an empty room of which all has been told. Before, a
// client that joins anew must find it, to wait for its turn. The caller holds
// r.turn.
func (p *presence) forget(r *roster) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(r.members) == 0 && len(r.pending) == 0 && p.rooms[r.room] == r {
		delete(p.rooms, r.room)
	}
}

// snapshot is who is in a room: those that are there for the longest first, when
// there are no more than the limit, and any of them otherwise.
func (p *presence) snapshot(r *roster) (members []present, count int, off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count, off = len(r.members), r.off
	members = make([]present, 0, min(count, p.max))
	for _, who := range r.members {
		if len(members) == p.max {
			break
		}
		members = append(members, who)
	}
	slices.SortFunc(members, func(a, b present) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.id, b.id))
	})
	return members, count, off
}
