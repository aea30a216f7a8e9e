package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// hubPods are gateways that are one through a hub.
func hubPods(t testing.TB, n int, opts server.Options, register func(pod int, s *server.Server)) []*gateway {
	t.Helper()
	return hubPodsOver(t, start, n, opts, register)
}

type starter func(testing.TB, server.Options, func(*server.Server)) *gateway

func hubPodsOver(t testing.TB, start starter, n int, opts server.Options, register func(pod int, s *server.Server)) []*gateway {
	t.Helper()
	hub := cluster.NewHub()
	gateways := make([]*gateway, n)
	for i := range gateways {
		opts.Backplane = hub.Backplane()
		gateways[i] = start(t, opts, func(s *server.Server) {
			if register != nil {
				register(i, s)
			}
		})
	}
	return gateways
}

// crowd are clients by name; a name is the number of its pod and the rooms that
// it is in: "0ab" is on pod 0 in a and b.
type crowd struct {
	t       testing.TB
	pods    []*gateway
	names   []string
	clients map[string]*client
	ids     map[string]string
}

func crowdOf(t testing.TB, pods []*gateway, names ...string) *crowd {
	t.Helper()
	x := &crowd{t: t, pods: pods, names: names, clients: map[string]*client{}, ids: map[string]string{}}
	for _, name := range names {
		g := pods[name[0]-'0']
		c := g.sio(t)
		id := c.join("/")
		if err := g.Of("/").Conn(id).Join(strings.Split(name[1:], "")...); err != nil {
			t.Fatal(err)
		}
		x.clients[name], x.ids[name] = c, id
	}
	return x
}

// inRoom are the clients in a room now, as the pods themselves see it.
func (x *crowd) inRoom(room string) (names []string) {
	for _, name := range x.names {
		if c := x.pods[name[0]-'0'].Of("/").Conn(x.ids[name]); c != nil && c.InRoom(room) {
			names = append(names, name)
		}
	}
	return names
}

// choices are ways to choose connections, and those that are chosen of the crowd
// of everybody, seen from pod 0.
var everybody = []string{"0a", "0ab", "1a", "1b", "1x", "2ab", "2x"}

var choices = []struct {
	name   string
	choose func(x *crowd, n *server.Namespace) *server.Emitter
	want   []string
}{
	{"all", func(_ *crowd, n *server.Namespace) *server.Emitter { return n.Except() }, everybody},
	{"a room", func(_ *crowd, n *server.Namespace) *server.Emitter { return n.To("a") }, []string{"0a", "0ab", "1a", "2ab"}},
	{"two rooms", func(_ *crowd, n *server.Namespace) *server.Emitter { return n.To("a", "b") }, []string{"0a", "0ab", "1a", "1b", "2ab"}},
	{"except a room", func(_ *crowd, n *server.Namespace) *server.Emitter { return n.To("a").Except("b") }, []string{"0a", "1a"}},
	{"all except a room", func(_ *crowd, n *server.Namespace) *server.Emitter { return n.Except("a") }, []string{"1b", "1x", "2x"}},
	{"an id elsewhere", func(x *crowd, n *server.Namespace) *server.Emitter { return n.To(x.ids["1x"]) }, []string{"1x"}},
	{"except an id elsewhere", func(x *crowd, n *server.Namespace) *server.Emitter { return n.To("a").Except(x.ids["1a"]) }, []string{"0a", "0ab", "2ab"}},
	{"this pod", func(_ *crowd, n *server.Namespace) *server.Emitter { return n.Local() }, []string{"0a", "0ab"}},
	{"nobody", func(_ *crowd, n *server.Namespace) *server.Emitter { return n.To("nope") }, nil},
}

