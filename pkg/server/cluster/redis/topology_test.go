package redis_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

// arrivals is a pod that has all rooms and notes when what came.
type arrivals struct {
	mu   sync.Mutex
	seen map[string][]arrival // by room
}

type arrival struct {
	number int
	at     time.Time
}

func (*arrivals) HasRoom(_, _ string) bool                             { return true }
func (*arrivals) Execute(*cluster.Command)                             {}
func (*arrivals) Answer(_ *cluster.Query, reply func(*cluster.Answer)) { reply(&cluster.Answer{}) }

func (p *arrivals) Deliver(b *cluster.Broadcast) {
	var args []any
	if err := json.Unmarshal(b.Args, &args); err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	room := strings.Join(b.Rooms, ",")
	p.seen[room] = append(p.seen[room], arrival{int(args[1].(float64)), time.Now()})
}

func (p *arrivals) in(room string) []arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen[room])
}

// stream publishes numbered messages to each room until it is stopped.
type stream struct {
	t        *testing.T
	from     cluster.Backplane
	to       *arrivals
	rooms    []string
	stop     chan struct{}
	done     sync.WaitGroup
	sent     int // to each room, when stopped
	pace     time.Duration
	slowCall time.Duration
}

// pair starts two pods, of which the second hears rooms, and streams from one to
// the other.
func pair(t *testing.T, o redis.Options, rooms ...string) *stream {
	t.Helper()
	s := &stream{t: t, to: &arrivals{seen: make(map[string][]arrival)}, rooms: rooms, stop: make(chan struct{}), pace: 2 * time.Millisecond}
	s.from = start(t, o, &arrivals{seen: make(map[string][]arrival)}, "/")
	other := start(t, o, s.to, "/")
	for _, r := range rooms {
		if r != "" {
			watch(t, other, "/", r)
		}
	}
	until(t, s.from, "healthy", healthy)
	until(t, other, "healthy", healthy)
	servers(t, s.from, "/", 2)
	s.done.Go(s.run)
	t.Cleanup(s.end)
	for _, r := range rooms {
		s.awaits(r, 50)
	}
	return s
}

func (s *stream) run() {
	tick := time.NewTicker(s.pace)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		for _, r := range s.rooms {
			b := &cluster.Broadcast{Namespace: "/", Args: fmt.Appendf(nil, `["n",%d]`, s.sent)}
			if r != "" {
				b.Rooms = []string{r}
			}
			begin := time.Now()
			s.from.Publish(b)
			s.slowCall = max(s.slowCall, time.Since(begin))
		}
		s.sent++
	}
}

func (s *stream) end() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.done.Wait()
}

// awaits waits for n more messages in a room.
func (s *stream) awaits(room string, n int) {
	s.t.Helper()
	want := len(s.to.in(room)) + n
	for deadline := time.Now().Add(30 * time.Second); len(s.to.in(room)) < want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("room %q: %d messages in 30 s, want %d: %+v", room, len(s.to.in(room)), want, s.from.Status())
		}
	}
}

// bounds are what a fault may do to a stream.
type bounds struct {
	lost  int           // messages, of each room
	still time.Duration // the longest time without a delivery
}

// check ends the stream and holds what came against the bounds. Nothing may come
// twice or out of order, and no Publish may wait.
func (s *stream) check(what string, limit bounds) {
	s.t.Helper()
	for _, r := range s.rooms {
		s.awaits(r, 200)
	}
	s.end()
	last := s.sent - 1
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got := s.to.in(s.rooms[len(s.rooms)-1]); got[len(got)-1].number == last {
			break
		}
	}
	for _, r := range s.rooms {
		got := s.to.in(r)
		var still time.Duration
		twice, disorder := 0, 0
		seen := make(map[int]bool)
		for i, a := range got {
			if seen[a.number] {
				twice++
			}
			seen[a.number] = true
			if i > 0 {
				if a.number < got[i-1].number {
					disorder++
				}
				still = max(still, a.at.Sub(got[i-1].at))
			}
		}
		lost := 0
		for n := got[0].number; n <= last; n++ {
			if !seen[n] {
				lost++
			}
		}
		s.t.Logf("%s, room %q: of %d messages %d lost, %d twice, %d out of order; no delivery for %v at most", what, r, s.sent, lost, twice, disorder, still.Round(time.Millisecond))
		if twice > 0 || disorder > 0 || lost > limit.lost || still > limit.still {
			s.t.Errorf("%s, room %q: want at most %d lost, none twice, none out of order, %v without a delivery", what, r, limit.lost, limit.still)
		}
	}
	if s.slowCall > time.Second { // the machine may be busy; a network wait would be longer
		s.t.Errorf("%s: one Publish took %v", what, s.slowCall)
	}
}

