//go:build unix

package server

import "syscall"

// canShoot is whether a socket can be written to without blocking.
const canShoot = true

// writeOnce makes one attempt. Go's sockets are non-blocking already.
func writeOnce(fd uintptr, data []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), data)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}
