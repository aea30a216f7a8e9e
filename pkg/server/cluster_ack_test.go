package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// question reads the event ["ask"…] and returns its acknowledgement id.
func (c *client) question() (id string) {
	c.t.Helper()
	m := c.want("42")
	id, _, _ = strings.Cut(m[2:], "[")
	return id
}

// answers acknowledges each question with the JSON of the arguments, in a
// goroutine that ends with the connection.
func (c *client) answers(args string) {
	_ = c.ws.SetReadDeadline(time.Time{})
	_ = c.ws.SetWriteDeadline(time.Time{})
	go func() {
		for {
			_, b, err := c.ws.ReadMessage()
			if err != nil {
				return
			}
			m := string(b)
			if m == "2" {
				_ = c.ws.WriteMessage(websocket.TextMessage, []byte("3"))
			}
			if id, _, ok := strings.Cut(strings.TrimPrefix(m, "42"), `["ask"`); ok && id != "" {
				_ = c.ws.WriteMessage(websocket.TextMessage, []byte("43"+id+"["+args+"]"))
			}
		}
	}()
}

// texts are the replies as text, in the order of the alphabet.
func texts(replies []server.Reply) []string {
	var all []string
	for _, r := range replies {
		all = append(all, string(r.Args))
	}
	slices.Sort(all)
	return all
}

func TestEmitAckOfMany(t *testing.T) {
	t.Parallel()
	x := crowdOf(t, hubPods(t, 3, server.Options{}, nil), everybody...)
	for name, c := range x.clients {
		c.answers(fmt.Sprintf("%q,true", name))
	}
	n := x.pods[0].Of("/")
	for _, tc := range choices {
		replies, err := tc.choose(x, n).EmitAck(t.Context(), "ask", tc.name)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		var want []string
		for _, name := range tc.want {
			want = append(want, fmt.Sprintf("%q", name))
		}
		if diff := cmp.Diff(want, texts(replies)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	done := make(chan []server.Reply, 1)
	if err := n.To("a").EmitAckFunc(func(r []server.Reply, err error) {
		if err != nil {
			t.Errorf("EmitAckFunc: %v", err)
		}
		done <- r
	}, "ask"); err != nil {
		t.Fatal(err)
	}
	if got := len(<-done); got != 4 {
		t.Errorf("EmitAckFunc: %d answers, want 4", got)
	}
}

// TestEmitAckArgument is what becomes of what a client acknowledges with.
func TestEmitAckArgument(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, ack string // ack has ID in the place of the id
		binary    []string
		want      string
		attached  int
	}{
		{"nothing", `43ID[]`, nil, "null", 0},
		{"one", `43ID[{"a":1}]`, nil, `{"a":1}`, 0},
		{"several", `43ID["x",2,3]`, nil, `"x"`, 0},
		{"binary", `461-ID[{"_placeholder":true,"num":0}]`, []string{"one"}, `{"_placeholder":true,"num":0}`, 1},
		{"binary in the first of two", `462-ID[{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]`, []string{"one", "two"}, `{"b":{"_placeholder":true,"num":0}}`, 1},
		{"binary in the second", `461-ID[1,{"_placeholder":true,"num":0}]`, []string{"two"}, "1", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := crowdOf(t, hubPods(t, 2, server.Options{}, nil), "0a", "1a")
			var wg sync.WaitGroup
			defer wg.Wait()
			for _, c := range x.clients {
				wg.Go(func() {
					id := c.question()
					ack := strings.Replace(tc.ack, "ID", id, 1)
					c.send(ack)
					for _, b := range tc.binary {
						c.sendBinary([]byte(b))
					}
					c.send(strings.Replace(`43ID["again"]`, "ID", id, 1)) // counts once
				})
			}
			replies, err := x.pods[0].Of("/").EmitAck(t.Context(), "ask")
			if err != nil || len(replies) != 2 {
				t.Fatalf("%d replies, %v", len(replies), err)
			}
			for _, r := range replies {
				if string(r.Args) != tc.want || len(r.Attachments) != tc.attached || tc.attached > 0 && string(r.Attachments[0]) != "one" {
					t.Errorf("got %s with %q, want %s", r.Args, r.Attachments, tc.want)
				}
			}
		})
	}
}

