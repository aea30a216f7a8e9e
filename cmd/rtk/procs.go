package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	childStart = 15 * time.Second // from exec until the child says where it listens
	childStop  = 8 * time.Second  // from the interrupt until it is killed
	childTail  = 16 << 10         // bytes of its stderr that are kept for errors
)

// child is a process of this program that a run started. It ends with the run:
// stop ends it, and if this process dies, its lifeline does.
type child struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *tail
	done   chan struct{} // closed when the process has been reaped
	err    error         // valid after done
	URL    string        // where it listens
	Admin  string        // its admin listener, "" if it has none
	doomed atomic.Bool   // a fault ends it on purpose
}

var listening = regexp.MustCompile(`https?://[0-9.:\[\]a-z]+|redis://[0-9.:]+`)

// startChild starts this program again with args and waits until its first
// line on stdout tells where it listens.
func startChild(ctx context.Context, env *Env, name string, extraEnv []string, args ...string) (*child, error) {
	exe, err := env.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{name: name, cmd: exec.Command(exe, args...), stderr: &tail{max: childTail}, done: make(chan struct{})}
	c.cmd.Env = append(append(os.Environ(), extraEnv...), lifelineVar+"=1")
	c.cmd.Stderr = c.stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.stdin = stdin
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	lines := make(chan string, 1)
	go func() {
		defer close(c.done)
		r := bufio.NewReaderSize(stdout, 4096)
		line, _ := r.ReadString('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, r)
		c.err = c.cmd.Wait()
	}()

	timer := time.NewTimer(childStart)
	defer timer.Stop()
	select {
	case line := <-lines:
		urls := listening.FindAllString(line, -1)
		if len(urls) == 0 {
			c.stop()
			return nil, fmt.Errorf("start %s: it said %q instead of where it listens: %s", name, strings.TrimSpace(line), c.stderr)
		}
		c.URL = urls[0]
		if _, admin, ok := strings.Cut(line, "stats on "); ok {
			c.Admin = listening.FindString(admin)
		}
		return c, nil
	case <-timer.C:
		c.stop()
		return nil, fmt.Errorf("start %s: no sign of life after %v: %s", name, childStart, c.stderr)
	case <-ctx.Done():
		c.stop()
		return nil, context.Cause(ctx)
	}
}

// exited reports whether the process has ended by itself.
func (c *child) exited() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop interrupts the process, waits for it, and kills it when it does not
// end. It is idempotent.
func (c *child) stop() {
	if !c.exited() {
		_ = c.cmd.Process.Signal(os.Interrupt)
	}
	c.stdin.Close()
	timer := time.NewTimer(childStop)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	max int
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > t.max {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-t.max:]...)
	}
	return len(p), nil
}

// all is everything that was kept.
func (t *tail) all() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// String is the last line or two of what was written.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(t.buf), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-2):], []byte("; ")))
}
