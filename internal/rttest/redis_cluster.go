package rttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// RedisCluster is a Redis Cluster of masters without replicas.
type RedisCluster struct {
	Masters []*RedisServer
}

// clusterSlots is how many hash slots a Redis Cluster has.
const clusterSlots = 16384

// NewRedisCluster starts n redis-servers that share the slots evenly, and waits
// until each takes the cluster for whole. They end with the test.
func NewRedisCluster(t testing.TB, n int) *RedisCluster {
	t.Helper()
	c := &RedisCluster{}
	for i := range n {
		s := NewRedisServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
		c.Masters = append(c.Masters, s)
		s.Do("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(clusterSlots*i/n), fmt.Sprint(clusterSlots*(i+1)/n-1))
		s.Do("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
	}
	for _, s := range c.Masters[1:] {
		s.Do("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(c.Masters[0].port))
	}
	deadline := time.Now().Add(30 * time.Second)
	for _, s := range c.Masters {
		for !s.whole(n) {
			if time.Now().After(deadline) {
				t.Fatalf("redis-server on %s: no cluster of %d in 30s:\n%s", s.Addr(), n, s.Do("CLUSTER", "INFO"))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return c
}

// URL returns redis+cluster:// with all masters.
func (c *RedisCluster) URL() string {
	var addrs []string
	for _, s := range c.Masters {
		addrs = append(addrs, s.Addr())
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// whole reports whether the server knows all masters and who has which slot.
func (s *RedisServer) whole(n int) bool {
	info := s.Do("CLUSTER", "INFO")
	return strings.Contains(info, "cluster_state:ok") &&
		strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d", clusterSlots)) &&
		strings.Contains(info, fmt.Sprintf("cluster_size:%d\r", n))
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
