package rttest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
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
	config string // the file of a Sentinel, "" for a server
	dir    string
	port   int
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
}

// NewRedisServer starts a server with more command-line arguments, such as
// "--requirepass", "secret".
func NewRedisServer(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	s := newRedisServer(t, args...)
	s.startAnywhere()
	return s
}

// newRedisServer makes a server and doesn't start it.
func newRedisServer(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		Missing(t, "redis-server is not installed: apt-get install redis-server")
	}
	return &RedisServer{t: t, binary: binary, args: args, dir: t.TempDir()}
}

// startAnywhere starts the server on a port that it finds free.
func (s *RedisServer) startAnywhere() {
	t := s.t
	t.Helper()
	t.Cleanup(s.Stop)
	var err error
	const attempts = 20 // each on another port
	for range attempts {
		s.port = freePort(t)
		if err = s.run(); err == nil {
			return
		}
	}
	t.Fatal(err)
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
	deadline := time.Now().Add(10 * time.Second)
	err := s.run()
	for err != nil && time.Now().Before(deadline) { // the port may be in use for a moment
		time.Sleep(50 * time.Millisecond)
		err = s.run()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// run starts the process and waits until it answers. A server that ends by
// itself, as it does when somebody else was faster to take its port, is an
// error at once.
func (s *RedisServer) run() error {
	args := []string{"--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--logfile", "redis.log"}
	if s.config != "" {
		args = append([]string{s.config, "--sentinel"}, args...)
	} else {
		args = append(args, "--save", "", "--appendonly", "no")
	}
	args = append(args, s.args...)
	s.cmd = exec.Command(s.binary, args...)
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return fmt.Errorf("start redis-server: %w", err)
	}
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
	deadline := time.Now().Add(10 * time.Second)
	for {
		select {
		case <-s.ended:
			return s.failed("ended at its start")
		case <-time.After(10 * time.Millisecond):
		}
		if s.answers() && !s.gone() {
			return nil
		}
		if time.Now().After(deadline) {
			return s.failed("doesn't answer")
		}
	}
}

// gone reports whether the process has ended: then it was somebody else that
// answered on its port.
func (s *RedisServer) gone() bool {
	select {
	case <-s.ended:
		return true
	case <-time.After(10 * time.Millisecond):
		return false
	}
}

func (s *RedisServer) failed(what string) error {
	log, _ := os.ReadFile(s.dir + "/redis.log")
	s.Stop()
	return fmt.Errorf("redis-server on %s %s:\n%s", s.Addr(), what, log)
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
	<-s.ended
	s.cmd = nil
}

// PID returns the process id while the server runs.
func (s *RedisServer) PID() int { return s.cmd.Process.Pid }

// freePort returns a port that is free now, from below the range that Linux
// takes for outgoing connections (32768 and up): none of those can take it
// while the server is stopped.
func freePort(t testing.TB) int {
	t.Helper()
	const lowest, highest = 15000, 32000
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatal("no free port on 127.0.0.1")
	return 0
}
