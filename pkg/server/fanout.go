package server

import (
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// deliver puts a broadcast in the outboxes of its recipients on this pod.
func (n *Namespace) deliver(b *cluster.Broadcast) {
	if n.overflow != nil {
		if r := n.overflowOf(b.Rooms); r != nil && r.Policy == OverflowCoalesce && n.coalescer.hold(b, r) {
			return
		}
	}
	n.deliverNow(b)
}

func (n *Namespace) deliverNow(b *cluster.Broadcast) {
	n.srv.pace(messageBytes(b.Args, b.Attachments))
	if n.seq != nil {
		n.seq.deliver(b)
		return
	}
	n.fanOut(newMessage(b), b)
}

// fanOut puts m in the outboxes of those whom b is for.
func (n *Namespace) fanOut(m *message, b *cluster.Broadcast) {
	if n.overflow != nil {
		n.mark(m, b.Rooms)
	}
	f := fanout{ns: n, message: m, volatile: b.Volatile, chaos: n.srv.chaos}
	f.batch = n.srv.batches.Get().(*batch)
	defer n.srv.batches.Put(f.batch)

	f.walk(b.Rooms, b.Except)
	if f.chaos != nil {
		f.chaos.leak(&f, b.Rooms, b.Except)
	}
	f.batch.done()
	n.srv.count.messagesOut.Add(f.sent)
}

// pick returns the connections that a broadcast to rooms would go to.
func (n *Namespace) pick(rooms, except []string) []*Conn {
	f := fanout{ns: n, picks: true}
	f.walk(rooms, except)
	return f.picked
}

// walk calls one with each connection of rooms that is not in except, once.
func (f *fanout) walk(rooms, not []string) {
	n := f.ns
	except := n.resolve(not)
	switch {
	case len(rooms) == 0:
		f.exclude(except)
		f.room(n.all)
	case len(rooms) == 1:
		f.exclude(except)
		t := n.target(rooms[0])
		if t.conn != nil { // never a member of the room that its id names
			f.one(t.conn)
		}
		if t.room != nil {
			f.room(t.room)
		}
	default:
		f.seen = make(map[*Conn]struct{})
		f.exclude(except)
		for _, t := range n.resolve(rooms) {
			if t.conn != nil {
				f.one(t.conn)
			}
			if t.room != nil {
				f.room(t.room)
			}
		}
	}
}

// target is what a room name stands for: the connection of that id, the members
// of the room of that name, or both.
type target struct {
	conn *Conn
	room *room
}

func (n *Namespace) target(name string) target {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return target{n.conns[name], n.rooms[name]}
}

func (n *Namespace) resolve(names []string) []target {
	if len(names) == 0 {
		return nil
	}
	targets := make([]target, 0, len(names))
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, name := range names {
		if t := (target{n.conns[name], n.rooms[name]}); t.conn != nil || t.room != nil {
			targets = append(targets, t)
		}
	}
	return targets
}

// fanout is one broadcast under way.
type fanout struct {
	ns       *Namespace
	message  *message
	volatile bool
	batch    *batch
	sent     uint64
	chaos    *chaos

	picks  bool // to pick the connections and send nothing
	picked []*Conn

	not  *Conn              // the one connection that is excluded: the usual case
	seen map[*Conn]struct{} // those excluded or served already; nil when not needed
}

func (f *fanout) exclude(targets []target) {
	if len(targets) == 1 && targets[0].room == nil && f.seen == nil {
		f.not = targets[0].conn
		return
	}
	if len(targets) == 0 {
		return
	}
	if f.seen == nil {
		f.seen = make(map[*Conn]struct{})
	}
	for _, t := range targets {
		if t.conn != nil {
			f.seen[t.conn] = struct{}{}
		}
		if t.room != nil {
			t.room.mu.RLock()
			for _, m := range t.room.members {
				f.seen[m.conn] = struct{}{}
			}
			t.room.mu.RUnlock()
		}
	}
}

func (f *fanout) room(r *room) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range r.members {
		f.one(r.members[i].conn)
	}
}

func (f *fanout) one(c *Conn) {
	if c == f.not {
		return
	}
	if f.seen != nil {
		if _, done := f.seen[c]; done {
			return
		}
		f.seen[c] = struct{}{}
	}
	if f.picks {
		f.picked = append(f.picked, c)
		return
	}
	if f.volatile && !c.link.writable() {
		f.ns.srv.count.volatileDropped.Add(1)
		return
	}
	frame := f.message.frame(c.link.codec)
	if f.chaos != nil {
		f.chaos.deliver(c, f.message, frame, f.batch)
		f.sent++
		return
	}
	if c.deliver(frame, f.batch) {
		f.sent++
	}
}
