package redis_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, rttest.Sleepers()...)
}

// sink records what is delivered.
type sink struct {
	rooms map[string]bool
	wake  chan struct{}

	mu  sync.Mutex
	got []*cluster.Broadcast
}

func newSink(rooms ...string) *sink {
	s := &sink{rooms: make(map[string]bool), wake: make(chan struct{}, 1)}
	for _, r := range rooms {
		s.rooms[r] = true
	}
	return s
}

func (*sink) Execute(*cluster.Command) {}

func (*sink) Answer(*cluster.Query, func(*cluster.Answer)) {}

func (s *sink) HasRoom(_, room string) bool { return s.rooms[room] }

func (s *sink) Deliver(b *cluster.Broadcast) {
	s.mu.Lock()
	s.got = append(s.got, b)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sink) broadcasts() []*cluster.Broadcast {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*cluster.Broadcast(nil), s.got...)
}

// await waits for n broadcasts.
func (s *sink) await(t *testing.T, n int) []*cluster.Broadcast {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		if got := s.broadcasts(); len(got) >= n {
			return got
		}
		select {
		case <-s.wake:
		case <-timeout:
			t.Fatalf("got %d broadcasts in 10 s, want %d", len(s.broadcasts()), n)
		}
	}
}

func start(t *testing.T, o redis.Options, s cluster.Sink, namespaces ...string) cluster.Backplane {
	t.Helper()
	b, err := redis.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range namespaces {
		if err := b.AddNamespace(ns); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.Close(ctx)
	})
	return b
}

// until waits for a condition on the status.
func until(t *testing.T, b cluster.Backplane, what string, ok func(cluster.Status) bool) cluster.Status {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s := b.Status()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("status is not %s in 15 s: %+v", what, s)
		}
	}
}

func healthy(s cluster.Status) bool  { return s.Connected && !s.Degraded }
func degraded(s cluster.Status) bool { return s.Degraded }

