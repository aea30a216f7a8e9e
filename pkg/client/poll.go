package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A connection that a poller reads has no goroutine and is not known to Go's
// network poller: a fleet then costs what its connections hold, and what comes
// for many is read in one go. That is for the steady state, messages in and
// heartbeats answered. For everything that may have to wait, which is a socket
// that takes no more, a deadline, and the end, the connection is handed over to
// a goroutine and a net.Conn, once and for good, and all of it is done by the
// same code as for connections that never had a poller.

// errAgain says that there is nothing to read now.
var errAgain = errors.New("nothing to read yet")

// polled is the socket of a connection that a poller reads. It is the link's
// net.Conn, before and after the handover.
type polled struct {
	poller *poller
	w      *ws
	slot   int32

	// Of the poller's goroutine, until the handover.
	active bool // the poller reads
	may    bool // there may be something to read
	ended  bool // the peer has, so that a read finds the end sometime
	hand   bool // has to be handed over

	mu sync.Mutex // guards what follows, and lets the descriptor live during a write
	fd int        // -1 after the handover
	nc net.Conn   // nil before it
	// What was asked for before the handover. A poller that has been told hands
	// over at once.
	close, reset bool
	deadline     time.Time // of reads
	handed       chan struct{}
	told         atomic.Bool // any of that was asked for

	local, remote net.Addr
}

var _ net.Conn = (*polled)(nil)

// tell makes the poller hand over. mu is held.
func (p *polled) tell() {
	if !p.told.Swap(true) {
		p.poller.look(p)
	}
}

// goNow makes the poller hand over and does not wait for it.
func (p *polled) goNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nc == nil {
		p.tell()
	}
}

// leave waits for the handover, which takes no longer than the poller's present
// turn. The poller's own goroutine must not call it.
func (p *polled) leave() {
	p.mu.Lock()
	if p.nc != nil {
		p.mu.Unlock()
		return
	}
	if p.handed == nil {
		p.handed = make(chan struct{})
	}
	handed := p.handed
	p.tell()
	p.mu.Unlock()
	<-handed
}

// inner returns the net.Conn after the handover, nil before it.
func (p *polled) inner() net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nc
}

// Read serves the goroutine after the handover.
func (p *polled) Read(b []byte) (int, error) {
	p.leave()
	return p.inner().Read(b)
}

// Write serves writers that have to wait.
func (p *polled) Write(b []byte) (int, error) {
	p.leave()
	return p.inner().Write(b)
}

// Close ends the connection.
func (p *polled) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nc != nil {
		return p.nc.Close()
	}
	p.close = true
	p.tell()
	return nil
}

// SetLinger is for a reset: with 0, Close does not say goodbye.
func (p *polled) SetLinger(sec int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if tcp, ok := p.nc.(*net.TCPConn); ok {
		return tcp.SetLinger(sec)
	}
	p.reset = sec == 0
	return nil
}

// CloseWrite ends what this side says.
func (p *polled) CloseWrite() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if tcp, ok := p.nc.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return p.shutdownWrite()
}

// SyscallConn is for those who look at the socket, or wait for it and don't read.
func (p *polled) SyscallConn() (syscall.RawConn, error) { return polledSocket{p}, nil }

// polledSocket is the socket of a polled. To look at it changes nothing.
type polledSocket struct{ p *polled }

// Control lends the descriptor to f.
func (s polledSocket) Control(f func(fd uintptr)) error {
	s.p.mu.Lock()
	if s.p.nc == nil {
		defer s.p.mu.Unlock()
		f(uintptr(s.p.fd))
		return nil
	}
	s.p.mu.Unlock()
	rc, err := s.inner()
	if err != nil {
		return err
	}
	return rc.Control(f)
}

// Read waits until f is content.
func (s polledSocket) Read(f func(fd uintptr) (done bool)) error {
	rc, err := s.inner()
	if err != nil {
		return err
	}
	return rc.Read(f)
}

// Write waits until f is content.
func (s polledSocket) Write(f func(fd uintptr) (done bool)) error {
	rc, err := s.inner()
	if err != nil {
		return err
	}
	return rc.Write(f)
}

func (s polledSocket) inner() (syscall.RawConn, error) {
	s.p.leave()
	if tcp, ok := s.p.inner().(*net.TCPConn); ok {
		return tcp.SyscallConn()
	}
	return nil, net.ErrClosed
}

// SetReadDeadline bounds reads. A poller knows no deadlines.
func (p *polled) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nc != nil {
		return p.nc.SetReadDeadline(t)
	}
	p.deadline = t
	p.tell()
	return nil
}

// SetWriteDeadline bounds writes that have to wait.
func (p *polled) SetWriteDeadline(t time.Time) error {
	p.leave()
	return p.inner().SetWriteDeadline(t)
}

// SetDeadline bounds both.
func (p *polled) SetDeadline(t time.Time) error {
	if err := p.SetReadDeadline(t); err != nil {
		return err
	}
	return p.SetWriteDeadline(t)
}

// LocalAddr returns the local address.
func (p *polled) LocalAddr() net.Addr { return p.local }

// RemoteAddr returns the peer's address.
func (p *polled) RemoteAddr() net.Addr { return p.remote }

// closedConn takes the place of a connection that was closed while a poller read it.
type closedConn struct{ net.Conn }

func (closedConn) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (closedConn) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (closedConn) Close() error                     { return net.ErrClosed }
func (closedConn) SetDeadline(time.Time) error      { return net.ErrClosed }
func (closedConn) SetReadDeadline(time.Time) error  { return net.ErrClosed }
func (closedConn) SetWriteDeadline(time.Time) error { return net.ErrClosed }

// reading tells the read goroutine whether it is a poller's.
func (w *ws) reading() bool { return w.l.polled != nil && w.l.polled.active }

// ready handles what came. It runs on the poller's goroutine and returns false
// when the connection has to be handed over, with the reason if it has ended.
func (w *ws) ready() (stay bool, end error) {
	p := w.l.polled
	for !p.hand && !w.l.holed.Load() {
		op, b, err := w.frames.next()
		if err == errAgain { //nolint:errorlint // it is never wrapped, and this is said of every message
			w.l.detach()
			return true, nil
		}
		if err == nil {
			err = w.c.take(w, op, b)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// answerNow sends a frame that answers something, from the poller's goroutine. If
// that would have to wait, the connection is handed over, and the answer goes out
// first thing then.
func (c *conn) answerNow(w *ws, op byte, b []byte) {
	p := w.l.polled
	if w.l.holed.Load() {
		return
	}
	frame := c.d.takeSendBuf()
	defer c.d.giveSendBuf(frame)
	*frame = appendFrame(*frame, op, b, maskingKey())
	n := 0
	select {
	case c.writing <- struct{}{}:
		var err error
		if n, err = p.tryWrite(*frame); err != nil || n == len(*frame) { // of an error, reading says more
			c.unlock()
			return
		}
		w.owing = true // keeps the token, the frame has to be whole
	default:
	}
	w.owed = append([]byte(nil), (*frame)[n:]...)
	p.hand = true
}

// settle writes what answerNow could not.
func (c *conn) settle(w *ws) error {
	owed := w.owed
	w.owed = nil
	if !w.owing {
		if err := c.lock(context.Background()); err != nil {
			return err
		}
	}
	w.owing = false
	defer c.unlock()
	_, err := w.l.Write(owed)
	return err
}
