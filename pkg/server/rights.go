package server

import "github.com/realtime-toolkit/rtk/pkg/server/policy"

const codeForbidden = "forbidden"

// mayJoin decides whether the connection may join rooms that it isn't in.
func (c *Conn) mayJoin(rooms []string) error {
	s := c.ns.srv
	limits := s.limits.Load()
	if s.policy.Load() == nil && limits == nil {
		return nil
	}
	for _, room := range rooms {
		if c.InRoom(room) {
			continue
		}
		if err := c.MayJoin(room); err != nil {
			return err
		}
		if err := limits.join(c, room); err != nil {
			return err
		}
	}
	return nil
}

// MayJoin reports whether Options.Policy lets the connection join a room: nil,
// or an error of code "forbidden". Conn.Join asks by itself.
func (c *Conn) MayJoin(room string) error {
	if !c.allowed(policy.Join, room) {
		return &Error{Code: codeForbidden, Message: "not allowed to join this room"}
	}
	return nil
}

// MayEmit reports whether the client may send a message of size bytes to a room
// now, and counts it: nil, an error of code "forbidden" by Options.Policy, or of
// code "rate_limited" beyond the limits of the room. A handler that passes a
// client's message on to a room asks first.
func (c *Conn) MayEmit(room string, size int) error {
	if !c.allowed(policy.Emit, room) {
		return &Error{Code: codeForbidden, Message: "not allowed to send to this room"}
	}
	return c.ns.srv.limits.Load().emit(c.ns, room, size)
}

// allowed asks the policy. A connection's own room is its own.
func (c *Conn) allowed(action policy.Action, room string) bool {
	p := c.ns.srv.policy.Load()
	if p == nil || action == policy.Join && room == c.id {
		return true
	}
	var claims map[string]any
	if id := c.Identity(); id != nil {
		claims = id.Claims
	}
	return p.Allows(claims, action, c.ns.name, room)
}

// allowedRooms are those of rooms that the policy lets the connection join now:
// a client that comes back may have lost the right to some.
func (c *Conn) allowedRooms(rooms []string) []string {
	if c.ns.srv.policy.Load() == nil {
		return rooms
	}
	kept := make([]string, 0, len(rooms))
	for _, room := range rooms {
		if c.allowed(policy.Join, room) {
			kept = append(kept, room)
		}
	}
	return kept
}