func event(ns string, args string, rooms ...string) *cluster.Broadcast {
	return &cluster.Broadcast{Namespace: ns, Rooms: rooms, Args: []byte(args)}
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	here, there := newSink("r1", "r2"), newSink("r1", "r2")
	a := start(t, redis.Options{URL: url}, here, "/", "/chat")
	b := start(t, redis.Options{URL: url}, there, "/")
	// A namespace may come after the start.
	if err := b.AddNamespace("/chat"); err != nil {
		t.Fatal(err)
	}
	until(t, a, "healthy", healthy)
	until(t, b, "healthy", healthy)
	waitSubscribed(t, a, there, "/chat")

	sent := []*cluster.Broadcast{
		event("/", `["all",1,{"a":true},"é"]`),
		event("/chat", `["one"]`, "r1"),
		event("/", `["several"]`, "r1", "nobody"),
		event("/", `["unknown room"]`, "nobody"),
		event("/", `["unknown rooms"]`, "nobody", "neither"),
		{
			Namespace: "/", Rooms: []string{"r2"}, Except: []string{"r1", "DSEX_2GrXVngtP-8AAAB"},
			Args:        []byte(`["bin",{"_placeholder":true,"num":0}]`),
			Attachments: [][]byte{{1, 2, 3}}, Volatile: true, Compress: true,
		},
		event("/elsewhere", `["a namespace nobody added"]`),
		event("/", `["last"]`),
	}
	for _, m := range sent {
		a.Publish(m)
	}
	// Namespaces are delivered side by side; within one the order holds.
	want := map[string][]*cluster.Broadcast{
		"/":     {sent[0], sent[2], sent[5], sent[7]},
		"/chat": {sent[1]},
	}
	got := make(map[string][]*cluster.Broadcast)
	for _, m := range there.await(t, 5) {
		got[m.Namespace] = append(got[m.Namespace], m)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	if own := here.broadcasts(); len(own) != 0 {
		t.Errorf("the publisher got %d of its own", len(own))
	}
	s := until(t, a, "published", func(s cluster.Status) bool { return s.Queued == 0 && s.Published >= uint64(len(sent)) })
	if s.Dropped != 0 || s.Ignored != 0 || s.RTTMicros <= 0 {
		t.Errorf("status = %+v, want no drops, none ignored, a round trip", s)
	}
}

// waitSubscribed publishes to a namespace until it arrives, then empties the sink.
func waitSubscribed(t *testing.T, from cluster.Backplane, s *sink, ns string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(s.broadcasts()) == 0; time.Sleep(5 * time.Millisecond) {
		from.Publish(event(ns, `["probe"]`))
		if time.Now().After(deadline) {
			t.Fatalf("no subscription to %s in 10 s", ns)
		}
	}
	until(t, from, "flushed", func(s cluster.Status) bool { return s.Queued == 0 })
	for n := -1; n != len(s.broadcasts()); time.Sleep(20 * time.Millisecond) {
		n = len(s.broadcasts())
	}
	s.mu.Lock()
	s.got = nil
	s.mu.Unlock()
}

func TestOrderUnderLoad(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	there := newSink("r")
	a := start(t, redis.Options{URL: url}, newSink(), "/")
	start(t, redis.Options{URL: url}, there, "/")
	const n = 20_000
	for i := range n {
		if i%2 == 0 {
			a.Publish(event("/", fmt.Sprintf(`["n",%d]`, i), "r"))
		} else {
			a.Publish(event("/", fmt.Sprintf(`["n",%d]`, i)))
		}
	}
	for i, m := range there.await(t, n) {
		if want := fmt.Sprintf(`["n",%d]`, i); string(m.Args) != want {
			t.Fatalf("message %d is %s, want %s", i, m.Args, want)
		}
	}
}

// TestOutage kills Redis while a pod publishes: what is published meanwhile
// comes in order when it is back, and both pods say when they are not well.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	o := redis.Options{URL: server.URL(), HeartbeatInterval: 100 * time.Millisecond, OutboxMessages: 50}
	there := newSink()
	a, b := start(t, o, newSink(), "/"), start(t, o, there, "/")
	until(t, a, "healthy", healthy)
	until(t, b, "healthy", healthy)
	a.Publish(event("/", `["before"]`))
	there.await(t, 1)

	server.Stop()
	s := until(t, a, "degraded", func(s cluster.Status) bool { return s.Degraded && !s.Connected })
	if s.Reason == "" {
		t.Error("degraded without a reason")
	}
	for i := range 60 {
		a.Publish(event("/", fmt.Sprintf(`["during",%d]`, i)))
	}
	a.Publish(&cluster.Broadcast{Namespace: "/", Args: []byte(`["typing"]`), Volatile: true})
	until(t, a, "50 queued and 11 dropped", func(s cluster.Status) bool { return s.Queued == 50 && s.Dropped == 11 })

	server.Start()
	until(t, b, "healthy", healthy)
	until(t, a, "healthy", healthy)
	a.Publish(event("/", `["after"]`))
	// b may have subscribed after a flushed: pub/sub keeps nothing. What came,
	// came in order and ends with the last.
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := there.broadcasts()
		if string(got[len(got)-1].Args) == `["after"]` {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing arrives after the outage")
		}
		time.Sleep(10 * time.Millisecond)
	}
	last := -1
	for _, m := range there.broadcasts() {
		var i int
		if n, _ := fmt.Sscanf(string(m.Args), `["during",%d]`, &i); n == 1 {
			if i <= last || i < 10 {
				t.Errorf("message %d after %d; want the newest 50 in order", i, last)
			}
			last = i
		}
	}
	if s := b.Status(); s.Reconnects == 0 {
		t.Errorf("reconnects = 0 after an outage: %+v", s)
	}
}

