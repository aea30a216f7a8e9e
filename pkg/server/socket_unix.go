//go:build unix

package server

import "syscall"

// canShoot is whether a socket can be read and written without blocking.
const canShoot = true

// writeOnce makes one attempt. Go's sockets are non-blocking already. It takes 0
// when the socket is full.
func writeOnce(fd uintptr, data []byte) (int, error) {
	for {
		n, errno := writeSocket(fd, data)
		switch errno {
		case 0:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, errno
		}
	}
}

// readOnce makes one attempt. again is true when there is nothing to read yet,
// and n is 0 without an error at the end.
func readOnce(fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		n, errno := readSocket(fd, b)
		switch errno {
		case 0:
			return n, false, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, errno
		}
	}
}

// readable reports whether a socket has something to read, be it the end or an
// error.
func readable(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	return err != syscall.EAGAIN && err != syscall.EINTR
}