func TestSocketsJoinAndLeave(t *testing.T) {
	t.Parallel()
	for _, tc := range choices {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := crowdOf(t, hubPods(t, 3, server.Options{}, nil), everybody...)
			n := x.pods[0].Of("/")
			tc.choose(x, n).SocketsJoin("new", "new2")
			eventually(t, "all have joined", func() bool { return cmp.Equal(tc.want, x.inRoom("new")) })
			eventually(t, "all have joined both", func() bool { return cmp.Equal(tc.want, x.inRoom("new2")) })
			tc.choose(x, n).SocketsLeave("new")
			eventually(t, "all have left", func() bool { return x.inRoom("new") == nil })
			if diff := cmp.Diff(tc.want, x.inRoom("new2")); diff != "" {
				t.Errorf("another room (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCommandBeforeBroadcast is the order of what one pod sends: who is told to
// join gets what is sent to the room next, who is told to leave doesn't.
func TestCommandBeforeBroadcast(t *testing.T) {
	t.Parallel()
	x := crowdOf(t, hubPods(t, 2, server.Options{}, nil), "0a", "1a")
	n := x.pods[0].Of("/")
	for i := range 200 {
		n.To("a").SocketsJoin("r")
		_ = n.To("r").Emit("in", i)
		n.To("a").SocketsLeave("r")
		_ = n.To("r").Emit("out", i)
	}
	_ = n.Emit("end")
	for name, c := range x.clients {
		for i := range 200 {
			if m := c.next(); m != fmt.Sprintf(`42["in",%d]`, i) {
				t.Fatalf("%s: got %s, want number %d", name, m, i)
			}
		}
		c.is(`42["end"]`)
	}
}

func TestDisconnectSockets(t *testing.T) {
	t.Parallel()
	for _, closeTransport := range []bool{false, true} {
		for _, tc := range choices {
			t.Run(fmt.Sprintf("close=%v/%s", closeTransport, tc.name), func(t *testing.T) {
				t.Parallel()
				reasons := make(chan string, len(everybody))
				x := crowdOf(t, hubPods(t, 3, server.Options{}, func(_ int, s *server.Server) {
					s.Of("/").OnDisconnect(func(_ *server.Conn, reason string) { reasons <- reason })
				}), everybody...)
				n := x.pods[0].Of("/")
				tc.choose(x, n).DisconnectSockets(closeTransport)
				_ = n.Emit("still here")
				for name, c := range x.clients {
					if !slices.Contains(tc.want, name) {
						c.is(`42["still here"]`)
						continue
					}
					c.is("41")
					if closeTransport {
						c.closed(0)
					} else {
						c.send("40") // the transport is still there
						c.want(`40{"sid"`)
					}
				}
				for range tc.want {
					if reason := <-reasons; reason != "server namespace disconnect" {
						t.Errorf("reason %q", reason)
					}
				}
			})
		}
	}
}

func TestFetchSockets(t *testing.T) {
	t.Parallel()
	for _, tc := range choices {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := crowdOf(t, hubPods(t, 3, server.Options{}, nil), everybody...)
			n := x.pods[0].Of("/")
			sockets, err := tc.choose(x, n).FetchSockets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for name, id := range x.ids {
				for _, s := range sockets {
					if s.ID == id {
						got = append(got, name)
						want := append([]string{id}, strings.Split(name[1:], "")...)
						if diff := cmp.Diff(want, s.Rooms); diff != "" {
							t.Errorf("rooms of %s (-want +got):\n%s", name, diff)
						}
					}
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" || len(got) != len(sockets) {
				t.Errorf("%d sockets (-want +got):\n%s", len(sockets), diff)
			}
		})
	}
}

// TestSocketTellsNoSecret looks for all that a client sent in secret in what
// other pods are told of it.
func TestSocketTellsNoSecret(t *testing.T) {
	t.Parallel()
	gs := hubPods(t, 2, server.Options{}, func(_ int, s *server.Server) {
		s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
			c.Set("mine", "s3cret")
			return c.SetData(map[string]any{"user": "ann"})
		})
	})
	c, resp := gs[1].ws(t, sioTarget+"&token=s3cret&room=a&x=eyJhbGciOi.s3cret.x&room=b&q=a%20b", map[string][]string{
		"Cookie": {"session=s3cret"}, "Authorization": {"Bearer s3cret"}, "X-Api-Key": {"s3cret"},
		"Origin": {"http://" + gs[1].host}, "User-Agent": {"me"},
	})
	if c == nil {
		t.Fatal(resp.Status)
	}
	c.want("0{")
	c.send(`40{"token":"s3cret","deep":{"password":"s3cret"}}`)
	c.want("40{")
	sockets, err := gs[0].Of("/").FetchSockets(t.Context())
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	all, err := json.Marshal(sockets)
	if err != nil || strings.Contains(string(all), "s3cret") {
		t.Errorf("told a secret, %v: %s", err, all)
	}
	var h map[string]any
	if err := json.Unmarshal(sockets[0].Handshake, &h); err != nil {
		t.Fatal(err)
	}
	issued := time.UnixMilli(int64(h["issued"].(float64)))
	if age := time.Since(issued); age < -time.Second || age > time.Minute {
		t.Errorf("issued %v ago", age)
	}
	if want := issued.UTC().Format("Mon Jan 02 2006 15:04:05") + " GMT+0000 (Coordinated Universal Time)"; h["time"] != want {
		t.Errorf("time %v, want %v", h["time"], want)
	}
	delete(h, "issued")
	delete(h, "time")
	want := map[string]any{
		"headers": map[string]any{"host": gs[1].host, "origin": "http://" + gs[1].host, "user-agent": "me"},
		"address": "127.0.0.1", "xdomain": true, "secure": false,
		"url":   "/socket.io/?EIO=4&transport=websocket&room=a&room=b&q=a%20b",
		"query": map[string]any{"EIO": "4", "transport": "websocket", "room": []any{"a", "b"}, "q": "a b"},
		"auth":  map[string]any{},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("handshake (-want +got):\n%s", diff)
	}
	if string(sockets[0].Data) != `{"user":"ann"}` {
		t.Errorf("data %s", sockets[0].Data)
	}
}

func TestRemoteSocket(t *testing.T) {
	t.Parallel()
	x := crowdOf(t, hubPods(t, 2, server.Options{}, nil), "0a", "1a")
	for _, name := range x.names {
		c := x.clients[name]
		sockets, err := x.pods[0].Of("/").To(x.ids[name]).FetchSockets(t.Context())
		if err != nil || len(sockets) != 1 {
			t.Fatal(sockets, err)
		}
		s := sockets[0]
		s.Join("r")
		s.Leave("a")
		if err := s.Emit("hello", 1); err != nil {
			t.Fatal(err)
		}
		c.is(`42["hello",1]`)
		if diff := cmp.Diff([]string{name}, x.inRoom("r")); diff != "" {
			t.Errorf("joined (-want +got):\n%s", diff)
		}
		go func() {
			m, _ := c.read()
			c.send("43" + strings.TrimSuffix(strings.TrimPrefix(m, "42"), `["ask"]`) + `["yes",2]`)
		}()
		r, err := s.EmitAck(t.Context(), "ask")
		if err != nil || string(r.Args) != `"yes"` {
			t.Errorf("acknowledgement %s, %v", r.Args, err)
		}
		s.Disconnect(false)
		c.is("41")
		eventually(t, "it is gone", func() bool { return x.inRoom(x.ids[name]) == nil })
		if _, err := s.EmitAck(t.Context(), "ask"); !errors.Is(err, server.ErrClosed) {
			t.Errorf("EmitAck to one that has gone: %v", err)
		}
	}
	if x.inRoom("a") != nil {
		t.Errorf("still in room a: %v", x.inRoom("a"))
	}
}

// TestFetchSocketsJoining looks for a client that OnConnect has not let in yet.
func TestFetchSocketsJoining(t *testing.T) {
	t.Parallel()
	joining, let := make(chan struct{}), make(chan struct{})
	g := start(t, server.Options{}, func(s *server.Server) {
		s.Of("/").OnConnect(func(context.Context, *server.Conn) error {
			close(joining)
			<-let
			return nil
		})
	})
	c := g.sio(t)
	c.send("40")
	<-joining
	sockets, err := g.Of("/").FetchSockets(t.Context())
	close(let)
	c.want("40{")
	if len(sockets) != 0 || err != nil {
		t.Errorf("before: %d sockets, %v", len(sockets), err)
	}
	if sockets, err = g.Of("/").FetchSockets(t.Context()); len(sockets) != 1 || err != nil {
		t.Errorf("after: %d sockets, %v", len(sockets), err)
	}
}
