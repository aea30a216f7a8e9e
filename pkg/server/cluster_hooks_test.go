package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
)

// TestRemoteHooks has another pod move connections whose hooks block, panic and
// count: they hold up no broadcast, and come in order.
func TestRemoteHooks(t *testing.T) {
	t.Parallel()
	blocked, block, got := make(chan struct{}, 300), make(chan struct{}), make(chan string, 300)
	gs := hubPods(t, 2, server.Options{}, func(pod int, s *server.Server) {
		if pod == 0 {
			return
		}
		s.Of("/").OnJoin(func(_ *server.Conn, room string) {
			if room == "a" {
				return
			}
			blocked <- struct{}{}
			<-block
			got <- "join " + room
			panic("harms nobody")
		}).OnLeave(func(_ *server.Conn, room string) { got <- "leave " + room }).
			OnServerSideEmit("tick", func(_ context.Context, e *server.ServerSideEvent) (server.Reply, error) {
				got <- "tick " + string(e.Args)
				return server.Reply{}, nil
			})
	})
	x := crowdOf(t, gs, "1a")
	n := gs[0].Of("/")
	var want []string
	for i := range 100 {
		room := fmt.Sprint("r", i)
		n.SocketsJoin(room)
		if i == 0 {
			<-blocked
		}
		n.SocketsLeave(room)
		_ = n.ServerSideEmit("tick", i)
		want = append(want, "join "+room, "leave "+room, fmt.Sprint("tick ", i))
	}
	n.SocketsJoin("last")
	_ = n.To("last").Emit("hello") // while the first hook blocks
	x.clients["1a"].is(`42["hello"]`)
	if len(got) > 0 {
		t.Errorf("%q before its turn", <-got)
	}
	close(block)
	for i, w := range want {
		if g := <-got; g != w {
			t.Fatalf("event %d is %q, want %q", i, g, w)
		}
	}
}

// TestSocketsJoinLimits has a server decide who joins: policy and limits of
// clients don't count, the bound of rooms does.
func TestSocketsJoinLimits(t *testing.T) {
	t.Parallel()
	nothing := &policy.Policy{}
	gs := hubPods(t, 2, server.Options{Policy: nothing, MaxRooms: 2}, nil)
	n := gs[0].Of("/")
	for _, g := range gs {
		g.joined(t, "/")
	}
	n.SocketsJoin("r1", "r2", "r3")
	for _, g := range gs {
		eventually(t, "as many rooms as there may be", func() bool {
			return cmp.Equal(map[string]int{"r1": 1, "r2": 1}, g.Of("/").Rooms())
		})
	}
}

func TestAllRoomsAndServers(t *testing.T) {
	t.Parallel()
	hub := cluster.NewHub()
	alone := start(t, server.Options{Backplane: hub.Backplane()}, nil)
	if n, err := alone.Of("/").Servers(t.Context()); n != 1 || err != nil {
		t.Errorf("alone: %d servers, %v", n, err)
	}
	x := crowdOf(t, hubPods(t, 3, server.Options{}, nil), "0a", "1ab", "2a")
	n := x.pods[0].Of("/")
	want := []string{"a", "b", x.ids["0a"], x.ids["1ab"], x.ids["2a"]}
	slices.Sort(want)
	got, err := n.AllRooms(t.Context())
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("rooms, %v (-want +got):\n%s", err, diff)
	}
	got, err = n.Local().AllRooms(t.Context())
	if len(got) != 2 || err != nil {
		t.Errorf("rooms of this pod: %q, %v", got, err)
	}
	if servers, err := n.Servers(t.Context()); servers != 3 || err != nil {
		t.Errorf("%d servers, %v, want 3", servers, err)
	}
	family := x.pods[0].OfFunc(func(string, []byte) bool { return false })
	_, e1 := family.AllRooms(t.Context())
	_, e2 := family.FetchSockets(t.Context())
	_, e3 := family.Servers(t.Context())
	for _, err := range []error{e1, e2, e3} {
		if !errors.Is(err, server.ErrFamily) {
			t.Errorf("of a family: %v, want ErrFamily", err)
		}
	}
}