// TestEmitAckTimeout has one client on each of two pods that says nothing.
func TestEmitAckTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	for _, tc := range []struct {
		name string
		emit func(t *testing.T, n *server.Namespace) ([]server.Reply, error)
		want error
	}{
		{"Timeout", func(t *testing.T, n *server.Namespace) ([]server.Reply, error) {
			return n.Timeout(timeout).EmitAck(t.Context(), "ask")
		}, server.ErrAckTimeout},
		{"deadline", func(t *testing.T, n *server.Namespace) ([]server.Reply, error) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			return n.EmitAck(ctx, "ask")
		}, server.ErrAckTimeout},
		{"deadline before Timeout", func(t *testing.T, n *server.Namespace) ([]server.Reply, error) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			return n.Timeout(time.Hour).EmitAck(ctx, "ask")
		}, server.ErrAckTimeout},
		{"option", func(t *testing.T, n *server.Namespace) ([]server.Reply, error) { return n.EmitAck(t.Context(), "ask") }, server.ErrAckTimeout},
		{"cancel", func(t *testing.T, n *server.Namespace) ([]server.Reply, error) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(timeout, cancel)
			return n.Timeout(time.Hour).EmitAck(ctx, "ask")
		}, context.Canceled},
		{"callback", func(t *testing.T, n *server.Namespace) (r []server.Reply, err error) {
			done := make(chan struct{})
			if err := n.Timeout(timeout).EmitAckFunc(func(replies []server.Reply, e error) {
				r, err = replies, e
				close(done)
			}, "ask"); err != nil {
				t.Fatal(err)
			}
			<-done
			return r, err
		}, server.ErrAckTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := crowdOf(t, hubPodsOver(t, startPipe, 2, server.Options{AckTimeout: timeout}, nil), "0a", "0x", "1a", "1x")
				x.clients["0a"].answers("1")
				x.clients["1a"].answers("2")
				late := make(chan string, 2)
				for _, name := range []string{"0x", "1x"} {
					go func() { late <- x.clients[name].question() }()
				}
				began := time.Now()
				replies, err := tc.emit(t, x.pods[0].Of("/"))
				if took := time.Since(began); took < timeout || took > timeout+10*time.Millisecond {
					t.Errorf("took %v, want %v", took, timeout)
				}
				if diff := cmp.Diff([]string{"1", "2"}, texts(replies)); diff != "" {
					t.Errorf("replies (-want +got):\n%s", diff)
				}
				ack, ok := errors.AsType[*server.AckError](err)
				if !ok || ack.Answered != 2 || ack.Asked != 4 || !errors.Is(err, tc.want) {
					t.Errorf("error %v, want 2 of 4 and %v", err, tc.want)
				}
				if errors.Is(tc.want, server.ErrAckTimeout) && !errors.Is(err, cluster.ErrPartial) {
					t.Errorf("error %v, want it to be ErrPartial too", err)
				}
				// An acknowledgement that comes too late harms nobody.
				for _, name := range []string{"0x", "1x"} {
					x.clients[name].send("43" + <-late + `["late"]`)
				}
				synctest.Wait()
				for _, name := range x.names {
					if x.inRoom(x.ids[name]) == nil {
						t.Errorf("%s was disconnected", name)
					}
				}
			})
		})
	}
}

