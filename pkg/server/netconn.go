package server

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"
)

// netConn stands between the WebSocket library and the socket. The library only
// reads through it: once a link is bound, what the library writes on its own
// (it should not) is queued like everything else, so that no write goes past the
// outbox.
type netConn struct {
	net.Conn
	link  *link         // nil during the handshake
	in    *bufio.Reader // of readers, the library's; nil while there is none
	early []byte        // has been read already
	mute  bool          // the library is making a handshake that was made before
}

// readBytes is the size of the library's read buffer. It takes over what is
// larger than 256 bytes; what doesn't fit is read past it.
const readBytes = 288

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBytes) }}

// reader takes a reader for the library.
func (c *netConn) reader() *bufio.Reader {
	c.in = readers.Get().(*bufio.Reader)
	c.in.Reset(c)
	return c.in
}

// buffered is how much has been read from the socket and not been consumed.
func (c *netConn) buffered() int {
	if c.in == nil {
		return len(c.early)
	}
	return c.in.Buffered() + len(c.early)
}

// Read writes the replies that are due before it waits for the client.
func (c *netConn) Read(b []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(b, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	if c.link != nil {
		c.link.flushOwn()
	}
	return c.Conn.Read(b)
}

func (c *netConn) Write(b []byte) (int, error) {
	switch {
	case c.mute:
		return len(b), nil
	case c.link == nil:
		return c.Conn.Write(b)
	}
	f := &frame{wire: append([]byte(nil), b...), control: true}
	if !c.link.put(f, nil) {
		return 0, net.ErrClosed
	}
	return len(b), nil
}

// SetDeadline and SetWriteDeadline are for the handshake only: afterwards
// deadlines are the outbox's business.
func (c *netConn) SetDeadline(t time.Time) error {
	if c.link == nil && !c.mute {
		return c.Conn.SetDeadline(t)
	}
	return nil
}

func (c *netConn) SetWriteDeadline(t time.Time) error {
	if c.link == nil {
		return c.Conn.SetWriteDeadline(t)
	}
	return nil
}

// hijacker gives the library a netConn. It reaches through middleware that has
// Unwrap, which the library does not.
type hijacker struct {
	http.ResponseWriter
	conn *netConn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &netConn{Conn: nc}
	if n := rw.Reader.Buffered(); n > 0 {
		// The client did not wait for the 101; the library would refuse it.
		early, _ := rw.Reader.Peek(n)
		h.conn.early = append([]byte(nil), early...)
	}
	return h.conn, bufio.NewReadWriter(h.conn.reader(), rw.Writer), nil
}

// again is a hijacker for a connection that has been hijacked.
type again struct {
	http.ResponseWriter
	conn *netConn
}

func (a again) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return a.conn, bufio.NewReadWriter(a.conn.reader(), bufio.NewWriterSize(nil, 16)), nil
}
