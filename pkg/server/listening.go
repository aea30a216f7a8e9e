package server

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

// listening is which of the kept rooms a sequence hears of, where the backplane
// subscribes room by room: those that had a member or a poll within the age of
// the history. What a room was sent while it wasn't among them is not known, and
// who comes back to it is told of a gap. Without it clients that choose names
// would have the pod subscribe to more and more rooms.
type listening struct {
	keep time.Duration

	mu    sync.RWMutex // a leaf
	until map[string]time.Duration
}

// newListening returns nil where all rooms are heard.
func (q *sequence) newListening(age time.Duration) *listening {
	if q.ns.watcher == nil || q.shared != nil || q.recovery != nil {
		return nil
	}
	return &listening{keep: cmp.Or(age, history.DefaultAge), until: make(map[string]time.Duration)}
}

// hears reports whether the sequence wants to be told of what a room is sent, also
// when it has no members.
func (q *sequence) hears(room string) bool {
	if q == nil || !q.keepsRoom(room) {
		return false
	}
	x := q.listening
	if x == nil {
		return true
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, has := x.until[room]
	return has
}

// listen begins to hear of rooms that somebody is about to follow.
func (q *sequence) listen(rooms []string) {
	if q == nil || q.listening == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.listenLocked(rooms)
}

// listenLocked is listen for who holds mu.
func (q *sequence) listenLocked(rooms []string) {
	x := q.listening
	if x == nil {
		return
	}
	now := q.ns.srv.wheel.now()
	for _, room := range rooms {
		if !q.keepsRoom(room) {
			continue
		}
		x.mu.Lock()
		_, has := x.until[room]
		if has || len(x.until) < history.DefaultRooms {
			x.until[room] = now + x.keep
		}
		x.mu.Unlock()
		if !has {
			q.log.Unknown(room)
			q.ns.watcher.RoomChanged(q.ns.name, room)
		}
	}
}

// rest is told that the last member of a room leaves.
func (q *sequence) rest(room string) {
	if q == nil || q.listening == nil {
		return
	}
	x := q.listening
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, has := x.until[room]; has {
		x.until[room] = q.ns.srv.wheel.now() + x.keep
	}
}

// stop stops to hear of any room. The caller does not hold q.mu.
func (x *listening) stop(q *sequence) {
	if x == nil {
		return
	}
	x.mu.Lock()
	rooms := slices.Collect(maps.Keys(x.until))
	clear(x.until)
	x.mu.Unlock()
	for _, room := range rooms {
		q.ns.watcher.RoomChanged(q.ns.name, room)
	}
}

// sweep stops to hear of rooms that nobody has followed for long. The caller
// holds q.mu.
func (x *listening) sweep(q *sequence) {
	if x == nil {
		return
	}
	now := q.ns.srv.wheel.now()
	var old []string
	x.mu.Lock()
	for room, until := range x.until {
		if until <= now && len(q.waits[room]) == 0 {
			old = append(old, room)
		}
	}
	x.mu.Unlock()
	for _, room := range old {
		if q.ns.target(room).room != nil {
			continue // rest is told when it has become empty
		}
		x.mu.Lock()
		gone := x.until[room] <= now // or it has become empty just now
		if gone {
			delete(x.until, room)
		}
		x.mu.Unlock()
		if gone {
			q.ns.watcher.RoomChanged(q.ns.name, room)
		}
	}
}
