package client

import (
	"syscall"
	"unsafe"
)

// unread is how many bytes the kernel has received and nobody has read, and how
// many it takes.
func (l *link) unread() (waiting, room int, ok bool) {
	rc := rawConn(l.raw)
	if rc == nil {
		return 0, 0, false
	}
	err := rc.Control(func(fd uintptr) {
		var n int32
		// SIOCINQ has the number of TIOCINQ.
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
			return
		}
		size, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		waiting, room, ok = int(n), size, err == nil
	})
	return waiting, room, ok && err == nil
}
