//go:build linux && (386 || race)

package client

import (
	"errors"
	"syscall"
)

// These are seen by the race detector, and 386 has other calls for sockets.

func receive(fd int, b []byte) (int, syscall.Errno) { return attempt(syscall.Read(fd, b)) }

func send(fd int, b []byte) (int, syscall.Errno) { return attempt(syscall.Write(fd, b)) }

func attempt(n int, err error) (int, syscall.Errno) {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return n, errno
	}
	return n, 0
}
