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

// DefaultPresenceGrace is that of Options.PresenceGrace.
const DefaultPresenceGrace = 5 * time.Second

// presence is what a namespace knows of who is in its rooms, on all pods.
type presence struct {
	ns       *Namespace
	hub      *presenceHub
	patterns []roomPattern
	max      int

	mu    sync.Mutex // a leaf
	rooms map[string]*roster
	away  map[*roster]bool // those with absent members
}

// roster is who is in one room. presence.mu guards it, except for turn.
type roster struct {
	room    string
	members map[memberKey]present
	pods    map[string]int // members of each other pod
	absent  []memberKey    // those that may come back
	off     bool           // the room is too large: changes are not told
	pending []change

	// turn is held while changes are told, so that everybody gets them in the
	// order in which they happened, and a list in its place between them.
	turn sync.Mutex
}

// memberKey names a member: its pod, "" for this one, and its connection.
type memberKey struct{ pod, conn string }

// present is a member as the others see it.
type present struct {
	id, user string
	since    int64     // Unix time in milliseconds
	conn     *Conn     // nil for one of another pod or that is absent
	owner    string    // who is verified to hold it, "" when nobody is
	until    time.Time // of one that is absent: when it has left
}

// Actions of the event "presence".
const (
	presenceJoin  = "join"
	presenceLeave = "leave"
	presenceOff   = "off" // the room has become too large to tell of each change
	presenceOn    = "on"  // and is small enough again: ask who is there
)

// change is one to be told to the members, the other pods, or both.
type change struct {
	action string  // "": nothing that members see
	who    present // of join and leave
	count  int     // members after it

	op   podOp // 0: another pod has told it
	key  memberKey
	from memberKey // whose place it takes
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
	s.presence.named()
	return &presence{ns: n, hub: s.presence, patterns: patterns, max: s.opts.PresenceMax, rooms: make(map[string]*roster), away: make(map[*roster]bool)}
}

// has reports whether a room has presence.
func (p *presence) has(room string) bool {
	return len(room) <= maxPresenceRoom && p.ns.overflowOfRoom(room) == nil &&
		slices.ContainsFunc(p.patterns, func(rp roomPattern) bool { return rp.matches(room) })
}

// presentAs is how the others see c: never by its id, which is a room of its own
// that others must not be able to name.
func presentAs(c *Conn) present {
	who := present{id: strings.Clone(c.id[:min(publicIDChars, len(c.id))]), since: time.Now().UnixMilli(), conn: c}
	if id := c.Identity(); id != nil && id.Subject != "" {
		who.user = strings.ToValidUTF8(clip(id.Subject, maxPresenceUser), "")
		who.owner, _ = id.User()
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
	key := memberKey{"", c.id}
	r := p.rosterFor(room)
	from, found := r.placeFor(key, &who)
	if found {
		was := r.members[from]
		who.id, who.since = was.id, was.since
	}
	p.add(r, key, who, from, opJoin)
}

// left notes that c is no member any more, or that it may come back within
// grace when that is not 0; as joined.
func (p *presence) left(c *Conn, room string, grace time.Duration) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.rooms[room]
	if r == nil {
		return
	}
	key := memberKey{"", c.id}
	who, was := r.members[key]
	switch {
	case !was || who.conn != c: // the next connection of its session has its place
	case grace > 0:
		p.miss(r, key, grace, opMiss)
	default:
		p.remove(r, key, opLeave)
	}
}

// rosterFor returns that of a room, and makes it. The caller holds mu.
func (p *presence) rosterFor(room string) *roster {
	r := p.rooms[room]
	if r == nil {
		r = &roster{room: room, members: make(map[memberKey]present)}
		p.rooms[room] = r
	}
	return r
}

// add makes somebody a member, in the place of from if that is one: nobody sees
// it then. op is what the other pods are told, 0 for nothing. The caller holds mu.
func (p *presence) add(r *roster, key memberKey, who present, from memberKey, op podOp) {
	if _, taken := r.members[from]; taken {
		r.take(from)
		r.put(key, who)
		r.pending = append(r.pending, change{op: op, key: key, from: from, who: who})
		return
	}
	r.put(key, who)
	n := len(r.members)
	ch := change{op: op, key: key, who: who, count: n}
	switch {
	case r.off:
	case n > p.max:
		r.off = true
		ch.action = presenceOff
	default:
		ch.action = presenceJoin
	}
	r.pending = append(r.pending, ch)
}

// remove is the end of a membership. The caller holds mu.
func (p *presence) remove(r *roster, key memberKey, op podOp) {
	who := r.take(key)
	n := len(r.members)
	ch := change{op: op, key: key, who: who, count: n}
	switch {
	case !r.off:
		ch.action = presenceLeave
	case n <= p.max/2: // not at once, or a room at its limit would flap
		r.off = false
		ch.action = presenceOn
	}
	r.pending = append(r.pending, ch)
}

// miss notes that a member is absent and may come back. The caller holds mu.
func (p *presence) miss(r *roster, key memberKey, grace time.Duration, op podOp) {
	who := r.members[key]
	if who.until.IsZero() {
		r.absent = append(r.absent, key)
	}
	p.away[r] = true
	who.conn, who.until = nil, time.Now().Add(grace)
	r.members[key] = who
	r.pending = append(r.pending, change{op: op, key: key, who: who})
}

// placeFor finds the membership that who goes on with: that of the same
// connection, or an absent one of the same owner.
func (r *roster) placeFor(key memberKey, who *present) (from memberKey, found bool) {
	if _, has := r.members[key]; has {
		return key, true
	}
	for _, absent := range r.absent {
		if absent.conn == key.conn || who.owner != "" && r.members[absent].owner == who.owner {
			return absent, true
		}
	}
	for pod := range r.pods {
		from = memberKey{pod, key.conn}
		if _, has := r.members[from]; has {
			return from, true
		}
	}
	return memberKey{}, false
}

func (r *roster) put(key memberKey, who present) {
	r.members[key] = who
	if key.pod != "" {
		if r.pods == nil {
			r.pods = make(map[string]int)
		}
		r.pods[key.pod]++
	}
	if !who.until.IsZero() {
		r.absent = append(r.absent, key)
	}
}

func (r *roster) take(key memberKey) present {
	who := r.members[key]
	delete(r.members, key)
	if key.pod != "" {
		if r.pods[key.pod]--; r.pods[key.pod] == 0 {
			delete(r.pods, key.pod)
		}
	}
	if !who.until.IsZero() {
		r.absent = slices.DeleteFunc(r.absent, func(k memberKey) bool { return k == key })
	}
	return who
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
