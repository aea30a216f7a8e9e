package redis_test

import (
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

// TestStreamsFailover kills the master of the stream under load. What Redis had
// taken and not yet given to its replica is lost, and nothing else.
func TestStreamsFailover(t *testing.T) {
	t.Parallel()
	t.Run("Sentinels", func(t *testing.T) {
		t.Parallel()
		s := rttest.NewRedisSentinels(t)
		flow := pair(t, redis.Options{URL: s.URL(), Adapter: redis.Streams}, "", "r1")
		s.Servers[0].Stop()
		until(t, flow.from, "degraded", degraded)
		flow.check("master killed", bounds{lost: 50, still: 15 * time.Second})
		until(t, flow.from, "healthy", healthy)
		servers(t, flow.from, "/", 2)
	})
	t.Run("Cluster", func(t *testing.T) {
		t.Parallel()
		c := rttest.NewRedisCluster(t, 3, true)
		flow := pair(t, redis.Options{URL: c.URL(), Adapter: redis.Streams}, "", "r1")
		c.Nodes[c.Owner(redisconn.Slot("socket.io"))].Stop()
		until(t, flow.from, "degraded", degraded)
		flow.check("master killed", bounds{lost: 50, still: 15 * time.Second})
		until(t, flow.from, "healthy", healthy)
	})
}

// TestStreamsSlotMoves moves the slot of the stream under load: nothing is lost.
func TestStreamsSlotMoves(t *testing.T) {
	t.Parallel()
	c := rttest.NewRedisCluster(t, 3, false)
	flow := pair(t, redis.Options{URL: c.URL(), Adapter: redis.Streams}, "", "r1")
	slot := redisconn.Slot("socket.io")
	c.Move(slot, (c.Owner(slot)+1)%3)
	flow.awaits("", 100)
	flow.check("slot moved", bounds{lost: 0, still: 5 * time.Second})
	until(t, flow.from, "healthy", healthy)
}
