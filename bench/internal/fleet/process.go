//go:build linux

package fleet

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	upTimeout = 20 * time.Second
	// tailBytes is how much of what a process says is kept for an error.
	tailBytes = 2000
)

// Process is one process of the fleet, listening at Addr.
type Process struct {
	Addr string

	cmd   *exec.Cmd
	tail  tail
	ended chan struct{}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// startProcess runs a command on one core, or on any when core is negative, and waits until
// something listens at addr. The kernel ends the process with this one.
func startProcess(core int, addr string, argv, env []string) (*Process, error) {
	if core >= 0 {
		argv = append([]string{"taskset", "-c", strconv.Itoa(core)}, argv...)
	}
	p := &Process{Addr: addr, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.tail, &p.tail
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	for deadline := time.Now().Add(upTimeout); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.ended:
			return nil, fmt.Errorf("%s has ended: %s", strings.Join(argv, " "), p.tail.String())
		default:
		}
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close()
			return p, nil
		}
		if time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("%s does not listen at %s after %s: %s", strings.Join(argv, " "), addr, upTimeout, p.tail.String())
		}
	}
}

func (p *Process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// clockTick is the unit of times in /proc, the same on all systems with Linux.
const clockTick = 10 * time.Millisecond

// CPU is the user and system time of the process so far, in steps of 10 ms.
func (p *Process) CPU() time.Duration { return CPU(p.cmd.Process.Pid) }

// CPU is that of any process, by its id.
func CPU(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The fields follow the command's name, which is in brackets and may hold
	// anything; proc(5) numbers them from 1, utime is 14 and stime 15.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	if errUser != nil || errSystem != nil {
		return 0
	}
	return time.Duration(user+system) * clockTick
}

// freeAddr is an address that nobody listened at a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
