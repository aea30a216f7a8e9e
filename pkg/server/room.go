package server

import (
	"slices"
	"sync"
	"time"
)

// room is a set of connections. Members lie in a slice, because a broadcast
// walks over all of them and a slice is several times as fast as a map.
type room struct {
	name string

	mu      sync.RWMutex
	members []member
	gone    bool // emptied and taken out of the namespace: join the successor
}

type member struct {
	conn  *Conn
	place *membership
}

// membership is a connection's place in a room.
type membership struct {
	room *room
	slot int // index in room.members, guarded by room.mu
}

func (r *room) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.members)
}

// add makes c a member; it fails when the room is gone.
func (r *room) add(c *Conn, place *membership) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return false
	}
	place.room, place.slot = r, len(r.members)
	r.members = append(r.members, member{c, place})
	return true
}

// remove takes a member out and reports whether the room is empty now and gone.
func (r *room) remove(place *membership, keep bool) (gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.members) - 1
	moved := r.members[last]
	r.members[place.slot] = moved
	moved.place.slot = place.slot
	r.members[last] = member{}
	r.members = r.members[:last]
	if cap(r.members) > 64 && last < cap(r.members)/4 {
		r.members = slices.Clone(r.members)
	}
	r.gone = last == 0 && !keep
	return r.gone
}

// Join makes the connection a member of rooms. Joining twice is no error. It
// fails with ErrTooManyRooms beyond Options.MaxRooms and with ErrClosed when the
// connection has ended; rooms before the failing one stay joined. With code
// "forbidden" by Options.Policy and "rate_limited" beyond Options.Limits it joins
// none of them.
func (c *Conn) Join(rooms ...string) error {
	policy := c.ns.srv.policy.Load()
	if err := c.mayJoin(rooms); err != nil {
		return err
	}
	c.ns.seq.listen(rooms)
	joined, err := c.join(rooms)
	c.save()
	c.tellRooms(c.ns.onJoin, joined)
	c.ns.presence.tell(joined)
	if c.ns.srv.policy.Load() != policy {
		c.leaveForbidden() // Reconfigure may have looked at the rooms before
	}
	return err
}

// join returns the rooms that are new, when somebody wants to know.
func (c *Conn) join(rooms []string) (joined []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range rooms {
		if c.state.Load() == connGone {
			return joined, ErrClosed
		}
		if name == c.id || c.place(name) >= 0 {
			continue
		}
		if len(c.rooms) >= c.ns.srv.opts.MaxRooms {
			return joined, ErrTooManyRooms
		}
		place := &membership{}
		for !c.ns.room(name).add(c, place) {
		}
		c.rooms = append(c.rooms, place)
		c.ns.presence.joined(c, name)
		if c.ns.onJoin != nil || c.ns.presence != nil {
			joined = append(joined, name)
		}
	}
	return joined, nil
}

// Leave takes the connection out of rooms; rooms it isn't in are ignored.
func (c *Conn) Leave(rooms ...string) {
	left := c.leave(rooms)
	c.save()
	c.tellRooms(c.ns.onLeave, left)
	c.ns.presence.tell(left)
}

// leave returns the rooms that it was in, when somebody wants to know.
func (c *Conn) leave(rooms []string) (left []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range rooms {
		if i := c.place(name); i >= 0 {
			c.ns.leave(c.rooms[i])
			c.rooms = slices.Delete(c.rooms, i, i+1)
			c.ns.presence.left(c, name, 0)
			if c.ns.onLeave != nil || c.ns.presence != nil {
				left = append(left, name)
			}
		}
	}
	return left
}

// Rooms returns the rooms that the connection joined, in that order, without
// the one that is its id.
func (c *Conn) Rooms() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomNames()
}

// roomNames is Rooms for who holds mu.
func (c *Conn) roomNames() []string {
	names := make([]string, len(c.rooms))
	for i, p := range c.rooms {
		names[i] = p.room.name
	}
	return names
}

// RoomCount is the number of rooms that the connection joined.
func (c *Conn) RoomCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rooms)
}

// InRoom reports whether the connection is in room.
func (c *Conn) InRoom(room string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return room == c.id || c.place(room) >= 0
}

// place returns the index in c.rooms. A connection is in few rooms, and
// Options.MaxRooms bounds the search.
func (c *Conn) place(name string) int {
	return slices.IndexFunc(c.rooms, func(p *membership) bool { return p.room.name == name })
}

// leaveAll takes an ended connection out of everything. Those who know each other
// are told of its end after grace, unless it is back by then.
func (c *Conn) leaveAll(grace time.Duration) {
	var left []string
	c.mu.Lock()
	for _, p := range c.rooms {
		c.ns.leave(p)
		if c.ns.presence != nil {
			c.ns.presence.left(c, p.room.name, grace)
			left = append(left, p.room.name)
		}
	}
	c.rooms = nil
	c.mu.Unlock()
	c.ns.mu.Lock()
	if c.ns.conns[c.id] == c { // or it is the next one of the same session
		delete(c.ns.conns, c.id)
	}
	c.ns.mu.Unlock()
	c.ns.socketChanged(c.id)
	if c.all.room != nil {
		c.all.room.remove(&c.all, true)
	}
	c.ns.presence.tell(left)
	c.release()
}

// enter makes c a member of its namespace.
func (n *Namespace) enter(c *Conn) {
	n.mu.Lock()
	n.conns[c.id] = c
	n.mu.Unlock()
	n.all.add(c, &c.all)
	n.socketChanged(c.id)
}

// socketChanged tells a backplane that wants to know that a connection has come or
// gone: its id is a room.
func (n *Namespace) socketChanged(id string) {
	if n.watcher != nil && n.watcher.WatchesSockets() {
		n.watcher.RoomChanged(n.name, id)
	}
}

// room returns the room of that name, a new one if need be.
func (n *Namespace) room(name string) *room {
	n.mu.RLock()
	r := n.rooms[name]
	n.mu.RUnlock()
	if r != nil && !r.isGone() {
		return r
	}
	n.mu.Lock()
	if r := n.rooms[name]; r != nil && !r.isGone() {
		n.mu.Unlock()
		return r
	}
	r = &room{name: name}
	n.rooms[name] = r
	n.mu.Unlock()
	if n.watcher != nil {
		n.watcher.RoomChanged(n.name, name)
	}
	return r
}

func (r *room) isGone() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.gone
}

func (n *Namespace) leave(p *membership) {
	r := p.room
	if !r.remove(p, false) {
		return
	}
	n.seq.rest(r.name)
	n.mu.Lock()
	if n.rooms[r.name] == r {
		delete(n.rooms, r.name)
	}
	n.mu.Unlock()
	if n.watcher != nil {
		n.watcher.RoomChanged(n.name, r.name)
	}
}
