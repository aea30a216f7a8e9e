package rttest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// processStop is how long a process may take to end after SIGTERM.
const processStop = 15 * time.Second

// Process is a program that a test started and that ends with the test, by
// its process id.
type Process struct {
	cmd    *exec.Cmd
	lines  chan string // stdout, line by line; closed at its end
	stderr buffer
	done   chan struct{}
	err    error
}

// Start runs a program. env is added to the test's environment. At the end of
// the test it gets SIGTERM and, if that does not do, SIGKILL; its stderr is
// logged when the test failed. Its stdin stays open and empty until then.
func Start(t testing.TB, env []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(name, args...), lines: make(chan string, 1024), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	// Open for as long as cmd is: its end tells the program that the test is gone.
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		s := bufio.NewScanner(stdout)
		s.Buffer(nil, 4<<20)
		for s.Scan() {
			p.lines <- s.Text()
		}
		close(p.lines)
		_, _ = io.Copy(io.Discard, stdout)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("%s %s, stderr:\n%s", name, strings.Join(args, " "), p.stderr.String())
		}
	})
	return p
}

// Line returns the next line of stdout.
func (p *Process) Line(t testing.TB, timeout time.Duration) string {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			<-p.done
			t.Fatalf("%s ended (%v) before it printed a line; stderr:\n%s", p.cmd.Path, p.err, p.stderr.String())
		}
		return line
	case <-time.After(timeout):
		t.Fatalf("%s printed nothing in %v; stderr:\n%s", p.cmd.Path, timeout, p.stderr.String())
	}
	return ""
}

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stderr is what the process wrote to stderr so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Wait waits for the end and returns the exit code.
func (p *Process) Wait(t testing.TB, timeout time.Duration) int {
	t.Helper()
	for {
		select {
		case <-p.done:
			return p.cmd.ProcessState.ExitCode()
		case _, ok := <-p.lines: // keep stdout flowing
			if !ok {
				select {
				case <-p.done:
					return p.cmd.ProcessState.ExitCode()
				case <-time.After(timeout):
					t.Fatalf("%s did not end in %v", p.cmd.Path, timeout)
				}
			}
		case <-time.After(timeout):
			t.Fatalf("%s did not end in %v", p.cmd.Path, timeout)
		}
	}
}

// Stop ends the process; it is idempotent.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	go func() {
		for range p.lines { // so that it can't block on its stdout
		}
	}()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(processStop):
		t.Errorf("%s did not end %v after SIGTERM", p.cmd.Path, processStop)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Gateway is a running `rtk serve`.
type Gateway struct {
	*Process
	URL   string // http://127.0.0.1:port
	Admin string // http://127.0.0.1:port
}

var listening = regexp.MustCompile(`listening on (https?://[0-9a-z.:\[\]]+).* stats on (https?://[0-9a-z.:\[\]]+)/stats`)

// Serve starts `rtk serve` and waits until it listens: on free ports of
// loopback, unless args say where.
func Serve(t testing.TB, binary string, env []string, args ...string) *Gateway {
	t.Helper()
	all := []string{"serve", "--admin-listen", "127.0.0.1:0"}
	if !slices.Contains(args, "--listen") {
		all = append(all, "--listen", "127.0.0.1:0")
	}
	g := &Gateway{Process: Start(t, env, binary, append(all, args...)...)}
	line := g.Line(t, 20*time.Second)
	m := listening.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("rtk serve said %q, want where it listens", line)
	}
	g.URL, g.Admin = m[1], m[2]
	return g
}

// buffer is a bytes.Buffer for one writer and any reader.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.b.Len() > 1<<20 {
		b.b.Reset() // a test's log, not evidence that must be whole
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
