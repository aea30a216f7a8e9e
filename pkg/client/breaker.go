package client

import (
	"net"
	"syscall"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

var (
	_ rt.Breaker = (*plainConn)(nil)
	_ rt.Breaker = (*sioConn)(nil)
	_ rt.Breaker = (*sseConn)(nil)
)

// Break implements rt.Breaker.
func (c *plainConn) Break(how rt.BreakHow) error {
	if err := c.breaking(how); err != nil {
		return err
	}
	c.w.l.breakOff(how)
	return nil
}

// Break implements rt.Breaker. On polling it breaks all connections of the
// session, and the session with them, as a network that fails would.
func (c *sioConn) Break(how rt.BreakHow) error {
	if err := c.breaking(how); err != nil {
		return err
	}
	if how != rt.BreakBlackhole {
		c.dead.Store(true)
	}
	if p := c.poll.Load(); p != nil {
		p.breakOff(how)
	}
	if w := c.w.Load(); w != nil {
		w.l.breakOff(how)
	}
	return nil
}

// Break implements rt.Breaker.
func (c *sseConn) Break(how rt.BreakHow) error {
	if err := c.breaking(how); err != nil {
		return err
	}
	c.src.breakOff(how)
	return nil
}

// breaking records the end of the connection, unless it is a blackhole, of
// which nobody is told.
func (c *conn) breaking(how rt.BreakHow) error {
	closed := func() error {
		return &rt.Error{Op: "break", Target: c.target, Kind: rt.KindClosed, Stage: rt.StageConnected, Err: errClosed}
	}
	if how == rt.BreakBlackhole {
		if c.ended() {
			return closed()
		}
		return nil
	}
	if !c.end(rt.ByNetwork, 0, "", c.endError(errBroken)) {
		return closed()
	}
	return nil
}

// breakOff breaks the link below TLS.
func (l *link) breakOff(how rt.BreakHow) {
	if how == rt.BreakBlackhole {
		l.holed.Store(true)
		if l.polled != nil {
			l.polled.goNow()
		}
		return
	}
	breakSocket(l.raw, how)
}

// tcpConn is what net.TCPConn and polled can do.
type tcpConn interface {
	SetLinger(sec int) error
	CloseWrite() error
}

// breakSocket resets or ends a connection. A socket that is closed with unread
// data sends a reset, so that its FIN has to go first.
func breakSocket(nc net.Conn, how rt.BreakHow) {
	switch tcp, ok := nc.(tcpConn); {
	case !ok:
	case how == rt.BreakReset:
		_ = tcp.SetLinger(0)
	default:
		_ = tcp.CloseWrite()
	}
	_ = nc.Close()
}

// starve reads nothing until the link is closed or its read deadline passes.
func (l *link) starve() error {
	l.drop()
	return starve(l.raw)
}

func starve(nc net.Conn) error {
	if rc := rawConn(nc); rc != nil {
		return starveSocket(rc)
	}
	var b [256]byte
	for {
		if _, err := nc.Read(b[:]); err != nil {
			return err
		}
	}
}

// starveSocket waits for data and lets it lie, so that the peer's window fills.
func starveSocket(rc syscall.RawConn) error {
	if err := rc.Read(func(uintptr) bool { return false }); err != nil {
		return err
	}
	return net.ErrClosed
}

// breakOff breaks all connections of the session.
func (p *polling) breakOff(how rt.BreakHow) {
	if how == rt.BreakBlackhole {
		p.holed.Store(true)
		return
	}
	p.mu.Lock()
	for nc := range p.conns {
		breakSocket(nc.(*trackedConn).Conn, how)
	}
	p.mu.Unlock()
	p.end()
}

// Read reads nothing in a blackhole.
func (t *trackedConn) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if t.p.holed.Load() {
		return 0, starve(t.Conn)
	}
	return n, err
}

// Write loses what is sent into a blackhole.
func (t *trackedConn) Write(b []byte) (int, error) {
	if t.p.holed.Load() {
		return len(b), nil
	}
	return t.Conn.Write(b)
}

func (s *sse1) breakOff(how rt.BreakHow) { s.l.breakOff(how) }

// breakOff breaks the stream alone: others share its socket.
func (s *sse2) breakOff(how rt.BreakHow) {
	if how == rt.BreakBlackhole {
		s.holed.Store(true)
		return
	}
	s.cancel()
}