// TestPartial asks when one of two other pods is silent: what there is comes, and
// an error when the time is over.
func TestPartial(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		took time.Duration
		ask  func(ctx context.Context, n *server.Namespace) (int, error)
	}{
		{"FetchSockets", 2 * time.Second, func(ctx context.Context, n *server.Namespace) (int, error) {
			s, err := n.FetchSockets(ctx)
			return len(s), err
		}},
		{"FetchSockets with Timeout", time.Second, func(ctx context.Context, n *server.Namespace) (int, error) {
			s, err := n.Timeout(time.Second).FetchSockets(ctx)
			return len(s), err
		}},
		{"AllRooms", 2 * time.Second, func(ctx context.Context, n *server.Namespace) (int, error) {
			rooms, err := n.AllRooms(ctx)
			return len(rooms), err
		}},
		{"AllRooms with a deadline", 3 * time.Second, func(ctx context.Context, n *server.Namespace) (int, error) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			rooms, err := n.AllRooms(ctx)
			return len(rooms), err
		}},
		{"EmitAck", 4 * time.Second, func(ctx context.Context, n *server.Namespace) (int, error) {
			replies, err := n.EmitAck(ctx, "ask")
			return len(replies), err
		}},
		{"local", 0, func(ctx context.Context, n *server.Namespace) (int, error) {
			s, err := n.Local().FetchSockets(ctx)
			return len(s) + 1, errors.Join(err, cluster.ErrPartial)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := cluster.NewHub()
				silentPod(t, hub, "/")
				var gs []*gateway
				for range 2 {
					gs = append(gs, startPipe(t, server.Options{
						Backplane: hub.Backplane(), RequestTimeout: 2 * time.Second, AckTimeout: 4 * time.Second,
					}, nil))
					gs[len(gs)-1].joined(t, "/").answers("1")
				}
				began := time.Now()
				n, err := tc.ask(t.Context(), gs[0].Of("/"))
				if n != 2 || !errors.Is(err, cluster.ErrPartial) {
					t.Errorf("%d, error %v, want 2 and ErrPartial", n, err)
				}
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
			})
		})
	}
}

// TestCrossPodOff is the fault that cuts a pod off: it neither tells nor obeys.
func TestCrossPodOff(t *testing.T) {
	t.Parallel()
	hub := cluster.NewHub()
	cut := start(t, server.Options{Backplane: hub.Backplane(), Faults: &server.Faults{CrossPodOff: true}}, nil)
	well := start(t, server.Options{Backplane: hub.Backplane()}, nil)
	x := crowdOf(t, []*gateway{cut, well}, "0a", "1a")
	for i, want := range []string{"0a", "1a"} {
		n := x.pods[i].Of("/")
		n.SocketsJoin("r")
		if diff := cmp.Diff([]string{want}, x.inRoom("r")); diff != "" {
			t.Errorf("in the room (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		sockets, err := n.FetchSockets(ctx)
		cancel()
		if len(sockets) != 1 || sockets[0].ID != x.ids[want] || (err != nil) != (i == 1) {
			t.Errorf("from pod %d: %d sockets, %v", i, len(sockets), err)
		}
		n.SocketsLeave("r")
	}
}

// TestClusterStats is what a pod counts of what it asks and is told.
func TestClusterStats(t *testing.T) {
	t.Parallel()
	gs := hubPods(t, 2, server.Options{}, nil)
	n := gs[0].Of("/")
	n.SocketsJoin("a")
	n.DisconnectSockets(false)
	if _, err := n.FetchSockets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Timeout(50*time.Millisecond).EmitAck(t.Context(), "ask"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.ServerSideEmitAck(ctx, "nobody answers"); !errors.Is(err, cluster.ErrPartial) {
		t.Fatal(err)
	}
	a, b := gs[0].Stats().Backplane, gs[1].Stats().Backplane
	if a.Asked != 3 || a.Partial != 1 || a.Answered != 0 || a.Executed != 0 || a.Servers != 2 {
		t.Errorf("the pod that asked: %+v", a)
	}
	if b.Asked != 0 || b.Partial != 0 || b.Answered != 3 || b.Executed != 2 || b.HandlersDropped != 0 {
		t.Errorf("the other pod: %+v", b)
	}
}

// TestHandlersDropped has handlers block until no more fits in their line: the
// rest is dropped and counted, and what waits is handled in the end.
func TestHandlersDropped(t *testing.T) {
	t.Parallel()
	const events = 17_000 // of which 16,384 may wait
	blocked, block, handled := make(chan struct{}, events), make(chan struct{}), atomic.Int64{}
	gs := hubPods(t, 2, server.Options{}, func(_ int, s *server.Server) {
		s.Of("/").OnServerSideEmit("tick", func(context.Context, *server.ServerSideEvent) (server.Reply, error) {
			blocked <- struct{}{}
			<-block
			handled.Add(1)
			return server.Reply{}, nil
		})
	})
	n := gs[0].Of("/")
	_ = n.ServerSideEmit("tick")
	<-blocked
	for range events {
		_ = n.ServerSideEmit("tick")
	}
	other := func() uint64 { return gs[1].Stats().Backplane.HandlersDropped }
	eventually(t, "those without room are dropped", func() bool { return other() == events-16_384 })
	close(block)
	eventually(t, "the others are handled", func() bool { return handled.Load() == 1+16_384 })
}

// watching is a backplane that wants to know of rooms.
type watching struct {
	cluster.Backplane
	sockets bool

	mu      sync.Mutex
	sink    cluster.Sink
	changed []string
}

func (w *watching) Start(ctx context.Context, sink cluster.Sink) error {
	w.sink = sink
	return w.Backplane.Start(ctx, sink)
}

func (w *watching) RoomChanged(namespace, room string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, namespace+" "+room)
}

func (w *watching) WatchesSockets() bool { return w.sockets }

// changes are those since the last call, with what holds now.
func (w *watching) changes() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.changed {
		var ns, room string
		_, _ = fmt.Sscan(c, &ns, &room)
		all = append(all, fmt.Sprint(c, " ", w.sink.HasRoom(ns, room)))
	}
	w.changed = nil
	return all
}

func TestRoomWatcher(t *testing.T) {
	t.Parallel()
	for _, sockets := range []bool{false, true} {
		w := &watching{Backplane: cluster.NewHub().Backplane(), sockets: sockets}
		g := start(t, server.Options{Backplane: w}, nil)
		want := func(changes ...string) {
			t.Helper()
			if diff := cmp.Diff(changes, w.changes()); diff != "" {
				t.Errorf("changes, sockets %v (-want +got):\n%s", sockets, diff)
			}
		}
		n := g.Of("/")
		c1, c2 := g.sio(t), g.sio(t)
		id1, id2 := c1.join("/"), c2.join("/")
		if sockets {
			want("/ "+id1+" true", "/ "+id2+" true")
		} else {
			want()
		}
		_ = n.Conn(id1).Join("a", "b")
		want("/ a true", "/ b true")
		_ = n.Conn(id2).Join("a")
		want()
		n.Conn(id1).Leave("a", "b")
		want("/ b false")
		n.SocketsLeave("a")
		want("/ a false")
		n.SocketsJoin("c")
		want("/ c true")
		n.DisconnectSockets(true)
		c1.closed(0)
		c2.closed(0)
		eventually(t, "the room is gone", func() bool { return n.Conns() == 0 })
		eventually(t, "and told", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Contains(w.changed, "/ c") && (!sockets || len(w.changed) == 3)
		})
		for _, change := range w.changes() {
			if change != "/ c false" && change != "/ "+id1+" false" && change != "/ "+id2+" false" {
				t.Errorf("at the end: %s", change)
			}
		}
	}
}

