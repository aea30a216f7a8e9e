package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

type order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

func (o order) Validate() error {
	switch {
	case o.Item == "":
		return server.Errorf("no_item", "an order needs an item")
	case o.Count < 0:
		return errors.New("count is negative")
	}
	return nil
}

type receipt struct {
	OK    bool `json:"ok"`
	Total int  `json:"total"`
}

// TestHandle is what clients get of typed handlers.
func TestHandle(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, func(s *server.Server) {
		n := s.Of("/")
		server.Handle(n, "order", func(_ context.Context, _ *server.Conn, o order) (receipt, error) {
			switch o.Item {
			case "panic":
				panic("secret")
			case "fail":
				return receipt{}, errors.New("secret")
			case "coded":
				return receipt{}, server.Errorf("sold_out", "no %s left", o.Item)
			}
			return receipt{true, o.Count * 2}, nil
		})
		server.Handle(n, "quiet", func(context.Context, *server.Conn, order) (server.NoAck, error) {
			return server.NoAck{}, nil
		})
		n.UseEvent(func(_ context.Context, _ *server.Conn, e *server.Event) error {
			if e.Name == "forbidden" {
				return server.Errorf("forbidden", "not you")
			}
			return nil
		})
		server.Handle(n, "forbidden", func(context.Context, *server.Conn, any) (any, error) { return nil, nil })
		s.Of("/any").OnAny(func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
			return server.Reply{Args: []byte(`"` + e.Name + `"`)}, nil
		})
	})
	c := g.joined(t, "/")
	c.join("/any")
	const internal = `{"ok":false,"error":{"code":"internal","message":"Internal server error"}}`
	for _, tc := range []struct{ name, send, want string }{
		{"output is the ack", `421["order",{"item":"tea","count":2}]`, `431[{"ok":true,"total":4}]`},
		{"more arguments are ignored", `422["order",{"item":"tea"},7]`, `432[{"ok":true,"total":0}]`},
		{"no argument is the zero value", `423["order"]`, `433[{"ok":false,"error":{"code":"no_item","message":"an order needs an item"}}]`},
		{"invalid", `424["order",{"item":"tea","count":-1}]`, `434[{"ok":false,"error":{"code":"bad_request","message":"event \"order\": count is negative"}}]`},
		{"coded error", `425["order",{"item":"coded"}]`, `435[{"ok":false,"error":{"code":"sold_out","message":"no coded left"}}]`},
		{"other error", `426["order",{"item":"fail"}]`, `436[` + internal + `]`},
		{"panic", `427["order",{"item":"panic"}]`, `437[` + internal + `]`},
		{"error without an ack", `42["order",{"item":"coded"}]`, `42["exception",{"ok":false,"error":{"code":"sold_out","message":"no coded left"}}]`},
		{"guard", `428["forbidden"]`, `438[{"ok":false,"error":{"code":"forbidden","message":"not you"}}]`},
		{"unknown event", `429["what"]`, `439[{"ok":false,"error":{"code":"unknown_event","message":"no handler for this event"}}]`},
		{"catch-all", `42/any,10["what"]`, `43/any,10["what"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.send(tc.send)
			c.is(tc.want)
		})
	}
	t.Run("wrong type", func(t *testing.T) {
		c.send(`4211["order",[1]]`)
		c.is(`4311[{"ok":false,"error":{"code":"bad_request","message":"event \"order\": got array, want object","pointer":""}}]`)
	})
	t.Run("no ack, unknown event without an ack", func(t *testing.T) {
		c.send(`4212["quiet",{"item":"x"}]`, `42["what"]`, `4213["order",{"item":"x"}]`)
		c.is(`4313[{"ok":true,"total":0}]`)
	})
}

func TestEmitErrors(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{QueueBytes: 4096}, nil)
	c := g.sio(t)
	conn := g.Of("/").Conn(c.join("/"))
	for _, tc := range []struct {
		name string
		err  error
		emit func() error
	}{
		{"reserved name", server.ErrReservedEvent, func() error { return g.Of("/").Emit("connect") }},
		{"reserved name, unicast", server.ErrReservedEvent, func() error { return conn.Emit("disconnect") }},
		{"larger than the queue", server.ErrTooLarge, func() error { return g.Of("/").Emit("m", strings.Repeat("x", 5000)) }},
		{"larger than the queue, unicast", server.ErrTooLarge, func() error { return conn.Emit("m", make([]byte, 5000)) }},
		{"not JSON", nil, func() error { return g.Of("/").To("r").EmitRaw("m", []byte(`{"a":`)) }},
		{"two arrays", nil, func() error { return conn.EmitRaw("m", []byte(`1],[2`)) }},
		{"not marshallable", nil, func() error { return conn.Emit("m", func() {}) }},
		{"no such namespace", nil, func() error { return g.Publish("/nope", nil, nil, "m", nil) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.emit(); err == nil || tc.err != nil && !errors.Is(err, tc.err) {
				t.Errorf("got %v, want %v", err, tc.err)
			}
		})
	}
	_ = conn.Emit("m", "<&>\u2028é", true, 1.5, nil, map[string]any{"a": []int{1}})
	c.is("42[\"m\",\"<&>\u2028é\",true,1.5,null,{\"a\":[1]}]")
}

// TestEmitAckFunc asks the client inside a handler.
func TestEmitAckFunc(t *testing.T) {
	t.Parallel()
	ends := make(chan error, 1)
	g := start(t, server.Options{AckTimeout: time.Second}, func(s *server.Server) {
		s.Of("/").On("ask", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
			return server.Reply{}, c.EmitAckFunc(func(r server.Reply, err error) {
				if err == nil {
					_ = c.EmitRaw("got", r.Args)
				}
				ends <- err
			}, "q")
		})
	})
	c := g.joined(t, "/")
	c.send(`42["ask"]`)
	c.is(`420["q"]`)
	c.send(`430["yes"]`)
	c.is(`42["got","yes"]`)
	if err := <-ends; err != nil {
		t.Error(err)
	}
	c.send(`42["ask"]`)
	c.is(`421["q"]`)
	if err := <-ends; !errors.Is(err, server.ErrAckTimeout) {
		t.Errorf("got %v, want ErrAckTimeout", err)
	}
	c.send(`42["ask"]`)
	c.is(`422["q"]`)
	_ = c.ws.Close()
	if err := <-ends; !errors.Is(err, server.ErrClosed) && !errors.Is(err, server.ErrAckTimeout) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// TestContext is that the context of handlers ends with the connection.
func TestContext(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 2)
	g := start(t, server.Options{}, func(s *server.Server) {
		s.Of("/").On("wait", func(ctx context.Context, _ *server.Conn, _ *server.Event) (server.Reply, error) {
			derived, cancel := context.WithTimeout(ctx, patience)
			go func() {
				defer cancel()
				<-derived.Done()
				ended <- context.Cause(derived)
			}()
			return server.Reply{}, ctx.Err()
		})
	})
	c := g.joined(t, "/")
	c.send(`421["wait"]`)
	c.is(`431[]`)
	_ = c.ws.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("the context outlived its connection")
	}
}

func TestHandshakeInfo(t *testing.T) {
	t.Parallel()
	got := make(chan server.Handshake, 1)
	g := start(t, server.Options{}, func(s *server.Server) {
		s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
			got <- c.Handshake()
			return nil
		})
	})
	c, _ := g.ws(t, sioTarget+"&token=secret&a=b", map[string][]string{"User-Agent": {"ua"}})
	c.want("0{")
	c.send(`40{"x":1}`)
	h := <-got
	if h.RemoteAddr == "" || time.Since(h.Time) > patience {
		t.Errorf("%+v", h)
	}
	h.RemoteAddr, h.Time, h.Host = "", time.Time{}, ""
	want := server.Handshake{
		UserAgent: "ua", Path: "/socket.io/", Query: "EIO=4&transport=websocket&token=REDACTED&a=b", Auth: []byte(`{"x":1}`),
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
