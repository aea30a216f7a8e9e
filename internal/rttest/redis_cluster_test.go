package rttest

import (
	"strings"
	"testing"
)

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	c := NewRedisCluster(t, 3, true)
	if got := c.Owner(0); got != 0 {
		t.Errorf("slot 0 is at node %d, want 0", got)
	}
	key := "{06S}key" // of slot 0
	if got := c.Nodes[0].CLI("SET", key, "value"); got != "OK" {
		t.Fatalf("SET: %s", got)
	}
	c.Move(0, 2)
	if got := c.Nodes[2].CLI("GET", key); got != "value" {
		t.Errorf("the key is %q after the move of its slot, want its value", got)
	}
	if got := c.Owner(0); got != 2 {
		t.Errorf("slot 0 is at node %d after its move, want 2", got)
	}
}

func TestRedisSentinels(t *testing.T) {
	t.Parallel()
	s := NewRedisSentinels(t)
	if got := s.Sentinels[2].CLI("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"); !strings.HasPrefix(got, "127.0.0.1\n") {
		t.Errorf("the master is at %q", got)
	}
}
