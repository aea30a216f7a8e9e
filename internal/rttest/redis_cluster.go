package rttest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// clusterSlots is how many slots a Redis Cluster has.
const clusterSlots = 16384

// clusterStart bounds how long a Cluster or a set of Sentinels may take until it
// is ready.
const clusterStart = 30 * time.Second

// RedisCluster is a Redis Cluster of the test's own on 127.0.0.1.
type RedisCluster struct {
	// Nodes are the masters as the Cluster began, and then their replicas in the
	// same order.
	Nodes   []*RedisServer
	t       testing.TB
	ids     []string
	masters int
}

// NewRedisCluster starts a Cluster of masters that share the slots, each with a
// replica if replicas is set, and more command-line arguments for each server, in
// which FREEPORT stands for a port of its own. A master that is silent for a
// second is replaced by its replica.
func NewRedisCluster(t testing.TB, masters int, replicas bool, args ...string) *RedisCluster {
	t.Helper()
	c := &RedisCluster{t: t, masters: masters}
	size := masters
	if replicas {
		size *= 2
	}
	for range size {
		own := slices.Clone(args)
		for i, a := range own {
			if a == "FREEPORT" {
				own[i] = fmt.Sprint(freePort(t))
			}
		}
		c.Nodes = append(c.Nodes, NewRedisServer(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(freePort(t)),
			"--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
			"--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0",
		}, own...)...))
	}
	for i, n := range c.Nodes {
		c.ids = append(c.ids, n.CLI("CLUSTER", "MYID"))
		n.CLI("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
		if i < masters {
			n.CLI("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(clusterSlots*i/masters), fmt.Sprint(clusterSlots*(i+1)/masters-1))
		}
	}
	met := time.Time{}
	c.until("each server knows all", func(n *RedisServer) bool {
		if time.Since(met) > 2*time.Second { // a busy machine lets a handshake time out, and nobody repeats it
			met = time.Now()
			for _, n := range c.Nodes[1:] {
				_, bus, _ := strings.Cut(n.CLI("CONFIG", "GET", "cluster-port"), "\n")
				c.Nodes[0].CLI("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(n.port), bus)
			}
		}
		nodes := n.CLI("CLUSTER", "NODES")
		return strings.Count(nodes, " connected") == size && !strings.Contains(nodes, "handshake")
	})
	for i, n := range c.Nodes[masters:] {
		n.CLI("CLUSTER", "REPLICATE", c.ids[i])
	}
	c.until("all is in order", func(n *RedisServer) bool {
		return strings.Contains(n.CLI("CLUSTER", "INFO"), "cluster_state:ok") && !strings.Contains(n.CLI("INFO", "replication"), "master_link_status:down") &&
			strings.Count(n.CLI("CLUSTER", "NODES"), " slave ")+strings.Count(n.CLI("CLUSTER", "NODES"), ",slave ") == size-masters
	})
	return c
}

// until waits until ok holds for all servers.
func (c *RedisCluster) until(what string, ok func(*RedisServer) bool) {
	c.t.Helper()
	deadline := time.Now().Add(clusterStart)
	for _, n := range c.Nodes {
		for !ok(n) {
			if time.Now().After(deadline) {
				c.t.Fatalf("redis cluster: not so in %v that %s: %s", clusterStart, what, n.CLI("CLUSTER", "NODES"))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// URL returns redis+cluster:// with the addresses of the first masters.
func (c *RedisCluster) URL() string {
	addrs := make([]string, c.masters)
	for i := range addrs {
		addrs[i] = c.Nodes[i].Addr()
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// Owner returns the index of the node that has a slot, as the first server that
// runs sees it; -1 when none has.
func (c *RedisCluster) Owner(slot int) int {
	c.t.Helper()
	i := slices.IndexFunc(c.Nodes, func(n *RedisServer) bool { return n.cmd != nil })
	lines := strings.Split(c.Nodes[i].CLI("CLUSTER", "SLOTS"), "\n")
	// from, to, and of each server address, port, id and an empty list
	for i := 0; i+4 < len(lines); i++ {
		var from, to int
		if _, err := fmt.Sscan(lines[i]+" "+lines[i+1], &from, &to); err == nil && lines[i+2] == "127.0.0.1" && from <= slot && slot <= to {
			return slices.Index(c.ids, lines[i+4])
		}
	}
	return -1
}

// Move gives a slot and its keys to another master, as a resharding does. Without
// the keys the old master would refuse, or delete them, whichever is sooner: that
// the slot is no longer its own it also hears from the new one.
func (c *RedisCluster) Move(slot, to int) {
	c.t.Helper()
	from := c.Owner(slot)
	n := fmt.Sprint(slot)
	c.Nodes[to].CLI("CLUSTER", "SETSLOT", n, "IMPORTING", c.ids[from])
	c.Nodes[from].CLI("CLUSTER", "SETSLOT", n, "MIGRATING", c.ids[to])
	for {
		keys := strings.Fields(c.Nodes[from].CLI("CLUSTER", "GETKEYSINSLOT", n, "100"))
		if len(keys) == 0 {
			break
		}
		out := c.Nodes[from].CLI(append([]string{"MIGRATE", "127.0.0.1", fmt.Sprint(c.Nodes[to].port), "", "0", "5000", "KEYS"}, keys...)...)
		if out != "OK" && out != "NOKEY" { // some may have expired
			c.t.Fatalf("move the keys of slot %d: %s", slot, out)
		}
	}
	told := append([]*RedisServer{c.Nodes[to], c.Nodes[from]}, c.Nodes[:c.masters]...)
	for _, node := range told {
		if out := node.CLI("CLUSTER", "SETSLOT", n, "NODE", c.ids[to]); out != "OK" {
			c.t.Fatalf("move slot %d: %s", slot, out)
		}
	}
}

// RedisSentinels is a master with a replica and three Sentinels that watch them
// under the name "main".
type RedisSentinels struct {
	// Servers are the master as it began, and its replica.
	Servers   []*RedisServer
	Sentinels []*RedisServer
	t         testing.TB
}

// NewRedisSentinels starts them. A master that is silent for half a second is
// replaced.
func NewRedisSentinels(t testing.TB) *RedisSentinels {
	t.Helper()
	s := &RedisSentinels{t: t}
	master := NewRedisServer(t, "--repl-diskless-sync-delay", "0")
	replica := NewRedisServer(t, "--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", fmt.Sprint(master.port))
	s.Servers = []*RedisServer{master, replica}
	for range 3 {
		s.Sentinels = append(s.Sentinels, newSentinel(t, master.port))
	}
	deadline := time.Now().Add(clusterStart)
	for _, n := range s.Sentinels {
		for {
			state := n.CLI("SENTINEL", "MASTER", "main")
			if strings.Contains(state, "num-slaves\n1") && strings.Contains(state, "num-other-sentinels\n2") &&
				strings.Contains(replica.CLI("INFO", "replication"), "master_link_status:up") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("sentinel: not ready in %v: %s", clusterStart, state)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return s
}

func newSentinel(t testing.TB, master int) *RedisServer {
	t.Helper()
	s := newRedisServer(t)
	s.config = filepath.Join(s.dir, "sentinel.conf") // it writes to it
	config := fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 2\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n", master)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.startAnywhere()
	return s
}

// URL returns redis+sentinel:// with the addresses of the Sentinels.
func (s *RedisSentinels) URL() string {
	addrs := make([]string, len(s.Sentinels))
	for i, n := range s.Sentinels {
		addrs[i] = n.Addr()
	}
	return "redis+sentinel://" + strings.Join(addrs, ",") + "/main"
}

// Slot returns the slot of a key or channel.
func (c *RedisCluster) Slot(name string) int {
	c.t.Helper()
	var slot int
	if _, err := fmt.Sscan(c.Nodes[0].CLI("CLUSTER", "KEYSLOT", name), &slot); err != nil {
		c.t.Fatalf("slot of %q: %v", name, err)
	}
	return slot
}
