//go:build unix

package client

import (
	"io"
	"net"
	"os"
	"syscall"
)

// rawConn returns the socket of a TCP or Unix connection, nil for others.
func rawConn(nc net.Conn) syscall.RawConn {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return rc
}

// tryRead reads once. It returns false to wait for data, and holds no buffer
// meanwhile unless that has the beginning of a frame.
func (l *link) tryRead(fd uintptr) bool {
	l.attach()
	for {
		n, err := syscall.Read(int(fd), l.room())
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			l.detach()
			return false
		case err != nil:
			l.rerr = os.NewSyscallError("read", err)
		case n == 0:
			l.rerr = io.EOF
		default:
			l.w += n
		}
		return true
	}
}

// tryWrite writes what the socket takes at once.
func (l *link) tryWrite(fd uintptr) bool {
	for l.wn < len(l.wp) {
		n, err := syscall.Write(int(fd), l.wp[l.wn:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			l.werr = os.NewSyscallError("write", err)
			return true
		default:
			l.wn += n
		}
	}
	return true
}
