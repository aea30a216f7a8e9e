//go:build linux && !386 && !race

package server

import (
	"syscall"
	"unsafe"
)

// These calls can't block, because Go's sockets are non-blocking and they say so
// again, so the scheduler need not be told of them: that would be a twentieth of
// what a short message costs, and more where the monitor thread takes the
// processor away for a call that is over by then. They are the calls for sockets,
// which pass by what read and write do for files.

func readSocket(fd uintptr, b []byte) (int, syscall.Errno) {
	return transfer(syscall.SYS_RECVFROM, fd, b, syscall.MSG_DONTWAIT)
}

func writeSocket(fd uintptr, b []byte) (int, syscall.Errno) {
	return transfer(syscall.SYS_SENDTO, fd, b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

func transfer(call, fd uintptr, b []byte, flags uintptr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
