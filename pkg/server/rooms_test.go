package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// roomGateway has the events join and leave, with the room as argument.
func roomGateway(s *server.Server) {
	n := s.Of("/")
	on := func(event string, fn func(c *server.Conn, room string) error) {
		n.On(event, func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			var room string
			if err := json.Unmarshal(e.Args, &room); err != nil {
				return server.Reply{}, err
			}
			return server.Reply{}, fn(c, room)
		})
	}
	on("join", func(c *server.Conn, room string) error { return c.Join(room) })
	on("leave", func(c *server.Conn, room string) error { c.Leave(room); return nil })
}

// in puts a client into rooms.
func (c *client) in(rooms ...string) *client {
	c.t.Helper()
	for i, r := range rooms {
		c.send(fmt.Sprintf(`42%d["join",%q]`, i, r))
		c.is(fmt.Sprintf(`43%d[]`, i))
	}
	return c
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, roomGateway)
	n := g.Of("/")
	sids := map[string]string{}
	clients := map[string]*client{}
	for name, rooms := range map[string][]string{"a": {"r1"}, "b": {"r1", "r2"}, "c": {"r2"}, "d": nil} {
		c := g.sio(t)
		sids[name] = c.join("/")
		clients[name] = c.in(rooms...)
	}
	for i, tc := range []struct {
		name string
		emit func(e *server.Emitter) *server.Emitter
		want string
	}{
		{"everybody", func(e *server.Emitter) *server.Emitter { return e }, "abcd"},
		{"one room", func(e *server.Emitter) *server.Emitter { return e.To("r1") }, "ab"},
		{"two rooms, each once", func(e *server.Emitter) *server.Emitter { return e.To("r1", "r2") }, "abc"},
		{"chained rooms", func(e *server.Emitter) *server.Emitter { return e.To("r1").To("r2") }, "abc"},
		{"a room twice", func(e *server.Emitter) *server.Emitter { return e.To("r1", "r1") }, "ab"},
		{"except a room", func(e *server.Emitter) *server.Emitter { return e.To("r1").Except("r2") }, "a"},
		{"all except a room", func(e *server.Emitter) *server.Emitter { return e.Except("r2") }, "ad"},
		{"an id is a room", func(e *server.Emitter) *server.Emitter { return e.To(sids["d"]) }, "d"},
		{"an id and its room", func(e *server.Emitter) *server.Emitter { return e.To(sids["a"], "r1") }, "ab"},
		{"except an id", func(e *server.Emitter) *server.Emitter { return e.To("r1").Except(sids["a"]) }, "b"},
		{"except id and room", func(e *server.Emitter) *server.Emitter { return e.Except(sids["a"], "r2") }, "d"},
		{"no such room", func(e *server.Emitter) *server.Emitter { return e.To("nope") }, ""},
		{"except no such room", func(e *server.Emitter) *server.Emitter { return e.To("r2").Except("nope") }, "bc"},
	} {
		if err := tc.emit(n.Except()).Emit("m", i); err != nil {
			t.Fatal(err)
		}
		_ = n.Emit("end", i) // everybody gets this behind it
		got := ""
		for _, name := range []string{"a", "b", "c", "d"} {
			switch m := clients[name].next(); m {
			case fmt.Sprintf(`42["m",%d]`, i):
				got += name
				clients[name].is(fmt.Sprintf(`42["end",%d]`, i))
			case fmt.Sprintf(`42["end",%d]`, i):
			default:
				t.Fatalf("%s: %s got %s", tc.name, name, m)
			}
		}
		if got != tc.want {
			t.Errorf("%s: reached %q, want %q", tc.name, got, tc.want)
		}
	}
	clients["b"].send(`429["leave","r1"]`)
	clients["b"].is(`439[]`)
	if diff := cmp.Diff(map[string]int{"r1": 1, "r2": 2}, n.Rooms()); diff != "" {
		t.Errorf("rooms (-want +got):\n%s", diff)
	}
	for _, c := range clients {
		_ = c.ws.Close()
	}
	eventually(t, "empty rooms are gone", func() bool { return len(n.Rooms()) == 0 && n.Conns() == 0 })
}

func TestBinary(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, func(s *server.Server) {
		s.Of("/").On("echo", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			return server.Reply{Args: e.Args, Attachments: e.Attachments}, c.EmitRaw("back", e.Args, e.Attachments...)
		})
	})
	c := g.joined(t, "/")
	c.send(`452-7["echo",{"a":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]`)
	c.sendBinary([]byte("one"))
	c.sendBinary([]byte(""))
	c.is(`452-["back",{"a":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]`, "b:one", "b:",
		`462-7[{"a":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]`, "b:one", "b:")
	_ = g.Of("/").Emit("blob", []byte("xyz"), 1)
	c.is(`451-["blob",{"_placeholder":true,"num":0},1]`, "b:xyz")
}

