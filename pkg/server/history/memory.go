package history

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
	"time"
)

// Memory is a Log in memory. It is not safe for concurrent use.
//
// A message lies in the list of each of its rooms and in one list of all. Both
// are in the order of offsets, which is that of time, so that each bound is kept
// by dropping from a front.
type Memory[T any] struct {
	limits Limits
	epoch  uint64
	last   Offset
	start  time.Time
	rooms  map[string]*room[T]
	all    list[T] // by node.next
	idle   ring[T] // rooms that hold nothing, the longest idle first
	// floor is the largest offset that a forgotten room has dropped. What a
	// client before it missed in a room that isn't remembered is unknown.
	floor Offset
	stats Stats
}

var _ Log[int] = (*Memory[int])(nil)

type room[T any] struct {
	name        string
	first, last *node[T]
	count       int
	bytes       int
	dropped     Offset   // offset of the latest message that is kept no longer
	older       *room[T] // in idle, as newer
	newer       *room[T]
}

// node is a message in one room.
type node[T any] struct {
	offset Offset
	at     time.Duration // since Memory.start
	bytes  int
	value  T
	room   *room[T]
	// Neighbours in the room and among all.
	before, after *node[T]
	prev, next    *node[T]
}

type list[T any] struct{ first, last *node[T] }

type ring[T any] struct{ oldest, newest *room[T] }

// NewMemory makes an empty log with an epoch of its own.
func NewMemory[T any](limits Limits) *Memory[T] {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return &Memory[T]{
		limits: limits.withDefaults(), epoch: binary.BigEndian.Uint64(b[:])&EpochMask | 1,
		start: time.Now(), rooms: make(map[string]*room[T]),
	}
}

// Epoch implements Log.
func (m *Memory[T]) Epoch() uint64 { return m.epoch }

// Last implements Log.
func (m *Memory[T]) Last() Offset { return m.last }

// Next returns the offset after the latest, for a log that counts by itself.
func (m *Memory[T]) Next() Offset { return Offset{m.last.Time, m.last.Seq + 1} }

// Begin says that the log knows nothing of what came before at: whoever asks for
// what came after an earlier offset has a gap in every room. What is kept is
// dropped.
func (m *Memory[T]) Begin(at Offset) {
	for m.all.first != nil {
		m.drop(m.all.first)
	}
	clear(m.rooms)
	m.idle = ring[T]{}
	m.floor = at
	m.last = at
}

// Advance implements Log.
func (m *Memory[T]) Advance(at Offset) {
	if m.last.Before(at) {
		m.last = at
	}
}

// Append implements Log.
func (m *Memory[T]) Append(offset Offset, age time.Duration, rooms []string, v T, bytes int) {
	m.Advance(offset)
	m.stats.Appended++
	at := time.Since(m.start) - age
	for _, name := range rooms {
		r := m.rooms[name]
		if r == nil {
			r = &room[T]{name: name, dropped: m.floor}
			m.rooms[name] = r
		} else if r.first == nil {
			m.idle.remove(r)
		}
		m.push(&node[T]{offset: offset, at: at, bytes: bytes, value: v, room: r})
		for r.count > m.limits.Count || r.bytes > m.limits.Bytes {
			m.drop(r.first)
		}
	}
	for m.stats.Bytes > m.limits.Total {
		m.drop(m.all.first)
	}
	m.Expire()
	m.trim()
}

// trim keeps the bound of rooms.
func (m *Memory[T]) trim() {
	for len(m.rooms) > m.limits.Rooms {
		if m.idle.oldest == nil {
			m.drop(m.all.first)
			continue
		}
		m.forget(m.idle.oldest)
	}
}

// Unknown implements Log.
func (m *Memory[T]) Unknown(name string) {
	r := m.rooms[name]
	if r == nil {
		r = &room[T]{name: name}
		m.rooms[name] = r
		m.idle.add(r)
	}
	for r.first != nil {
		m.drop(r.first)
	}
	r.dropped = m.last
	m.trim()
}

// Expire implements Log.
func (m *Memory[T]) Expire() {
	if m.all.first == nil {
		return
	}
	oldest := time.Since(m.start) - m.limits.Age
	for n := m.all.first; n != nil && n.at < oldest; n = m.all.first {
		m.drop(n)
	}
}

// Since implements Log.
func (m *Memory[T]) Since(rooms []string, offset Offset) Page[T] {
	m.Expire()
	var p Page[T]
	for _, name := range rooms {
		r := m.rooms[name]
		if r == nil {
			if offset.Before(m.floor) {
				p.Gone = append(p.Gone, name)
			}
			continue
		}
		if offset.Before(r.dropped) {
			p.Gone = append(p.Gone, name)
		}
		for n := r.last; n != nil && offset.Before(n.offset); n = n.before {
			p.Items = append(p.Items, Item[T]{n.offset, n.value})
		}
	}
	slices.SortFunc(p.Items, func(a, b Item[T]) int { return a.Offset.Compare(b.Offset) })
	p.Items = slices.CompactFunc(p.Items, func(a, b Item[T]) bool { return a.Offset == b.Offset })
	slices.Sort(p.Gone)
	p.Gone = slices.Compact(p.Gone)
	return p
}

// Forget implements Log.
func (m *Memory[T]) Forget(name string) {
	r := m.rooms[name]
	if r == nil {
		return
	}
	for r.first != nil {
		m.drop(r.first)
	}
	m.idle.remove(r)
	delete(m.rooms, name)
}

// Stats implements Log.
func (m *Memory[T]) Stats() Stats {
	m.Expire()
	s := m.stats
	s.Rooms = len(m.rooms)
	return s
}

func (m *Memory[T]) push(n *node[T]) {
	r := n.room
	n.before = r.last
	if r.last == nil {
		r.first = n
	} else {
		r.last.after = n
	}
	r.last = n
	r.count++
	r.bytes += n.bytes

	n.prev = m.all.last
	if m.all.last == nil {
		m.all.first = n
	} else {
		m.all.last.next = n
	}
	m.all.last = n
	m.stats.Messages++
	m.stats.Bytes += n.bytes
}

// drop takes out n, the first of its room.
func (m *Memory[T]) drop(n *node[T]) {
	r := n.room
	r.dropped = n.offset
	r.count--
	r.bytes -= n.bytes
	if r.first = n.after; r.first == nil {
		r.last = nil
		m.idle.add(r)
	} else {
		r.first.before = nil
	}
	if n.prev == nil {
		m.all.first = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		m.all.last = n.prev
	} else {
		n.next.prev = n.prev
	}
	m.stats.Messages--
	m.stats.Bytes -= n.bytes
	m.stats.Dropped++
}

// forget drops a room that holds nothing and remembers how far it was.
func (m *Memory[T]) forget(r *room[T]) {
	if m.floor.Before(r.dropped) {
		m.floor = r.dropped
	}
	m.idle.remove(r)
	delete(m.rooms, r.name)
}

func (q *ring[T]) add(r *room[T]) {
	r.older = q.newest
	if q.newest == nil {
		q.oldest = r
	} else {
		q.newest.newer = r
	}
	q.newest = r
}

func (q *ring[T]) remove(r *room[T]) {
	if r.older == nil {
		q.oldest = r.newer
	} else {
		r.older.newer = r.newer
	}
	if r.newer == nil {
		q.newest = r.older
	} else {
		r.newer.older = r.older
	}
	r.older, r.newer = nil, nil
}
