//go:build unix && (race || !linux || 386)

package server

import (
	"errors"
	"syscall"
)

// The race detector sees through syscall.Read and syscall.Write that what was
// written happened before what was read.

func readSocket(fd uintptr, b []byte) (int, syscall.Errno) {
	n, err := syscall.Read(int(fd), b)
	return n, errnoOf(err)
}

func writeSocket(fd uintptr, b []byte) (int, syscall.Errno) {
	n, err := syscall.Write(int(fd), b)
	return n, errnoOf(err)
}

func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return syscall.EIO // these calls fail with numbers only
}