// TestJoinLeaveRace joins and leaves the same few rooms from many goroutines
// while broadcasts go on, and then wants the books to balance.
func TestJoinLeaveRace(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{QueueMessages: 1 << 20, QueueBytes: 1 << 30}, nil)
	n := g.Of("/")
	var conns []*server.Conn
	for range 8 {
		c := g.sio(t)
		sid := c.join("/")
		conns = append(conns, n.Conn(sid))
		go func() {
			for {
				if _, _, err := c.ws.ReadMessage(); err != nil {
					return
				}
			}
		}()
	}
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for range 500 {
				room := strconv.Itoa(rng.IntN(4))
				if rng.IntN(2) == 0 {
					_ = c.Join(room)
				} else {
					c.Leave(room)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for i := range 500 {
				_ = n.To(strconv.Itoa(i%4), strconv.Itoa((i+1)%4)).Emit("m", i)
			}
		})
	}
	wg.Wait()
	want := map[string]int{}
	for _, c := range conns {
		for _, r := range c.Rooms() {
			want[r]++
		}
	}
	if diff := cmp.Diff(want, n.Rooms()); diff != "" {
		t.Errorf("rooms (-by connection +by room):\n%s", diff)
	}
}

// TestOrder is the property that unicast, broadcast and acknowledgements of one
// publisher reach a connection in the order in which they were sent.
func TestOrder(t *testing.T) {
	t.Parallel()
	const messages = 2000
	g := start(t, server.Options{QueueMessages: 1 << 16, QueueBytes: 64 << 20}, roomGateway)
	n := g.Of("/")
	var clients []*client
	var conns []*server.Conn
	for range 5 {
		c := g.sio(t)
		conns = append(conns, n.Conn(c.join("/")))
		clients = append(clients, c.in("r"))
	}
	go func() {
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range messages {
			pad := strings.Repeat("x", rng.IntN(1<<rng.IntN(12)))
			switch rng.IntN(3) {
			case 0:
				_ = n.Emit("m", i, pad)
			case 1:
				_ = n.To("r", "s").Emit("m", i, pad)
			case 2:
				for _, c := range conns {
					_ = c.Emit("m", i, pad)
				}
			}
		}
	}()
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			for i := range messages {
				m, err := c.read()
				if err != nil || !strings.HasPrefix(m, fmt.Sprintf(`42["m",%d,`, i)) {
					t.Errorf("message %d: got %.40s, %v", i, m, err)
					return
				}
				if i%500 == 0 {
					time.Sleep(5 * time.Millisecond) // let the socket fill up
				}
			}
		})
	}
	wg.Wait()
}

func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts server.Options
	}{
		{"too many bytes", server.Options{QueueBytes: 256 << 10}},
		{"too many messages", server.Options{QueueBytes: 1 << 30, QueueMessages: 50}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reasons := make(chan string, 2)
			g := start(t, tc.opts, func(s *server.Server) {
				s.Of("/").OnDisconnect(func(_ *server.Conn, reason string) { reasons <- reason })
			})
			good, slow := g.joined(t, "/"), g.joined(t, "/")
			var got atomic.Int64
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					m, err := good.read()
					if err != nil || m == `42["end"]` {
						return
					}
					got.Add(1)
				}
			}()
			pad := strings.Repeat("x", 20<<10)
			sent := 0
			for g.Of("/").Conns() == 2 {
				if err := g.Of("/").Emit("m", pad); err != nil {
					t.Fatal(err)
				}
				if sent++; sent > 10_000 {
					t.Fatal("10,000 messages and still connected")
				}
				for end := time.Now().Add(patience); got.Load() < int64(sent) && time.Now().Before(end); {
					time.Sleep(50 * time.Microsecond)
				}
			}
			if reason := <-reasons; reason != "slow consumer" {
				t.Errorf("reason %q, want slow consumer", reason)
			}
			_ = g.Of("/").Emit("end")
			<-done
			if got.Load() != int64(sent) {
				t.Errorf("the other client got %d of %d messages", got.Load(), sent)
			}
			eventually(t, "it is counted", func() bool {
				st := g.Stats()
				return st.Queues.SlowConsumers == 1 && st.Connections.ClosedByReason["slow consumer"] == 1
			})
			_ = slow.ws.Close()
		})
	}
}