func TestStartsWithoutRedis(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	server.Stop()
	there := newSink()
	o := redis.Options{URL: server.URL(), HeartbeatInterval: 50 * time.Millisecond}
	a, b := start(t, o, newSink(), "/"), start(t, o, there, "/")
	until(t, b, "degraded", degraded)
	server.Start()
	until(t, a, "healthy", healthy)
	until(t, b, "healthy", healthy)
	a.Publish(event("/", `["hello"]`))
	there.await(t, 1)
}

func TestGarbageIsIgnored(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	there := newSink("r")
	a := start(t, redis.Options{URL: server.URL()}, newSink(), "/")
	b := start(t, redis.Options{URL: server.URL()}, there, "/")
	for _, payload := range []string{"", "{}", "\xc1", "\x93\xa6abcdef", strings.Repeat("\x91", 5000), "\xdd\xff\xff\xff\xff"} {
		command(t, server, "PUBLISH", "socket.io#/#", payload)
		command(t, server, "PUBLISH", "socket.io#/#r#", payload)
	}
	command(t, server, "PUBLISH", "socket.io#/#no end", "x") // a channel that is none of ours
	a.Publish(event("/", `["still here"]`))
	there.await(t, 1)
	if s := b.Status(); s.Ignored != 13 || s.Degraded {
		t.Errorf("ignored %d, degraded %v; want 13, false", s.Ignored, s.Degraded)
	}
}

// TestRequestChannel: a pod answers, so it is counted as a server in each of its
// namespaces, once.
func TestRequestChannel(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	b := start(t, redis.Options{URL: server.URL()}, newSink(), "/", "/chat")
	until(t, b, "subscribed", func(s cluster.Status) bool { return s.Subscriptions == 8 })
	for channel, want := range map[string]string{
		"socket.io-request#/#": ":1", "socket.io-request#/chat#": ":1", "socket.io-request#/none#": ":0",
		"socket.io-response#/#": ":1", "socket.io-response#/chat#": ":1",
	} {
		if got := command(t, server, "PUBSUB", "NUMSUB", channel); !strings.HasSuffix(got, want+"\r\n") {
			t.Errorf("subscribers of %s: %q, want %s", channel, got, want)
		}
	}
	if n, err := b.Servers(t.Context(), "/chat"); n != 1 || err != nil {
		t.Errorf("Servers = %d, %v; want this pod alone", n, err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t, "--requirepass", "s3cret-passw0rd")
	right := "redis://:s3cret-passw0rd@" + server.Addr() + "/3"
	until(t, start(t, redis.Options{URL: right}, newSink(), "/"), "healthy", healthy)

	for name, url := range map[string]string{
		"none":     "redis://" + server.Addr(),
		"wrong":    "redis://user:wr0ng-passw0rd@" + server.Addr(),
		"database": "redis://:s3cret-passw0rd@" + server.Addr() + "/999",
	} {
		t.Run(name, func(t *testing.T) {
			b, err := redis.New(redis.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			err = b.Start(t.Context(), newSink())
			if err == nil {
				t.Fatal("Start succeeded")
			}
			if strings.Contains(err.Error(), "passw0rd") {
				t.Errorf("error tells the password: %v", err)
			}
			if err := b.Close(t.Context()); err != nil {
				t.Errorf("Close after a failed Start: %v", err)
			}
		})
	}
}

func TestCloseFlushes(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	there := newSink()
	start(t, redis.Options{URL: url}, there, "/")
	a := start(t, redis.Options{URL: url}, newSink(), "/")
	const n = 2000
	for i := range n {
		a.Publish(event("/", fmt.Sprintf(`["n",%d]`, i)))
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	there.await(t, n)
	a.Publish(event("/", `["too late"]`))
	if s := a.Status(); s.Dropped != 1 || s.Queued != 0 {
		t.Errorf("after Close: %+v, want the late message dropped", s)
	}
	if err := a.Start(t.Context(), newSink()); err == nil {
		t.Error("Start after Close succeeded")
	}
}