// TestSentinelFailover kills the master under load.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	for _, o := range []redis.Options{{}, {Adapter: redis.Sharded}, {RoomSubscriptions: true}} {
		t.Run(fmt.Sprintf("%s,rooms=%v", o.Adapter, o.RoomSubscriptions), func(t *testing.T) {
			t.Parallel()
			s := rttest.NewRedisSentinels(t)
			o.URL = s.URL()
			flow := pair(t, o, "", "r1")
			s.Servers[0].Stop()
			until(t, flow.from, "degraded", degraded)
			flow.check("master killed", bounds{lost: 250, still: 15 * time.Second})
			until(t, flow.from, "healthy", healthy)
			servers(t, flow.from, "/", 2)
		})
	}
}

// TestSilentMaster has masters that don't answer while their connections stand:
// what is chosen in their place is found before the connections time out.
func TestSilentMaster(t *testing.T) {
	t.Parallel()
	still := func(t *testing.T, s *rttest.RedisServer) {
		t.Helper()
		if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("Sentinels", func(t *testing.T) {
		t.Parallel()
		s := rttest.NewRedisSentinels(t)
		flow := pair(t, redis.Options{URL: s.URL()}, "", "r1")
		still(t, s.Servers[0])
		until(t, flow.from, "degraded", degraded)
		flow.check("master silent", bounds{lost: 250, still: 9 * time.Second})
	})
	t.Run("Cluster", func(t *testing.T) {
		t.Parallel()
		c := rttest.NewRedisCluster(t, 3, true)
		flow := pair(t, redis.Options{URL: c.URL(), Adapter: redis.Sharded}, "", "r1")
		still(t, c.Nodes[c.Owner(redisconn.Slot("socket.io#/#"))])
		time.Sleep(time.Second)
		flow.check("master silent", bounds{lost: 250, still: 15 * time.Second})
	})
}

// TestClusterOperations has the pods of a Cluster tell and ask each other
// everything.
func TestClusterOperations(t *testing.T) {
	t.Parallel()
	c := rttest.NewRedisCluster(t, 3, true)
	for name, o := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.URL, o.Prefix = c.URL(), strings.ReplaceAll(name, " ", "-")
			// A room's channel and the namespace's are at two servers.
			operations(t, o, o.Adapter != redis.Sharded || o.ShardedMode == redis.Static)
		})
	}
}

// TestClusterSlotMoves moves the slots of two channels under load.
func TestClusterSlotMoves(t *testing.T) {
	t.Parallel()
	c := rttest.NewRedisCluster(t, 3, true)
	flow := pair(t, redis.Options{URL: c.URL(), Adapter: redis.Sharded}, "", "r1", "r2")
	for _, channel := range []string{"socket.io#/#", "socket.io#/#r1#"} {
		slot := redisconn.Slot(channel)
		c.Move(slot, (c.Owner(slot)+1)%3)
		flow.awaits("", 100)
		flow.awaits("r1", 100)
	}
	flow.check("slots moved", bounds{lost: 100, still: 3 * time.Second})
	until(t, flow.from, "healthy", healthy)
	servers(t, flow.from, "/", 2)
}

// TestClusterFailover kills a master under load.
func TestClusterFailover(t *testing.T) {
	t.Parallel()
	for _, o := range []redis.Options{{}, {Adapter: redis.Sharded}} {
		t.Run(string(o.Adapter), func(t *testing.T) {
			t.Parallel()
			c := rttest.NewRedisCluster(t, 3, true)
			o.URL = c.URL()
			flow := pair(t, o, "", "r1")
			victim := c.Owner(redisconn.Slot("socket.io#/#"))
			c.Nodes[victim].Stop()
			if o.Adapter == redis.Sharded {
				until(t, flow.from, "degraded", degraded)
			}
			time.Sleep(time.Second)
			flow.check("master killed", bounds{lost: 250, still: 15 * time.Second})
			until(t, flow.from, "healthy", healthy)
			servers(t, flow.from, "/", 2)
		})
	}
}