// TestBurst emits far more than a queue holds at once to clients that read, and
// wants nobody to be closed for it.
func TestBurst(t *testing.T) {
	t.Parallel()
	const messages = 10_000
	g := start(t, server.Options{}, nil)
	var readers sync.WaitGroup
	for range 50 {
		c := g.joined(t, "/")
		readers.Go(func() {
			for i := range messages {
				if m, err := c.read(); err != nil || m != fmt.Sprintf(`42["m",%d]`, i) {
					t.Errorf("message %d: got %.40s, %v", i, m, err)
					return
				}
			}
		})
	}
	for i := range messages {
		_ = g.Of("/").Emit("m", i)
	}
	readers.Wait()
}

func TestEmitAck(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{AckTimeout: 250 * time.Millisecond}, nil)
	c := g.sio(t)
	conn := g.Of("/").Conn(c.join("/"))
	type result struct {
		reply server.Reply
		err   error
	}
	ask := func(ctx context.Context) chan result {
		ch := make(chan result, 1)
		go func() {
			r, err := conn.EmitAck(ctx, "q", 1)
			ch <- result{r, err}
		}()
		return ch
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer := ask(ctx) // the context's deadline holds, not the option
	c.is(`420["q",1]`)
	c.send(`430["yes",2]`)
	if r := <-answer; r.err != nil || string(r.reply.Args) != `"yes",2` {
		t.Errorf("got %s, %v", r.reply.Args, r.err)
	}
	answer = ask(t.Context())
	c.is(`421["q",1]`)
	c.send(`430["late"]`, `439[]`) // of no one
	if r := <-answer; !errors.Is(r.err, server.ErrAckTimeout) {
		t.Errorf("got %v, want ErrAckTimeout", r.err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	answer = ask(ctx)
	c.is(`422["q",1]`)
	cancel()
	if r := <-answer; !errors.Is(r.err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", r.err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer = ask(ctx)
	c.is(`423["q",1]`)
	_ = c.ws.Close()
	if r := <-answer; !errors.Is(r.err, server.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", r.err)
	}
	if err := conn.Emit("x"); !errors.Is(err, server.ErrClosed) {
		t.Errorf("emit after the end: %v, want ErrClosed", err)
	}
	if err := conn.Join("r"); !errors.Is(err, server.ErrClosed) {
		t.Errorf("join after the end: %v, want ErrClosed", err)
	}
}

// TestOnConnectOrder is that a client hears that it is connected before it gets
// anything that OnConnect emitted, to it or to a room that it joined.
func TestOnConnectOrder(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, func(s *server.Server) {
		n := s.Of("/")
		n.OnConnect(func(_ context.Context, c *server.Conn) error {
			_ = c.Join("r")
			_ = c.Emit("one")
			_ = n.To("r").Emit("two")
			return c.Emit("three")
		})
		s.Of("/no").OnConnect(func(_ context.Context, c *server.Conn) error {
			_ = c.Join("r")
			_ = c.Emit("leak")
			return &server.Error{Code: "full", Message: "no room", Data: map[string]int{"max": 1}}
		})
		s.Of("/panic").Use(func(context.Context, *server.Conn) error { panic("secret") })
		s.Of("/quit").OnConnect(func(_ context.Context, c *server.Conn) error { c.Disconnect(false); return nil })
	})
	c := g.sio(t)
	c.send("40")
	c.want(`40{"sid":`)
	c.is(`42["one"]`, `42["two"]`, `42["three"]`)
	c.send("40/no,", "40/panic,", "40/quit,")
	c.is(`44/no,{"message":"no room","data":{"max":1}}`, `44/panic,{"message":"Internal server error"}`)
	c.want(`44/quit,{"message":`)
	if n := g.Of("/no").Conns() + g.Of("/panic").Conns() + g.Of("/quit").Conns() + len(g.Of("/no").Rooms()); n != 0 {
		t.Errorf("%d traces of refused clients", n)
	}
}

func TestMaxRooms(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{MaxRooms: 2}, nil)
	c := g.sio(t)
	conn := g.Of("/").Conn(c.join("/"))
	if err := conn.Join("a", "b", "a"); err != nil {
		t.Error(err)
	}
	if err := conn.Join("c"); !errors.Is(err, server.ErrTooManyRooms) {
		t.Errorf("got %v, want ErrTooManyRooms", err)
	}
	conn.Leave("a")
	if err := conn.Join("c"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"b", "c"}, conn.Rooms()); diff != "" {
		t.Error(diff)
	}
}
