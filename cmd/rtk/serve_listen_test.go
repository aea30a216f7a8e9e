package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// overUnix is an HTTP client for a socket file.
func overUnix(t *testing.T, path string) *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestServeOnSeveralListeners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, adminPath := filepath.Join(dir, "rtk.sock"), filepath.Join(dir, "admin.sock")
	s := runServeCmd(t, nil, "--listen", "unix:"+path, "--admin-listen", "unix:"+adminPath, "--socket-mode", "0600")
	for deadline := time.Now().Add(10 * time.Second); s.stdout.String() == "" && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	line, _, _ := strings.Cut(s.stdout.String(), "\n")
	if !strings.Contains(line, "listening on http://127.0.0.1:") || !strings.Contains(line, ", unix:"+path+"  ") || !strings.Contains(line, "stats on unix:"+adminPath+"/stats") {
		t.Errorf("said %q", line)
	}
	for _, p := range []string{path, adminPath} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", p, info, err)
		}
	}
	res, err := overUnix(t, adminPath).Get("http://x/readyz")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("readyz over the admin socket: %v, %v", res, err)
	}
	res.Body.Close()
	// WebSocket and an event stream, the two ways in which connections are
	// taken over.
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(nc, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(nc)
	if status, err := r.ReadString('\n'); err != nil || !strings.Contains(status, " 101 ") {
		t.Errorf("upgrade: %q, %v", status, err)
	}
	res, err = overUnix(t, path).Get("http://x/events?topic=t")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if hello, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || !strings.HasPrefix(hello, "retry:") {
		t.Errorf("stream: %q, %v", hello, err)
	}
	s.signals <- syscall.SIGTERM
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket file is left behind: %v", err)
	}
}

func TestUnixSocketFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		refused string // "" when it listens
	}{
		{"nothing there", func(*testing.T, string) {}, ""},
		{"left behind", func(t *testing.T, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			l.Close()
		}, ""},
		{"in use", func(t *testing.T, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, "the socket is in use"},
		{"a file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "no socket"},
		{"a link", func(t *testing.T, path string) {
			if err := os.Symlink("/nowhere", path); err != nil {
				t.Fatal(err)
			}
		}, "no socket"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "s")
			tt.prepare(t, path)
			before, _ := os.Lstat(path)
			l, err := listenUnix(t.Context(), "listen", path, 0o660)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Fatalf("error %v, want %q", err, tt.refused)
				}
				if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
					t.Error("what was there is gone")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if info, err := os.Stat(path); err != nil || info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o660 {
				t.Errorf("%v, %v; want a socket of mode 0660", info.Mode(), err)
			}
		})
	}
}

func TestServeBadListeners(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "unix:"}, "lacks the path"},
		{[]string{"--listen", "unix:/no/such/folder/s"}, "no such file"},
		{[]string{"--listen", "systemd"}, "no socket was passed"},
		{[]string{"--socket-mode", "rw"}, "want octal permissions"},
		{[]string{"--socket-mode", "7777"}, "want octal permissions"},
		{[]string{"--drain-delay", "-1s"}, "must not be negative"},
	} {
		s := runServeCmd(t, nil, tt.args...)
		if code := s.wait(); code != exitUsage || !strings.Contains(s.stderr.String(), tt.want) {
			t.Errorf("%v: exit code %d, %q; want 2 with %q", tt.args, code, s.stderr, tt.want)
		}
	}
}

// socketFile opens a TCP listener as a service manager does before the start.
func socketFile(t *testing.T) (file *os.File, url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	return f, "http://" + l.Addr().String()
}

// The program is started with two sockets and a notification socket, as systemd
// starts it. A client that connects before it runs is served.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	public, url := socketFile(t)
	private, adminURL := socketFile(t)
	dir := t.TempDir()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	_ = notify.SetReadDeadline(time.Now().Add(60 * time.Second))
	told := func() string {
		buf := make([]byte, 256)
		n, err := notify.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	early, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	fmt.Fprint(early, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

	// The shell knows its process id, which exec keeps.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, rttest.Binary(t, true), "serve", "--listen", "systemd", "--admin-listen", "systemd", "--drain", "5s")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=web:admin", "NOTIFY_SOCKET="+filepath.Join(dir, "notify"))
	cmd.ExtraFiles = []*os.File{public, private}
	stderr := &syncBuffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	public.Close()
	private.Close()
	defer func() { _ = cmd.Process.Kill() }()
	if s := told(); s != "READY=1" {
		t.Errorf("told %q, want READY=1", s)
	}
	_ = early.SetDeadline(time.Now().Add(10 * time.Second))
	if page, err := io.ReadAll(early); err != nil || !strings.HasPrefix(string(page), "HTTP/1.1 200") {
		t.Errorf("the early client: %.80s, %v", page, err)
	}
	for _, u := range []string{url + "/", adminURL + "/readyz"} {
		res, err := http.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", u, res.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if s := told(); s != "STOPPING=1" {
		t.Errorf("told %q, want STOPPING=1", s)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr)
	}
}

func TestPassedSockets(t *testing.T) {
	t.Parallel()
	own := fmt.Sprint(os.Getpid())
	for _, tt := range []struct {
		name     string
		environ  map[string]string
		want     int
		wantsErr bool
	}{
		{"none", nil, 0, false},
		{"two", map[string]string{"LISTEN_PID": own, "LISTEN_FDS": "2"}, 2, false},
		{"of another process", map[string]string{"LISTEN_PID": "1", "LISTEN_FDS": "2"}, 0, false},
		{"no number", map[string]string{"LISTEN_PID": own, "LISTEN_FDS": "x"}, 0, true},
		{"absurd", map[string]string{"LISTEN_PID": own, "LISTEN_FDS": "1000000000"}, 0, true},
		{"negative", map[string]string{"LISTEN_PID": own, "LISTEN_FDS": "-1"}, 0, true},
	} {
		env := &Env{LookupEnv: func(n string) (string, bool) { v, ok := tt.environ[n]; return v, ok }}
		got, err := passedSockets(env)
		if len(got) != tt.want || (err != nil) != tt.wantsErr {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}
