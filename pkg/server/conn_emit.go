package server

// Volatile starts an event to this client alone that is dropped when the client
// can't take it at once.
func (c *Conn) Volatile() *Emitter { return c.ns.To(c.id).Local().Volatile() }

// Compress is Emitter.Compress for an event to this client alone.
func (c *Conn) Compress(on bool) *Emitter { return c.ns.To(c.id).Local().Compress(on) }

// To starts a broadcast to rooms from which this connection is left out, as
// Except, Local and Broadcast do.
func (c *Conn) To(rooms ...string) *Emitter { return c.Broadcast().To(rooms...) }

// Except starts a broadcast to all but this connection and the members of rooms.
func (c *Conn) Except(rooms ...string) *Emitter { return c.Broadcast().Except(rooms...) }

// Local starts a broadcast to all clients of this pod but this connection.
func (c *Conn) Local() *Emitter { return c.Broadcast().Local() }

// Broadcast starts a broadcast to all but this connection.
func (c *Conn) Broadcast() *Emitter { return c.ns.Except(c.id) }
