package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watched is `rtk watch` as a process of its own, with pipes.
type watched struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	out    io.Closer
	stderr *syncBuffer
}

func startWatch(t *testing.T, args ...string) *watched {
	t.Helper()
	path, err := exec.LookPath("rtk") // TestMain put this program there
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, cmd: exec.Command(path, append([]string{"watch"}, args...)...), stderr: &syncBuffer{}}
	w.cmd.Dir = t.TempDir()
	w.cmd.Env = append(os.Environ(), "HOME="+w.cmd.Dir, "XDG_CONFIG_HOME=")
	w.cmd.Stderr = w.stderr
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out, w.stdout = out, bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.cmd.ProcessState == nil {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("rtk watch %s, stderr:\n%s", strings.Join(args, " "), w.stderr)
		}
	})
	return w
}

// line returns the next line of output.
func (w *watched) line() string {
	w.t.Helper()
	type result struct {
		line string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		line, err := w.stdout.ReadString('\n')
		got <- result{line, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			w.t.Fatalf("output ended: %v\nstderr:\n%s", r.err, w.stderr)
		}
		return strings.TrimSuffix(r.line, "\n")
	case <-time.After(10 * time.Second):
		w.t.Fatalf("no output in 10 s, stderr:\n%s", w.stderr)
		return ""
	}
}

// until reads lines up to one that contains want.
func (w *watched) until(want string) string {
	w.t.Helper()
	for {
		if line := w.line(); strings.Contains(line, want) {
			return line
		}
	}
}

func (w *watched) send(line string) {
	w.t.Helper()
	if _, err := io.WriteString(w.stdin, line+"\n"); err != nil {
		w.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (w *watched) exit() int {
	w.t.Helper()
	done := make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, w.stdout)
		done <- w.cmd.Wait()
	}()
	select {
	case <-done:
		return w.cmd.ProcessState.ExitCode()
	case <-time.After(15 * time.Second):
		w.t.Fatal("rtk watch did not end")
		return -1
	}
}

func TestWatchTalksToAGateway(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil, "--service", "chat,feed,echo")
	port := s.public[strings.LastIndexByte(s.public, ':'):]

	t.Run("Socket.IO, probed", func(t *testing.T) {
		t.Parallel()
		w := startWatch(t, port+"/chat")
		w.send("/join lobby")
		w.until(`ack #0 {"ok":true`)
		w.send(`message {"room":"lobby","text":"hello"}`)
		w.until(`← /chat message {"room":"lobby","text":"hello"`)
		w.send("nonsense without json")
		w.stdin.Close()
		if code := w.exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		for _, want := range []string{"speaks socketio, namespace /chat", "rtk: connected: websocket in", `not JSON after "nonsense"`} {
			if !strings.Contains(w.stderr.String(), want) {
				t.Errorf("stderr has no %q:\n%s", want, w.stderr)
			}
		}
	})
	t.Run("Socket.IO over polling", func(t *testing.T) {
		t.Parallel()
		w := startWatch(t, "sio+"+s.public, "-n", "/chat", "--transport", "polling", "-o", "ndjson", "--linger", "500ms")
		w.send("/join lobby")
		var e struct {
			Schema, Kind, Transport string
			Args                    []struct{ OK bool }
			AckID                   *int    `json:"ack_id"`
			Latency                 float64 `json:"latency_s"`
		}
		if err := json.Unmarshal([]byte(w.until(`"kind":"ack"`)), &e); err != nil {
			t.Fatal(err)
		}
		if e.Schema != "rtk.watch/v1" || e.Transport != "polling" || len(e.Args) != 1 || !e.Args[0].OK || e.AckID == nil || e.Latency <= 0 {
			t.Errorf("ack %+v", e)
		}
		w.stdin.Close()
		if code := w.exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		w := startWatch(t, "ws://"+strings.TrimPrefix(s.public, "http://")+"/ws", "-n", "/chat", "-e", "message")
		w.send(`join {"room":"ws"}`)
		w.send(`message {"room":"ws","text":"over ws"}`)
		if line := w.until("← "); !strings.Contains(line, `message {"room":"ws","text":"over ws"`) {
			t.Errorf("line %q", line)
		}
		if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := w.exit(); code != 130 {
			t.Errorf("exit code %d after SIGINT, want 130", code)
		}
	})
	t.Run("SSE, and a reader that leaves", func(t *testing.T) {
		t.Parallel()
		w := startWatch(t, "sse+"+s.public+"/events", "--topic", "ticker", "-o", "ndjson")
		line := w.until(`"kind":"event"`)
		if !strings.HasPrefix(line, `{"schema":"rtk.watch/v1",`) || !json.Valid([]byte(line)) {
			t.Errorf("line %q", line)
		}
		w.out.Close() // as `| head` does
		w.stdout = bufio.NewReader(strings.NewReader(""))
		if code := w.exit(); code != 0 {
			t.Errorf("exit code %d after its reader left, want 0", code)
		}
	})
	t.Run("SIGTERM", func(t *testing.T) {
		t.Parallel()
		w := startWatch(t, s.public, "-o", "ndjson")
		w.until("connected")
		if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := w.exit(); code != 143 {
			t.Errorf("exit code %d after SIGTERM, want 143", code)
		}
	})
}

func TestWatchIsRefused(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil, "--jwt-secret", strings.Repeat("s", 32))
	for _, tt := range []struct{ name, target string }{
		{"Socket.IO", "sio+" + s.public},
		{"WebSocket", "ws" + strings.TrimPrefix(s.public, "http") + "/ws"},
		{"SSE", "sse+" + s.public + "/events?topic=ticker"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := startWatch(t, tt.target, "-n", "/chat", "--token", "not.a.token")
			if code := w.exit(); code != exitUnreachable {
				t.Errorf("exit code %d, want %d", code, exitUnreachable)
			}
			if !strings.Contains(w.stderr.String(), "token_malformed") || strings.Contains(w.stderr.String(), "not.a.token") {
				t.Errorf("stderr:\n%s", w.stderr)
			}
		})
	}
}
