package server

// OnJoin adds a function that is called after a connection has joined a room, on
// the goroutine that called Join. The room that is the connection's id is no
// room here. Leaving everything at the end of a connection is OnDisconnect's.
func (n *Namespace) OnJoin(fn func(c *Conn, room string)) *Namespace {
	n.onJoin = append(n.onJoin, fn)
	return n
}

// OnLeave adds a function that is called after a connection has left a room by
// Leave.
func (n *Namespace) OnLeave(fn func(c *Conn, room string)) *Namespace {
	n.onLeave = append(n.onLeave, fn)
	return n
}

// tellRooms calls the functions for each room, with no lock held.
func (c *Conn) tellRooms(fns []func(*Conn, string), rooms []string) {
	for _, room := range rooms {
		for _, fn := range fns {
			c.ns.runRoom(fn, c, room)
		}
	}
}

func (n *Namespace) runRoom(fn func(*Conn, string), c *Conn, room string) {
	var err error
	defer n.recovered("room", c, &err)
	fn(c, room)
}
