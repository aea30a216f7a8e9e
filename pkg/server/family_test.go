package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

func TestDynamicNamespaces(t *testing.T) {
	t.Parallel()
	var family *server.Namespace
	g := start(t, server.Options{MaxDynamicNamespaces: 3, WSNamespace: "/tenant-0"}, func(s *server.Server) {
		s.Of("/tenant-static").On("whose", func(context.Context, *server.Conn, *server.Event) (server.Reply, error) {
			return server.Reply{Args: []byte(`"static"`)}, nil
		})
		family = s.OfPattern(regexp.MustCompile(`/tenant-\w+`))
		family.Use(func(_ context.Context, c *server.Conn) error {
			if c.Namespace().Name() == "/tenant-closed" {
				return errors.New("closed")
			}
			return nil
		})
		family.OnConnect(func(_ context.Context, c *server.Conn) error { return c.Join("all") })
		family.On("whose", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
			return server.Reply{Args: fmt.Appendf(nil, "%q", c.Namespace().Name())}, nil
		})
		s.OfFunc(func(name string, payload []byte) bool {
			if name == "/panic" {
				panic("on purpose")
			}
			return name == "/secret" && string(payload) == `{"word":"open"}`
		})
	})
	known := func() int { return g.Stats().Namespaces }
	before := known()

	a, b := g.joined(t, "/tenant-1"), g.joined(t, "/tenant-2")
	for c, name := range map[*client]string{a: "/tenant-1", b: "/tenant-2"} {
		c.send(fmt.Sprintf(`42%s,1["whose"]`, name))
		c.is(fmt.Sprintf(`43%s,1["%s"]`, name, name))
	}
	_ = g.Of("/tenant-1").To("all").Emit("m", 1) // the rooms are apart
	a.is(`42/tenant-1,["m",1]`)
	_ = family.To("all").Emit("m", 2)
	a.is(`42/tenant-1,["m",2]`)
	b.is(`42/tenant-2,["m",2]`)

	static := g.joined(t, "/tenant-static")
	static.send(`42/tenant-static,1["whose"]`)
	static.is(`43/tenant-static,1["static"]`)

	for _, tc := range []struct{ name, connect, want string }{
		{"no family takes it", `40/tenant-1/x,`, `44/tenant-1/x,{"message":"Invalid namespace"}`},
		{"a part of the name", `40/x/tenant-1,`, `44/x/tenant-1,{"message":"Invalid namespace"}`},
		{"by payload", `40/secret,`, `44/secret,{"message":"Invalid namespace"}`},
		{"a match that panics", `40/panic,`, `44/panic,{"message":"Invalid namespace"}`},
		{"refused by a guard", `40/tenant-closed,`, `44/tenant-closed,{"message":"Internal server error"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := g.sio(t)
			c.send(tc.connect)
			c.is(tc.want)
		})
	}
	t.Run("let in by payload", func(t *testing.T) {
		c := g.sio(t)
		c.send(`40/secret,{"word":"open"}`)
		c.want(`40/secret,{"sid":"`)
		c.send("41/secret,")
		eventually(t, "it is forgotten", func() bool { return known() == before+2 })
	})
	t.Run("plain WebSocket", func(t *testing.T) {
		c, refused := g.ws(t, "/ws", nil)
		if c == nil {
			t.Fatal(refused.Status)
		}
		c.send(`{"event":"whose"}`)
		c.is(`"/tenant-0"`)
		if c, refused := g.ws(t, "/ws?namespace=/tenant-3", nil); c != nil || refused.StatusCode != http.StatusServiceUnavailable {
			t.Error("more namespaces than allowed")
		}
		over := g.sio(t)
		over.send(`40/tenant-3,`)
		over.is(`44/tenant-3,{"message":"too many namespaces","data":{"code":"too_many_namespaces"}}`)
		c.ws.Close()
	})
	a.send("41/tenant-1,")
	b.ws.Close()
	eventually(t, "empty namespaces are forgotten", func() bool { return known() == before })
	again := g.joined(t, "/tenant-1")
	again.send(`42/tenant-1,1["whose"]`)
	again.is(`43/tenant-1,1["/tenant-1"]`)
}

