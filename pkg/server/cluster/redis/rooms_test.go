package redis_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// tenants is a pod whose rooms change.
type tenants struct {
	*peer
	backplane cluster.RoomWatcher

	mu    sync.Mutex
	rooms map[string]bool
}

func (p *tenants) HasRoom(_, room string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rooms[room]
}

// set puts members in a room or takes them out.
func (p *tenants) set(room string, in bool) {
	p.mu.Lock()
	p.rooms[room] = in
	p.mu.Unlock()
	p.backplane.RoomChanged("/", room)
}

func startTenants(t *testing.T, o redis.Options) (*tenants, cluster.Backplane) {
	t.Helper()
	o.RoomSubscriptions = true
	p := &tenants{peer: newPeer(nil), rooms: make(map[string]bool)}
	b := start(t, o, p, "/")
	p.backplane = b.(cluster.RoomWatcher)
	return p, b
}

// hears waits until a channel has n subscribers.
func hears(t *testing.T, server *rttest.RedisServer, channel string, n int) {
	t.Helper()
	want := fmt.Sprintf(":%d\r\n", n)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := command(t, server, "PUBSUB", "NUMSUB", channel)
		if strings.HasSuffix(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("subscribers of %s: %q, want %q", channel, got, want)
		}
	}
}

// TestRoomSubscriptions: Redis sends a pod only what is for its own rooms, and
// all that is.
func TestRoomSubscriptions(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	o := redis.Options{URL: server.URL(), HeartbeatInterval: 100 * time.Millisecond}
	p, b := startTenants(t, o)
	from := start(t, redis.Options{URL: server.URL()}, newPeer(nil), "/") // hears by pattern
	servers(t, from, "/", 2)
	p.set("r1", true)
	p.set("a#b", true)
	p.set(sid, true) // has no channel of its own
	p.set("twenty characters..!", true)
	hears(t, server, "socket.io#/#r1#", 1)
	hears(t, server, "socket.io#/#a#b#", 1)
	hears(t, server, "socket.io#/#"+sid+"#", 0)
	if got, want := b.Status().Subscriptions, 7; got != want {
		t.Errorf("%d subscriptions, want %d", got, want)
	}
	for i, rooms := range [][]string{{"r1"}, {"a#b"}, {"r2"}, {sid}, {"DSEX_2GrXVngtP-8AAAC"}, {"twenty characters..!"}, {"r1", "r2"}, {}, {"r1"}} {
		from.Publish(event("/", fmt.Sprintf("[%q,%d]", "n", i), rooms...))
	}
	want := []string{`/ ["n",0]`, `/ ["n",1]`, `/ ["n",3]`, `/ ["n",5]`, `/ ["n",6]`, `/ ["n",7]`, `/ ["n",8]`}
	if diff := cmp.Diff(want, p.await(t, len(want))); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}

	// A room that is left lingers, and is gone then.
	p.set("r1", false)
	p.set("a#b", false)
	p.set("a#b", true)
	hears(t, server, "socket.io#/#r1#", 0)
	hears(t, server, "socket.io#/#a#b#", 1)

	// Another connection has the same rooms.
	server.Stop()
	until(t, b, "degraded", degraded)
	p.set("r3", true)
	server.Start()
	until(t, b, "healthy", healthy)
	hears(t, server, "socket.io#/#r3#", 1)
	hears(t, server, "socket.io#/#a#b#", 1)
	hears(t, server, "socket.io#/#r1#", 0)
	if s := b.Status(); s.Ignored != 0 || s.Foreign != 0 {
		t.Errorf("ignored %d, foreign %d; want none", s.Ignored, s.Foreign)
	}
}

// TestManyRooms makes a big set anew after an outage, and keeps the rest going
// meanwhile.
func TestManyRooms(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	p, b := startTenants(t, redis.Options{URL: server.URL(), HeartbeatInterval: 100 * time.Millisecond})
	const n = 20_000
	for i := range n {
		p.set(fmt.Sprint("room ", i), true)
	}
	all := func(s cluster.Status) bool { return s.Subscriptions == n+5 && healthy(s) }
	until(t, b, "subscribed to all", all)
	server.Stop()
	until(t, b, "degraded", degraded)
	server.Start()
	until(t, b, "subscribed to all again", all)
	hears(t, server, "socket.io#/#room 0#", 1)
	hears(t, server, fmt.Sprintf("socket.io#/#room %d#", n-1), 1)
}

func TestRoomSubscriptionsRefuseHash(t *testing.T) {
	t.Parallel()
	b, err := redis.New(redis.Options{URL: "redis://127.0.0.1:1", RoomSubscriptions: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddNamespace("/a#b"); err == nil || !strings.Contains(err.Error(), "#") {
		t.Errorf("AddNamespace = %v, want an error about the #", err)
	}
	if b.(cluster.RoomWatcher).WatchesSockets() {
		t.Error("wants the rooms of sockets, which have a pattern")
	}
}
