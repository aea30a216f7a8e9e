//go:build linux && !386 && !race

package client

import (
	"syscall"
	"unsafe"
)

// receive and send make one attempt. The scheduler is not told of them, because
// they never wait: Go's sockets are non-blocking, and the flag says so again.

func receive(fd int, b []byte) (int, syscall.Errno) {
	return transfer(syscall.SYS_RECVFROM, fd, b, syscall.MSG_DONTWAIT)
}

func send(fd int, b []byte) (int, syscall.Errno) {
	return transfer(syscall.SYS_SENDTO, fd, b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

func transfer(call uintptr, fd int, b []byte, flags uintptr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	return int(n), errno
}
