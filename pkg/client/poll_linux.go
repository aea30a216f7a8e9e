package client

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// poller reads many connections with one goroutine and one epoll set. The
// goroutine lives while there are connections. It waits in Go's network poller,
// for an epoll set can itself be watched, so that no thread is blocked.
type poller struct {
	mu      sync.Mutex
	epoll   *os.File // nil while there is nothing to read
	fd      int      // of epoll
	wake    int      // eventfd: somebody has to be looked at
	conns   []*polled
	free    []int32 // slots of conns
	count   int
	looks   []*polled // to be looked at though nothing may have come
	looking []*polled // the same, of the goroutine's present turn
	woken   bool
}

const (
	// pollEvents is how many connections one turn takes at most.
	pollEvents = 256
	wakeSlot   = -1
	// epollET asks for changes only, not for what has been told already. The
	// constant of package syscall has the wrong sign.
	epollET = 1 << 31
)

// take takes the connection over from its net.Conn. It returns false if that is
// not possible, and then nothing has changed.
func (p *poller) take(w *ws) bool {
	l := w.l
	tcp, ok := l.nc.(*net.TCPConn)
	if !ok || l.rc == nil {
		return false
	}
	// The runtime's poller has to let go of the socket, and it does so only
	// when the net.Conn is closed; the duplicate keeps the connection.
	fd := -1
	if err := l.rc.Control(func(old uintptr) {
		if n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0); errno == 0 {
			fd = int(n)
		}
	}); err != nil || fd < 0 {
		return false
	}
	c := &polled{poller: p, w: w, fd: fd, active: true, local: tcp.LocalAddr(), remote: tcp.RemoteAddr()}
	if err := p.add(c); err != nil {
		_ = syscall.Close(fd)
		return false
	}
	return true
}

// add makes the poller read c.
func (p *poller) add(c *polled) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoll == nil {
		if err := p.open(); err != nil {
			return err
		}
	}
	if n := len(p.free); n > 0 {
		c.slot, p.free = p.free[n-1], p.free[:n-1]
	} else {
		c.slot = int32(len(p.conns))
		p.conns = append(p.conns, nil)
	}
	if err := p.control(syscall.EPOLL_CTL_ADD, c.fd, c.slot); err != nil {
		p.free = append(p.free, c.slot)
		return err
	}
	l := c.w.l
	_ = l.nc.Close()
	l.polled, l.nc, l.raw, l.rc, l.readFn, l.writeFn = c, c, c, nil, nil, nil
	p.conns[c.slot] = c
	p.count++
	p.lookLocked(c) // at what came with the handshake
	return nil
}

// open makes the epoll set and starts the goroutine. mu is held.
func (p *poller) open() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	p.fd = fd
	wake, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		_ = syscall.Close(fd)
		return os.NewSyscallError("eventfd2", errno)
	}
	p.wake = int(wake)
	err = p.control(syscall.EPOLL_CTL_ADD, p.wake, wakeSlot)
	if err == nil {
		err = syscall.SetNonblock(fd, true) // for NewFile, which then lets the runtime wait for it
	}
	epoll := os.NewFile(uintptr(fd), "epoll")
	rc, rcErr := epoll.SyscallConn()
	if err = errors.Join(err, rcErr); err != nil {
		_ = syscall.Close(p.wake)
		_ = epoll.Close()
		return err
	}
	p.epoll = epoll
	go p.run(epoll, rc, fd, p.wake)
	return nil
}

func (p *poller) control(op, fd int, slot int32) error {
	e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | epollET, Fd: slot}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.fd, op, fd, &e))
}

// look makes the goroutine look at c. The caller may hold c.mu, which the
// goroutine never holds when it takes mu.
func (p *poller) look(c *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookLocked(c)
}

func (p *poller) lookLocked(c *polled) {
	p.looks = append(p.looks, c)
	if !p.woken {
		p.woken = true
		one := uint64(1)
		_, _, _ = syscall.Syscall(syscall.SYS_WRITE, uintptr(p.wake), uintptr(unsafe.Pointer(&one)), 8)
	}
}