// TestEmitAckDisconnect has a client go before it acknowledges: nobody waits for
// it, where its pod is asked.
func TestEmitAckDisconnect(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(x *crowd)
	}{
		{"transport", func(x *crowd) { _ = x.clients["0x"].ws.Close() }},
		{"client", func(x *crowd) { x.clients["0x"].send("41") }},
		{"server", func(x *crowd) { x.pods[0].Of("/").Conn(x.ids["0x"]).Disconnect(false) }},
		{"server closes", func(x *crowd) { x.pods[0].Of("/").Conn(x.ids["0x"]).Disconnect(true) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := crowdOf(t, hubPodsOver(t, startPipe, 2, server.Options{}, nil), "0a", "0x", "1a")
				x.clients["0a"].answers("1")
				x.clients["1a"].answers("2")
				go func() {
					x.clients["0x"].question()
					tc.end(x)
				}()
				began := time.Now()
				replies, err := x.pods[0].Of("/").EmitAck(t.Context(), "ask")
				if took := time.Since(began); took > time.Second {
					t.Errorf("took %v", took)
				}
				ack, ok := errors.AsType[*server.AckError](err)
				if len(replies) != 2 || !ok || ack.Answered != 2 || ack.Asked != 3 || !errors.Is(err, server.ErrClosed) {
					t.Errorf("%d replies, error %v, want 2 of 3 and ErrClosed", len(replies), err)
				}
			})
		})
	}
}

// TestEmitAckProtocols emits to clients some of which can't acknowledge.
func TestEmitAckProtocols(t *testing.T) {
	t.Parallel()
	gs := hubPods(t, 2, server.Options{}, nil)
	for _, g := range gs {
		plain, _ := g.ws(t, "/ws", nil)
		defer plain.is(`{"event":"ask","data":7}`)
		g.joined(t, "/").answers("1")
	}
	eventually(t, "all are there", func() bool { return gs[0].Of("/").Conns() == 2 && gs[1].Of("/").Conns() == 2 })
	if replies, err := gs[0].Of("/").EmitAck(t.Context(), "ask", 7); err != nil || len(replies) != 2 {
		t.Errorf("%d replies, %v, want 2", len(replies), err)
	}
}

// TestEmitAckCrowd asks a thousand clients on two pods, in several broadcasts at
// once. It is not parallel, or the clients of other tests would get no processor.
func TestEmitAckCrowd(t *testing.T) {
	const clients, questions, dialers = 1000, 5, 4
	gs := hubPodsOver(t, startPipe, 2, server.Options{}, nil)
	var wg sync.WaitGroup
	for d := range dialers {
		wg.Go(func() {
			for i := d; i < clients; i += dialers {
				gs[i%2].joined(t, "/").answers(fmt.Sprint(i))
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for range questions {
		wg.Go(func() {
			replies, err := gs[0].Of("/").EmitAck(t.Context(), "ask")
			seen := map[string]bool{}
			for _, r := range replies {
				seen[string(r.Args)] = true
			}
			if err != nil || len(replies) != clients || len(seen) != clients {
				t.Errorf("%d replies of %d clients, %v", len(replies), len(seen), err)
			}
		})
	}
	wg.Wait()
}

// TestEmitAckInHandler asks from a handler of the client that is asked.
func TestEmitAckInHandler(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, func(s *server.Server) {
		n := s.Of("/")
		n.On("start", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			answer := e.Later()
			return server.Reply{None: true}, n.To(c.ID()).EmitAckFunc(func(r []server.Reply, err error) {
				if err == nil {
					answer(r[0], nil)
				}
				panic("harms nobody")
			}, "ask")
		})
	})
	c := g.joined(t, "/")
	c.send(`421["start"]`)
	c.send("43" + c.question() + `["done"]`)
	c.is(`431["done"]`)
}

func TestEmitAckRefused(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{QueueBytes: 1000}, nil)
	n := g.Of("/")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		n    *server.Namespace
		arg  any
		want error
	}{
		{"nobody is there", t.Context(), n, 1, nil},
		{"too large", t.Context(), n, strings.Repeat("x", 1000), server.ErrTooLarge},
		{"a family", t.Context(), g.OfFunc(func(string, []byte) bool { return false }), 1, server.ErrFamily},
		{"an ended context", ended, n, 1, context.Canceled},
	} {
		replies, err := tc.n.EmitAck(tc.ctx, "ask", tc.arg)
		if !errors.Is(err, tc.want) || len(replies) > 0 {
			t.Errorf("%s: %d replies, error %v, want %v", tc.name, len(replies), err, tc.want)
		}
	}
	if _, err := n.EmitAck(t.Context(), "disconnect"); !errors.Is(err, server.ErrReservedEvent) {
		t.Errorf("a reserved event: %v", err)
	}
	s, err := server.New(server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Of("/").EmitAck(t.Context(), "ask"); !errors.Is(err, server.ErrClosed) {
		t.Errorf("before Start: %v", err)
	}
}

// TestAskAtShutdown has a server end while it waits for a client and for a pod.
func TestAskAtShutdown(t *testing.T) {
	t.Parallel()
	hub := cluster.NewHub()
	silentPod(t, hub, "/")
	g := start(t, server.Options{Backplane: hub.Backplane(), AckTimeout: time.Hour, RequestTimeout: time.Hour}, nil)
	c := g.joined(t, "/")
	ended := make(chan error, 1)
	go func() {
		_, err := g.Of("/").EmitAck(context.Background(), "ask")
		ended <- err
	}()
	c.question()
	fetched := make(chan error, 1)
	go func() {
		_, err := g.Of("/").FetchSockets(context.Background())
		fetched <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go c.closed(0)
	if err := g.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, server.ErrClosed) {
		t.Errorf("EmitAck: %v, want ErrClosed", err)
	}
	if err := <-fetched; err == nil {
		t.Error("FetchSockets: no error")
	}
}

// silentPod is a pod that takes part and never answers.
func silentPod(t testing.TB, hub *cluster.Hub, namespace string) {
	t.Helper()
	b := hub.Backplane()
	if err := errors.Join(b.AddNamespace(namespace), b.Start(t.Context(), silence{})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.Background()) })
}

