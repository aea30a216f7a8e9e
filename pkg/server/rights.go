package server

// mayJoin decides whether the connection may join rooms that it isn't in.
func (c *Conn) mayJoin(rooms []string) error {
	s := c.ns.srv
	if s.limits == nil {
		return nil
	}
	for _, room := range rooms {
		if c.InRoom(room) {
			continue
		}
		if err := s.limits.join(c, room); err != nil {
			return err
		}
	}
	return nil
}

// MayEmit reports whether the client may send a message of size bytes to a room
// now, and counts it: nil, or an error of code "rate_limited" beyond the limits
// of the room. A handler that passes a client's message on to a room asks first.
func (c *Conn) MayEmit(room string, size int) error {
	return c.ns.srv.limits.emit(c.ns, room, size)
}
