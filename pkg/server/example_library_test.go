package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// talk serves a gateway, sends frames to it over a plain WebSocket and prints as
// many answers as it expects.
func talk(o server.Options, register func(*server.Server), answers int, frames ...string) {
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := server.New(o)
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Of("/")
	register(s)
	if err := s.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	web := httptest.NewServer(s)
	defer web.Close()
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http")+"/ws", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, frame := range frames {
		_ = c.WriteMessage(websocket.TextMessage, []byte(frame))
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for range answers {
		_, m, err := c.ReadMessage()
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%s\n", m)
	}
	c.Close()
	if err := s.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
}

type sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

// The output of a typed handler is the acknowledgement.
func ExampleHandle() {
	talk(server.Options{}, func(s *server.Server) {
		server.Handle(s.Of("/"), "add", func(_ context.Context, _ *server.Conn, in sum) (int, error) {
			return in.A + in.B, nil
		})
	}, 2,
		`{"event":"add","id":1,"data":{"a":1,"b":2}}`,
		`{"event":"add","id":2,"data":{"a":"one"}}`)
	// Output:
	// {"event":"ack","id":1,"data":3}
	// {"event":"ack","id":2,"data":{"ok":false,"error":{"code":"bad_request","message":"event \"add\": /a: got string, want integer within its range","pointer":"/a"}}}
}

// A deferred acknowledgement does not hold up what else the client sends.
func ExampleHandleAck() {
	talk(server.Options{}, func(s *server.Server) {
		built := make(chan struct{})
		server.HandleAck(s.Of("/"), "build", func(_ context.Context, _ *server.Conn, commit string, ack func(string)) error {
			if commit == "" {
				return server.Errorf("no_commit", "which commit?")
			}
			go func() {
				<-built
				ack("built " + commit)
			}()
			return nil
		})
		server.Handle(s.Of("/"), "go", func(context.Context, *server.Conn, any) (string, error) {
			defer close(built)
			return "going", nil
		})
	}, 3,
		`{"event":"build","id":1,"data":""}`,
		`{"event":"build","id":2,"data":"f68019d"}`,
		`{"event":"go","id":3}`)
	// Unordered output:
	// {"event":"ack","id":1,"data":{"ok":false,"error":{"code":"no_commit","message":"which commit?"}}}
	// {"event":"ack","id":3,"data":"going"}
	// {"event":"ack","id":2,"data":"built f68019d"}
}

// A handler whose Out is NoAck never acknowledges.
func ExampleNoAck() {
	talk(server.Options{}, func(s *server.Server) {
		server.Handle(s.Of("/"), "typing", func(_ context.Context, c *server.Conn, room string) (server.NoAck, error) {
			return server.NoAck{}, c.Emit("typing", room)
		})
	}, 1, `{"event":"typing","id":1,"data":"lobby"}`)
	// Output: {"event":"typing","data":"lobby"}
}

// Guards refuse connections, or events of one name or all.
func ExampleNamespace_Use() {
	talk(server.Options{}, func(s *server.Server) {
		n := s.Of("/")
		n.Use(func(_ context.Context, c *server.Conn) error {
			if c.Protocol() != "websocket" {
				return server.Errorf("wrong_door", "this namespace is for plain WebSocket")
			}
			c.Set("role", "guest")
			return nil
		})
		onlyAdmins := func(_ context.Context, c *server.Conn, e *server.Event) error {
			if c.Get("role") != "admin" {
				return server.Errorf("forbidden", "%s is for admins", e.Name)
			}
			return nil
		}
		server.Handle(n, "status", func(context.Context, *server.Conn, any) (string, error) { return "up", nil })
		server.Handle(n, "restart", func(context.Context, *server.Conn, any) (string, error) { return "restarting", nil },
			server.WithGuards(onlyAdmins))
	}, 2, `{"event":"status","id":1}`, `{"event":"restart","id":2}`)
	// Output:
	// {"event":"ack","id":1,"data":"up"}
	// {"event":"ack","id":2,"data":{"ok":false,"error":{"code":"forbidden","message":"restart is for admins"}}}
}

