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
	f := startFleetOn(t, adapters[0], redis.URL(), "node-a", "rtk-a")
	v := f.connect(t, "/")

	redis.Stop()
	local := v.side(rtk)
	local.sender.do(t, command{Op: "emit", Event: "local"}, "")
	for who, p := range local.members {
		if got := p.until(t, "local"); len(got) != 0 {
			t.Errorf("client in %s got %v", who, got)
		}
	}

	redis.Start()
	v.settle(t)
}