// TestRefusedNamesTakeNoPlace: where there are other pods, a namespace that has
// been entered stays. Names that nobody gets into must not, or one client that is
// refused each time keeps everybody else out for ever.
func TestRefusedNamesTakeNoPlace(t *testing.T) {
	t.Parallel()
	hub := cluster.NewHub()
	var gates [2]*gateway
	for i := range gates {
		gates[i] = start(t, server.Options{MaxDynamicNamespaces: 2, Backplane: hub.Backplane()}, func(s *server.Server) {
			s.OfGlob("/org-*").Use(func(_ context.Context, c *server.Conn) error {
				if c.Namespace().Name() != "/org-good" {
					return server.Errorf("no", "not a customer")
				}
				return nil
			})
		})
	}
	c := gates[0].sio(t)
	for n := range 5 {
		c.send(fmt.Sprintf("40/org-%d,", n))
		c.is(fmt.Sprintf(`44/org-%d,{"message":"not a customer","data":{"code":"no"}}`, n))
	}
	a, b := gates[0].joined(t, "/org-good"), gates[1].joined(t, "/org-good")
	emit(t, gates[0].Of("/org-good").Emit("hello"))
	for _, member := range []*client{a, b} {
		member.is(`42/org-good,["hello"]`)
	}
	b.send("41/org-good,")
	eventually(t, "nobody is there", func() bool { return gates[1].Of("/org-good").Conns() == 0 })
	back := gates[1].joined(t, "/org-good")
	emit(t, gates[0].Of("/org-good").Emit("again"))
	back.is(`42/org-good,["again"]`)
}

// TestNamespacesComeAndGo: with other pods or a history, an empty namespace stays
// until there is need of its place, but not one that OnConnect let nobody into.
// The one that has been empty for the longest goes, and works when it comes back.
func TestNamespacesComeAndGo(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]server.Options{
		"backplane": {}, "history": {History: server.HistoryOptions{Rooms: []string{"*"}}}, "recovery": {Recovery: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := cluster.NewHub()
			o.MaxDynamicNamespaces = 3
			var gates [2]*gateway
			var left atomic.Int64
			for i := range gates {
				o.Backplane = hub.Backplane()
				gates[i] = start(t, o, func(s *server.Server) {
					orgs := s.OfGlob("/org-*")
					orgs.OnDisconnect(func(*server.Conn, string) { left.Add(1) })
					orgs.OnConnect(func(_ context.Context, c *server.Conn) error {
						if strings.HasPrefix(c.Namespace().Name(), "/org-bad") {
							return server.Errorf("no", "not a customer")
						}
						return c.Join("all")
					})
				})
			}
			g, other := gates[0], gates[1]
			known := g.Stats().Namespaces
			leave := func(c *client, name string) {
				t.Helper()
				was := left.Load()
				c.send("41" + name + ",")
				eventually(t, name+" is left", func() bool { return left.Load() > was })
			}
			visit := func(name string) *client {
				t.Helper()
				c := g.joined(t, name)
				emit(t, other.Of(name).To("all").Emit("hello"))
				c.want(`42` + name + `,["hello"`)
				return c
			}
			stays := visit("/org-stays")
			leave(visit("/org-a"), "/org-a")
			leave(visit("/org-b"), "/org-b")
			bad := g.sio(t)
			for n := range 5 {
				bad.send(fmt.Sprintf("40/org-bad%d,", n))
				bad.is(fmt.Sprintf(`44/org-bad%d,{"message":"not a customer","data":{"code":"no"}}`, n))
			}
			eventually(t, "they are forgotten", func() bool { return g.Stats().Namespaces <= known+3 })
			for _, name := range []string{"/org-c", "/org-a", "/org-b", "/org-c", "/org-a"} {
				leave(visit(name), name)
				if n := g.Stats().Namespaces; n > known+3 {
					t.Errorf("%d namespaces after %s, want %d at most", n, name, known+3)
				}
			}
			emit(t, other.Of("/org-stays").To("all").Emit("still"))
			stays.want(`42/org-stays,["still"`)

			b, c := visit("/org-d"), visit("/org-e")
			over := g.sio(t)
			over.send(`40/org-f,`)
			over.is(`44/org-f,{"message":"too many namespaces","data":{"code":"too_many_namespaces"}}`)
			leave(b, "/org-d")
			leave(c, "/org-e")
		})
	}
}

// TestGlobNamespaces: a star is a part of a name, never a pattern by itself.
func TestGlobNamespaces(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, func(s *server.Server) { s.OfGlob("/org-*/v1.*") })
	for name, ok := range map[string]bool{
		"/org-acme/v1.2": true, "/org-a.b_c~d:e@f-g/v1.0": true,
		"/org-/v1.2": false, "/org-a/b/v1.2": false, "/org-a/v1x2": false, "/org-*/v1.*": false, "/org-a/v1.2/": false, "/org-é/v1.1": false,
	} {
		c := g.sio(t)
		c.send(`40` + name + `,`)
		if ok {
			c.want(`40` + name + `,{"sid":"`)
		} else {
			c.is(`44` + name + `,{"message":"Invalid namespace"}`)
		}
	}
}

func TestConnFlags(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, nil)
	c := g.sio(t)
	sid := c.join("/")
	other := g.joined(t, "/")
	conn := g.Of("/").Conn(sid)
	_ = conn.Volatile().Emit("v")
	_ = conn.Compress(false).Emit("c")
	c.is(`42["v"]`, `42["c"]`)
	_ = g.Of("/").Emit("end")
	other.is(`42["end"]`)
}
