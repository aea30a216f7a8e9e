package redis_test

import (
	"fmt"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// TestHeard: a pod without members of a room is sent what goes there or not, as
// its adapter has it, and says so.
func TestHeard(t *testing.T) {
	t.Parallel()
	const n = 100
	for _, tt := range []struct {
		name    string
		options redis.Options
		all     bool
	}{
		{"classic", redis.Options{}, true},
		{"classic with room subscriptions", redis.Options{RoomSubscriptions: true}, false},
		{"sharded", redis.Options{Adapter: redis.Sharded}, false},
		{"streams", redis.Options{Adapter: redis.Streams}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.URL = rttest.NewRedisServer(t).URL()
			from, to := newSink(), newSink()
			publisher := start(t, tt.options, from, "/")
			pod := start(t, tt.options, to, "/")
			until(t, publisher, "connected", healthy)
			servers(t, publisher, "/", 2)
			before := pod.Status()
			for i := range n {
				publisher.Publish(event("/", fmt.Sprintf(`["x",%d]`, i), "elsewhere"))
			}
			publisher.Publish(event("/", `["last"]`)) // to all, and behind the others
			s := until(t, pod, "the last one received", func(s cluster.Status) bool { return s.Received > before.Received })
			if got := s.Received - before.Received; got != 1 {
				t.Errorf("received %d, want 1", got)
			}
			if got := s.Heard - before.Heard; (got >= n) != tt.all {
				t.Errorf("heard %d of %d to a room without members here, want all: %t", got, n, tt.all)
			}
		})
	}
}
