package redis

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// slowSink delivers when it is let.
type slowSink struct {
	gate  chan struct{}
	asked atomic.Int64
	got   []string
}

func (*slowSink) Execute(*cluster.Command) {}

func (*slowSink) Answer(*cluster.Query, func(*cluster.Answer)) {}

func (s *slowSink) HasRoom(_, room string) bool { s.asked.Add(1); return room == "r" }

func (s *slowSink) Deliver(b *cluster.Broadcast) {
	<-s.gate
	s.got = append(s.got, string(b.Args))
}

func testInbox(s cluster.Sink) *inbox {
	return &inbox{
		backplane: &classic{base: base{uid: "ownuid", options: Options{Prefix: "socket.io"}}},
		namespace: "/",
		own:       string(redisadapter.AppendUID(nil, "ownuid"))[1:],
		ownJSON:   string(redisadapter.AppendRequestHead(nil, "ownuid")),
		sink:      s,
		foreign:   func(string) bool { return false },
		queue:     queue.New[inbound](10, 1<<20),
	}
}

func pubsub(t *testing.T, uid, ns, room, args string) rueidis.PubSubMessage {
	t.Helper()
	b := &redisadapter.Broadcast{UID: uid, Namespace: ns, Args: []byte(args)}
	if room != "" {
		b.Rooms = []string{room}
	}
	payload, err := redisadapter.AppendBroadcast(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return rueidis.PubSubMessage{
		Pattern: redisadapter.BroadcastPattern("socket.io", "/"),
		Channel: redisadapter.BroadcastChannel("socket.io", "/", room),
		Message: string(payload),
	}
}

// TestInboxNeverBlocksTheReader fills an inbox whose sink doesn't move: the
// oldest are dropped and counted, the reader goes on.
func TestInboxNeverBlocksTheReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slowSink{gate: make(chan struct{})}
		in := testInbox(s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); in.run(ctx) }()

		in.accept(aBroadcast, pubsub(t, "peer-1", "/", "r", `["n",-1]`))
		synctest.Wait() // it is in the sink now
		for i := range 25 {
			in.accept(aBroadcast, pubsub(t, "peer-1", "/", "r", fmt.Sprintf(`["n",%d]`, i)))
			in.accept(aBroadcast, pubsub(t, "ownuid", "/", "r", `["own"]`))
			in.accept(aBroadcast, pubsub(t, "peer-1", "/", "nobody", `["unknown room"]`))
		}
		close(s.gate)
		synctest.Wait()
		cancel()
		<-done
		if len(s.got) != 11 || s.got[1] != `["n",15]` || s.got[10] != `["n",24]` {
			t.Errorf("delivered %v, want the first and the newest 10", s.got)
		}
		if in.overrun.Load() != 15 || in.received.Load() != 11 || in.ignored.Load() != 0 {
			t.Errorf("overrun %d, received %d, ignored %d; want 15, 11, 0", in.overrun.Load(), in.received.Load(), in.ignored.Load())
		}
	})
}

// TestInboxNamespaceLookalike: "/" and its room "x" share a channel with the
// namespace "/#x".
func TestInboxNamespaceLookalike(t *testing.T) {
	t.Parallel()
	s := &slowSink{}
	in := testInbox(s)
	in.take(inbound{aBroadcast, "socket.io#/#x#", pubsub(t, "peer-1", "/#x", "", `["other"]`).Message})
	if in.received.Load() != 0 || in.ignored.Load() != 0 {
		t.Errorf("received %d, ignored %d; want a silent drop", in.received.Load(), in.ignored.Load())
	}
}

func TestUID(t *testing.T) {
	t.Parallel()
	a, b := newUID(), newUID()
	if len(a) != 6 || a == b {
		t.Errorf("uids %q and %q, want six characters each and different", a, b)
	}
}
