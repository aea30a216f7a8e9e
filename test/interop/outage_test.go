package interop_test

import (
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// TestOutage kills the Redis of a mixed cluster and starts it again: both sides
// find each other again without a restart, and each goes on serving its own
// clients meanwhile.
func TestOutage(t *testing.T) {
	t.Parallel()
	redis := rttest.NewRedisServer(t)
	node := rttest.NodeEnv(t, []string{"REDIS=" + redis.URL()}, "interop-server.js").Line(t, patience)
	servers := map[string]*side{"node": connect(t, node, "/"), "rtk": connect(t, pod(t, redis.URL()), "/")}
	settle(t, servers)

	redis.Stop()
	local := servers["rtk"]
	local.sender.tell(t, command{Via: "io", Event: "local"}, "")
	for who, p := range local.members {
		if got := p.until(t, "local"); len(got) != 0 {
			t.Errorf("client in %s got %v", who, got)
		}
	}

	redis.Start()
	settle(t, servers)
}
