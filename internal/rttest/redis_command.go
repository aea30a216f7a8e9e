package rttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"
)

// CLI runs redis-cli against the server and returns what it prints.
func (s *RedisServer) CLI(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "redis-cli", append([]string{"-p", fmt.Sprint(s.port)}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Do sends one command, on a connection of its own, and returns the number or the
// simple or bulk string that it answers. Any error fails the test.
func (s *RedisServer) Do(words ...string) string {
	s.t.Helper()
	answer, err := s.command(words)
	if err != nil {
		s.t.Fatalf("redis-server on %s: %s: %v", s.Addr(), strings.Join(words, " "), err)
	}
	return answer
}

func (s *RedisServer) command(words []string) (string, error) {
	const patience = 5 * time.Second
	conn, err := net.DialTimeout("tcp", s.Addr(), patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := conn.Write([]byte(b.String())); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '$':
		var n int
		if _, err := fmt.Sscanf(line, "$%d", &n); err != nil || n < 0 || n > 1<<20 {
			return "", fmt.Errorf("answer %q", line)
		}
		body := make([]byte, n)
		_, err := io.ReadFull(r, body)
		return string(body), err
	}
	return "", fmt.Errorf("answer %q", line)
}