func TestConnBroadcast(t *testing.T) {
	t.Parallel()
	x := crowdOf(t, hubPods(t, 2, server.Options{}, nil), "0a", "0ab", "0b", "1a", "1b")
	c := x.pods[0].Of("/").Conn(x.ids["0a"])
	for i, tc := range []struct {
		name string
		e    *server.Emitter
		want []string
	}{
		{"Broadcast", c.Broadcast(), []string{"0ab", "0b", "1a", "1b"}},
		{"To", c.To("a"), []string{"0ab", "1a"}},
		{"Except", c.Except("b"), []string{"1a"}},
		{"Local", c.Local(), []string{"0ab", "0b"}},
		{"Local To", c.Local().To("a"), []string{"0ab"}},
	} {
		if err := tc.e.Emit("m", i); err != nil {
			t.Fatal(err)
		}
		_ = x.pods[0].Of("/").Emit("end", i)
		var got []string
		for _, name := range x.names {
			if m := x.clients[name].next(); m == fmt.Sprintf(`42["m",%d]`, i) {
				got = append(got, name)
				x.clients[name].is(fmt.Sprintf(`42["end",%d]`, i))
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestOddCommands hands a gateway what no pod should say. Clients go on, and who
// asks is answered as far as there is an answer.
func TestOddCommands(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{MaxRooms: 3, AckTimeout: 10 * time.Millisecond}, func(s *server.Server) {
		s.Of("/").OnServerSideEmit("", func(context.Context, *server.ServerSideEvent) (server.Reply, error) {
			return server.Reply{Args: []byte("]")}, nil
		})
	})
	c := g.joined(t, "/")
	long := strings.Repeat("x", 1<<16)
	for _, namespace := range []string{"/", "/nope", "", long} {
		for op := range cluster.OpBroadcastAck + 2 {
			for _, args := range []string{"", "[]", "[1]", `[""]`, `["connect"]`, `["x",{"_placeholder":true,"num":9}]`} {
				rooms := []string{}
				if op == cluster.OpDisconnect {
					rooms = []string{"nobody"}
				}
				g.Execute(&cluster.Command{Op: op, Namespace: namespace, Rooms: rooms, Except: []string{""}, Targets: []string{"", long, "\x00", "r4"}, Args: []byte(args)})
				for _, timeout := range []time.Duration{-1, 0, 1} {
					g.Answer(&cluster.Query{Op: op, Namespace: namespace, Rooms: rooms, Args: []byte(args), Timeout: timeout}, func(*cluster.Answer) {})
				}
			}
		}
	}
	_ = g.Of("/").Emit("end")
	for c.next() != `42["end"]` {
	}
	if rooms := len(g.Of("/").Rooms()); rooms > 3 {
		t.Errorf("in %d rooms, at most 3", rooms)
	}
	// Before Start and after Shutdown.
	s, err := server.New(server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Of("/")
	s.Execute(&cluster.Command{Op: cluster.OpJoin, Namespace: "/"})
	s.Answer(&cluster.Query{Op: cluster.OpFetchSockets, Namespace: "/"}, func(*cluster.Answer) { t.Error("answered before Start") })
}
