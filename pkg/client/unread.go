package client

import "github.com/realtime-toolkit/rtk/pkg/rt"

var (
	_ rt.Backlog = (*plainConn)(nil)
	_ rt.Backlog = (*sioConn)(nil)
	_ rt.Backlog = (*sseConn)(nil)
)

// Unread implements rt.Backlog.
func (c *plainConn) Unread() (waiting, room int, ok bool) { return c.w.l.unread() }

// Unread implements rt.Backlog. Long polling has no connection of its own to ask.
func (c *sioConn) Unread() (waiting, room int, ok bool) {
	w := c.w.Load()
	if w == nil || c.poll.Load() != nil {
		return 0, 0, false
	}
	return w.l.unread()
}

// Unread implements rt.Backlog. Streams over HTTP/2 share a connection that
// something else reads.
func (c *sseConn) Unread() (waiting, room int, ok bool) {
	s, isH1 := c.src.(*sse1)
	if !isH1 {
		return 0, 0, false
	}
	return s.l.unread()
}
