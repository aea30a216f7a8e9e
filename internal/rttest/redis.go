package rttest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Redis starts a redis-server of the test's own on a free port of 127.0.0.1 and
// returns its URL, redis://127.0.0.1:port. The server keeps nothing on disk and
// ends with the test. Without a redis-server the test is skipped, or fails when
// CI is set.
func Redis(t testing.TB) (url string) {
	t.Helper()
	return NewRedisServer(t).URL()
}

// RedisServer is a redis-server that a test can stop and start again.
type RedisServer struct {
	t      testing.TB
	binary string
	args   []string
	dir    string
	port   int
	cmd    *exec.Cmd
}

// NewRedisServer starts a server with more command-line arguments, such as
// "--requirepass", "secret".
func NewRedisServer(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		Missing(t, "redis-server is not installed: apt-get install redis-server")
	}
	s := &RedisServer{t: t, binary: binary, args: args, dir: t.TempDir(), port: freePort(t)}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Missing skips the test for want of something that isn't in the module, or
// fails it when the environment has CI set, where nothing may be left out.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Addr returns host:port.
func (s *RedisServer) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// URL returns the URL without credentials.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() }

// Start starts the server, on the same port as before, and waits until it
// answers.
func (s *RedisServer) Start() {
	s.t.Helper()
	args := append([]string{
		"--port", fmt.Sprint(s.port), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", s.dir, "--logfile", "redis.log",
	}, s.args...)
	s.cmd = exec.Command(s.binary, args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !s.answers() {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(s.dir + "/redis.log")
			s.Stop()
			s.t.Fatalf("redis-server doesn't answer on %s:\n%s", s.Addr(), log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// answers reports whether a PING gets any answer: -NOAUTH is one too.
func (s *RedisServer) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && (line[0] == '+' || line[0] == '-')
}

// Stop kills the server, as an outage would. It may be called again.
func (s *RedisServer) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// PID returns the process id while the server runs.
func (s *RedisServer) PID() int { return s.cmd.Process.Pid }

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