// run is the goroutine.
func (p *poller) run(epoll *os.File, rc syscall.RawConn, fd, wake int) {
	events, batch := make([]syscall.EpollEvent, pollEvents), make([]*polled, pollEvents)
	n := 0
	wait := func(uintptr) bool {
		for {
			var err error
			if n, err = syscall.EpollWait(fd, events, 0); err != syscall.EINTR {
				return n != 0
			}
		}
	}
	for {
		n = 0
		if rc.Read(wait) != nil || n < 0 {
			panic("client: epoll set is unusable") // only a wrong descriptor does this
		}
		look := false
		p.mu.Lock()
		for i, e := range events[:n] {
			if batch[i] = nil; e.Fd == wakeSlot {
				look = true
			} else {
				batch[i] = p.conns[e.Fd]
			}
		}
		p.mu.Unlock()
		for i, e := range events[:n] {
			if c := batch[i]; c != nil && c.active {
				c.may, c.ended = true, c.ended || e.Events&^syscall.EPOLLIN != 0
				p.serve(c)
			}
		}
		if look && p.lookAround(wake) {
			_ = epoll.Close()
			_ = syscall.Close(wake)
			return
		}
	}
}

// lookAround serves those who asked for a look. It returns true when no
// connection is left, and then the next one makes a goroutine and an epoll set of
// its own.
func (p *poller) lookAround(wake int) (over bool) {
	var count [8]byte
	_, _ = syscall.Read(wake, count[:])
	p.mu.Lock()
	p.woken = false
	p.looks, p.looking = p.looking[:0], p.looks
	p.mu.Unlock()
	for i, c := range p.looking {
		p.looking[i] = nil
		if c.active {
			p.serve(c)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count > 0 || len(p.looks) > 0 {
		return false
	}
	p.epoll, p.conns, p.free, p.woken = nil, nil, nil, false
	return true
}

// serve handles what came for c, and hands it over if need be.
func (p *poller) serve(c *polled) {
	var end error
	if !c.told.Load() {
		stay := false
		if stay, end = c.w.ready(); stay {
			return
		}
	}
	p.drop(c)
	c.handOver()
	go c.w.c.resume(c.w, end)
}

// drop takes c out.
func (p *poller) drop(c *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, c.fd, &syscall.EpollEvent{})
	p.conns[c.slot] = nil
	p.free = append(p.free, c.slot)
	if p.count--; p.count == 0 && !p.woken {
		p.lookLocked(c) // wakes the goroutine up to end
	}
}

// handOver gives the socket to a net.Conn.
func (c *polled) handOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = false
	fd := c.fd
	c.fd = -1
	if c.handed != nil {
		defer close(c.handed)
	}
	if c.close {
		if c.reset {
			_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		}
		_ = syscall.Close(fd)
		c.nc = closedConn{}
		return
	}
	f := os.NewFile(uintptr(fd), "tcp")
	nc, err := net.FileConn(f)
	_ = f.Close()
	if err != nil { // no descriptor is left
		c.nc = closedConn{}
		return
	}
	c.nc = nc
	if c.reset {
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	if !c.deadline.IsZero() {
		_ = nc.SetReadDeadline(c.deadline)
	}
}

// shutdownWrite is CloseWrite before the handover. mu is held.
func (c *polled) shutdownWrite() error {
	if c.fd < 0 {
		return net.ErrClosed
	}
	return os.NewSyscallError("shutdown", syscall.Shutdown(c.fd, syscall.SHUT_WR))
}

// readNow reads if there may be something. A read that does not fill the buffer
// has taken all there was (epoll(7)), except for the end.
func (l *link) readNow() error {
	p := l.polled
	if !p.may {
		return errAgain
	}
	rb := l.attach()
	for {
		n, errno := receive(p.fd, rb.b[l.w:])
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			p.may = false
			return errAgain
		case errno != 0:
			return os.NewSyscallError("read", errno)
		case n == 0:
			return io.EOF
		}
		p.may = p.ended || n == len(rb.b)-l.w
		l.w += n
		return nil
	}
}

// tryWrite writes what the socket takes at once. After the handover that is
// nothing.
func (p *polled) tryWrite(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for p.fd >= 0 && n < len(b) {
		m, errno := send(p.fd, b[n:])
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return n, nil
		case errno != 0:
			return n, os.NewSyscallError("write", errno)
		default:
			n += m
		}
	}
	return n, nil
}
