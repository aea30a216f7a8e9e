package redis_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// command sends one command on a connection of its own and returns the raw
// answer.
func command(t *testing.T, server *rttest.RedisServer, args ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	fmt.Fprint(&b, "*1\r\n$4\r\nQUIT\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(answer), "+OK\r\n")
}

// subscription is a connection that is subscribed to one channel.
type subscription struct{ r *bufio.Reader }

// subscribe returns once the subscription is in force.
func subscribe(t *testing.T, server *rttest.RedisServer, channel string) *subscription {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "*2\r\n$9\r\nSUBSCRIBE\r\n$%d\r\n%s\r\n", len(channel), channel)
	s := &subscription{bufio.NewReader(conn)}
	for range 6 { // *3 $9 subscribe $n channel :1
		s.line(t)
	}
	return s
}

// next returns the payload of the next message.
func (s *subscription) next(t *testing.T) string {
	t.Helper()
	for range 5 { // *3 $7 message $n channel
		s.line(t)
	}
	var n int
	if _, err := fmt.Sscanf(s.line(t), "$%d", &n); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, n+2)
	if _, err := io.ReadFull(s.r, payload); err != nil {
		t.Fatal(err)
	}
	return string(payload[:n])
}

func (s *subscription) line(t *testing.T) string {
	t.Helper()
	line, err := s.r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}
