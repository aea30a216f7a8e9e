package redis

import (
	"sync"
	"time"
)

// roomLinger is how long a room without members stays subscribed to, so that
// one whose only member comes and goes costs Redis nothing.
const roomLinger = 5 * time.Second

// roomKey names a room.
type roomKey struct{ namespace, room string }

// roomSet decides which rooms are subscribed to: those that have members here,
// and for a while those that had. What it is told is only that something has
// changed; what holds it asks when it settles, so that notes may come in any
// order. note may be called by any goroutine with locks held, all else belongs
// to the subscriber's.
type roomSet struct {
	has     func(namespace, room string) bool // set before the first settle
	changed chan struct{}                     // fires when there is something to settle

	mu    sync.Mutex
	dirty map[roomKey]struct{}

	rooms   map[roomKey]*roomState
	leaving []departure // oldest first
}

// roomState is what is known of a room that has a subscription, or shall.
type roomState struct {
	on      bool      // subscribed to on the present connection
	emptied time.Time // zero while it has members
	leaving bool      // it is in the list
}

type departure struct {
	key roomKey
	due time.Time
}

func newRoomSet() *roomSet {
	return &roomSet{
		changed: make(chan struct{}, 1),
		dirty:   make(map[roomKey]struct{}),
		rooms:   make(map[roomKey]*roomState),
	}
}

// note takes note that the members of a room have changed.
func (s *roomSet) note(key roomKey) {
	s.mu.Lock()
	s.dirty[key] = struct{}{}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// settle looks at the rooms that have changed and returns those to subscribe to.
func (s *roomSet) settle(now time.Time) (add []roomKey) {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = make(map[roomKey]struct{})
	s.mu.Unlock()
	for key := range dirty {
		has, state := s.has(key.namespace, key.room), s.rooms[key]
		switch {
		case has && state == nil:
			s.rooms[key] = &roomState{}
			add = append(add, key)
		case has:
			state.emptied = time.Time{}
			if !state.on {
				add = append(add, key)
			}
		case state == nil:
		case !state.on:
			delete(s.rooms, key)
		case state.emptied.IsZero():
			state.emptied = now
			s.leave(key, state)
		}
	}
	return add
}

func (s *roomSet) leave(key roomKey, state *roomState) {
	if !state.leaving {
		state.leaving = true
		s.leaving = append(s.leaving, departure{key, state.emptied.Add(roomLinger)})
	}
}

// expired returns the rooms to unsubscribe from, which it forgets.
func (s *roomSet) expired(now time.Time) (remove []roomKey) {
	n := 0
	for n < len(s.leaving) && !s.leaving[n].due.After(now) {
		key := s.leaving[n].key
		n++
		state := s.rooms[key]
		if state == nil {
			continue
		}
		state.leaving = false
		switch {
		case state.emptied.IsZero(): // somebody came
		case state.emptied.Add(roomLinger).After(now): // and went again
			s.leave(key, state)
		default:
			delete(s.rooms, key)
			remove = append(remove, key)
		}
	}
	if s.leaving = s.leaving[n:]; len(s.leaving) == 0 {
		s.leaving = nil
	}
	return remove
}

// wait returns how long until a room expires, ok is false when none does.
func (s *roomSet) wait(now time.Time) (d time.Duration, ok bool) {
	if len(s.leaving) == 0 {
		return 0, false
	}
	return max(s.leaving[0].due.Sub(now), 0), true
}

// restart forgets what was subscribed to on a connection that is gone, and
// returns the rooms to subscribe to on the next.
func (s *roomSet) restart(now time.Time) (add []roomKey) {
	s.settle(now)
	s.leaving = nil
	for key, state := range s.rooms {
		if !state.emptied.IsZero() {
			delete(s.rooms, key)
			continue
		}
		state.on, state.leaving = false, false
		add = append(add, key)
	}
	return add
}

// confirm notes that rooms are subscribed to.
func (s *roomSet) confirm(keys []roomKey) {
	for _, key := range keys {
		if state := s.rooms[key]; state != nil {
			state.on = true
		}
	}
}

// size returns the number of rooms with a subscription, or soon to have one.
func (s *roomSet) size() int { return len(s.rooms) }
