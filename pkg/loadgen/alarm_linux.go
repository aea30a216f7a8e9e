package loadgen

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// kernelAlarm waits with a timer of the kernel (timerfd_create(2)) that the
// runtime watches like a socket: it is on time to some microseconds, also when
// the process sleeps.
type kernelAlarm struct {
	f    *os.File
	rc   syscall.RawConn
	due  struct{ interval, value syscall.Timespec }
	arm  func(fd uintptr)
	read func(fd uintptr) bool
}

const clockMonotonic = 1

// newKernelAlarm returns nil where there are no such timers.
func newKernelAlarm() alarm {
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return nil
	}
	a := &kernelAlarm{f: os.NewFile(fd, "timer")}
	rc, err := a.f.SyscallConn()
	if err != nil {
		_ = a.f.Close()
		return nil
	}
	a.rc = rc
	a.arm = func(fd uintptr) {
		_, _, _ = syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&a.due)), 0, 0, 0)
	}
	var count [8]byte
	a.read = func(fd uintptr) bool {
		_, err := syscall.Read(int(fd), count[:])
		return err != syscall.EAGAIN
	}
	return a
}

func (a *kernelAlarm) set(d time.Duration) {
	a.due.value = syscall.NsecToTimespec(int64(max(d, 1))) // 0 would disarm it
	_ = a.rc.Control(a.arm)                                // fails when it is closed, and then nobody waits
}

func (a *kernelAlarm) poke() { a.set(0) }

func (a *kernelAlarm) wait() { _ = a.rc.Read(a.read) }

func (a *kernelAlarm) close() { _ = a.f.Close() }