type silence struct{}

func (silence) HasRoom(_, _ string) bool                     { return true }
func (silence) Deliver(*cluster.Broadcast)                   {}
func (silence) Execute(*cluster.Command)                     {}
func (silence) Answer(*cluster.Query, func(*cluster.Answer)) {}

// slowJournal keeps what it is given to itself, so that nothing gets an offset
// from it before the gateway has lost its patience.
type slowJournal struct{ cluster.Backplane }

var _ cluster.Journal = slowJournal{}

func (slowJournal) Follow(string, time.Duration, cluster.Follower)            {}
func (slowJournal) Reached(string) (at cluster.Offset)                        { return at }
func (slowJournal) Record(*cluster.Broadcast, any) bool                       { return true }
func (slowJournal) Level(string) bool                                         { return true }
func (slowJournal) SaveSession(*cluster.Session, bool, time.Duration, func()) {}

func (slowJournal) TakeSession(context.Context, string, func(*cluster.Session) bool) (*cluster.Session, error) {
	return nil, cluster.ErrNoSession
}

// TestAckBehindJournal asks clients, and moves them, while what they were sent
// before waits for its place in a journal.
func TestAckBehindJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, server.Options{Backplane: slowJournal{cluster.NewHub().Backplane()}, Recovery: time.Minute}, nil)
		c := g.joined(t, "/")
		n := g.Of("/")
		n.SocketsJoin("r")
		_ = n.To("r").Emit("first")
		n.SocketsLeave("r")
		// One whose time is over before its turn is not sent.
		if _, err := n.Timeout(time.Millisecond).EmitAck(t.Context(), "late"); !errors.Is(err, server.ErrAckTimeout) {
			t.Errorf("before its turn: %v, want ErrAckTimeout", err)
		}
		go func() {
			c.want(`42["first"`)
			c.send("43" + c.question() + "[1]")
		}()
		if replies, err := n.EmitAck(t.Context(), "ask"); err != nil || len(replies) != 1 {
			t.Errorf("%d replies, %v", len(replies), err)
		}
		_ = n.To("r").Emit("left")
		_ = n.Emit("end")
		c.want(`42["end"`)
	})
}