// An interceptor surrounds the handlers of a namespace.
func ExampleNamespace_Wrap() {
	audit := func(next server.RawHandler) server.RawHandler {
		return func(ctx context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			reply, err := next(ctx, c, e)
			fmt.Printf("%s: %s %v\n", e.Name, reply.Args, err)
			return reply, err
		}
	}
	talk(server.Options{}, func(s *server.Server) {
		n := s.Of("/").Wrap(audit)
		server.Handle(n, "add", func(_ context.Context, _ *server.Conn, in sum) (int, error) { return in.A + in.B, nil })
	}, 1, `{"event":"add","id":1,"data":{"a":20,"b":22}}`)
	// Output:
	// add: 42 <nil>
	// {"event":"ack","id":1,"data":42}
}

type transfer struct {
	To     string `json:"to"`
	Amount int    `json:"amount"`
}

func (t transfer) Validate() error {
	if t.Amount <= 0 {
		return &server.PayloadError{Event: "transfer", Pointer: "/amount", Problem: "must be positive"}
	}
	return nil
}

// Input is checked by Validate; WithStrict refuses members that nobody knows.
func ExampleValidator() {
	talk(server.Options{}, func(s *server.Server) {
		server.Handle(s.Of("/"), "transfer", func(context.Context, *server.Conn, transfer) (string, error) { return "done", nil },
			server.WithStrict())
	}, 3,
		`{"event":"transfer","id":1,"data":{"to":"ana","amount":5}}`,
		`{"event":"transfer","id":2,"data":{"to":"ana","amount":0}}`,
		`{"event":"transfer","id":3,"data":{"to":"ana","amount":5,"from":"bob"}}`)
	// Output:
	// {"event":"ack","id":1,"data":"done"}
	// {"event":"ack","id":2,"data":{"ok":false,"error":{"code":"invalid_payload","message":"event \"transfer\": /amount: must be positive","pointer":"/amount"}}}
	// {"event":"ack","id":3,"data":{"ok":false,"error":{"code":"bad_request","message":"event \"transfer\": unknown field \"from\""}}}
}

var errSoldOut = errors.New("row 17 is locked by tx 4711")

// EncodeError decides what clients are told of errors. PublicError keeps to
// itself what is none of their business.
func ExampleOptions_encodeError() {
	encode := func(_ *server.Conn, err error) any {
		code, message := server.PublicError(err)
		return map[string]string{"status": "error", "reason": code, "text": message}
	}
	talk(server.Options{EncodeError: encode}, func(s *server.Server) {
		server.Handle(s.Of("/"), "buy", func(_ context.Context, _ *server.Conn, what string) (any, error) {
			if what == "tea" {
				return nil, server.Errorf("sold_out", "no tea left")
			}
			return nil, errSoldOut
		})
	}, 3,
		`{"event":"buy","id":1,"data":"tea"}`,
		`{"event":"buy","id":2,"data":"rum"}`,
		`{"event":"buy","data":"tea"}`)
	// Output:
	// {"event":"ack","id":1,"data":{"reason":"sold_out","status":"error","text":"no tea left"}}
	// {"event":"ack","id":2,"data":{"reason":"internal","status":"error","text":"Internal server error"}}
	// {"event":"exception","data":{"reason":"sold_out","status":"error","text":"no tea left"}}
}

// lobby is a gateway: a struct whose methods are handlers.
type lobby struct{}

func (l lobby) Register(s *server.Server) {
	s.OnStart(func(context.Context) error { fmt.Println("start"); return nil })
	s.OnShutdown(func(context.Context) error { fmt.Println("shutdown"); return nil })
	s.Of("/").
		OnConnect(func(_ context.Context, c *server.Conn) error { return c.Emit("welcome", c.Protocol()) }).
		OnDisconnect(func(*server.Conn, string) { fmt.Println("gone") })
}

// The life of a server and of a connection. Connections end before the server
// does.
func ExampleServer_Register() {
	talk(server.Options{}, func(s *server.Server) { s.Register(lobby{}) }, 1)
	// Output:
	// start
	// {"event":"welcome","data":"websocket"}
	// gone
	// shutdown
}
