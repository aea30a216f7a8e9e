package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestLater is a handler that answers after it has returned: the client gets
// what it would have got at once, and what it sends meanwhile is served.
func TestLater(t *testing.T) {
	t.Parallel()
	waiting := make(chan func(server.Reply, error), 8)
	g := start(t, server.Options{}, func(s *server.Server) {
		n := s.Of("/")
		n.On("slow", func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
			waiting <- e.Later()
			return server.Reply{None: true}, nil
		})
		n.On("fast", func(context.Context, *server.Conn, *server.Event) (server.Reply, error) {
			return server.Reply{Args: []byte("1")}, nil
		})
	})
	for _, tc := range []struct {
		name, frame, want string
		reply             server.Reply
		err               error
	}{
		{"ack", `421["slow"]`, `431["a"]`, server.Reply{Args: []byte(`"a"`)}, nil},
		{"error", `421["slow"]`, `431[{"ok":false,"error":{"code":"gone","message":"no"}}]`, server.Reply{}, server.Errorf("gone", "no")},
		{"internal error", `421["slow"]`, `431[{"ok":false,"error":{"code":"internal","message":"Internal server error"}}]`, server.Reply{}, errors.New("secret")},
		{"error without ack", `42["slow"]`, `42["exception",{"ok":false,"error":{"code":"gone","message":"no"}}]`, server.Reply{}, server.Errorf("gone", "no")},
	} {
		t.Run("socket.io "+tc.name, func(t *testing.T) {
			c := g.joined(t, "/")
			c.send(tc.frame)
			answer := <-waiting
			c.send(`429["fast"]`)
			c.want("439[1]")
			answer(tc.reply, tc.err)
			answer(server.Reply{Args: []byte("2")}, nil) // counts no more
			c.want(tc.want)
			c.send(`428["fast"]`)
			c.want("438[1]")
		})
	}
	for _, tc := range []struct {
		name, frame, want string
		reply             server.Reply
		err               error
	}{
		{"ack", `{"event":"slow","id":7}`, `{"event":"ack","id":7,"data":"a"}`, server.Reply{Args: []byte(`"a"`)}, nil},
		{"reply without id", `{"event":"slow"}`, `{"x":1}`, server.Reply{Args: []byte(`{"x":1}`)}, nil},
		{"error", `{"event":"slow","id":7}`, `{"event":"ack","id":7,"data":{"ok":false,"error":{"code":"gone","message":"no"}}}`, server.Reply{}, server.Errorf("gone", "no")},
		{"error without id", `{"event":"slow","data":{"q":1}}`, `{"event":"exception","data":{"status":"error","message":"no"`, server.Reply{}, server.Errorf("gone", "no")},
	} {
		t.Run("websocket "+tc.name, func(t *testing.T) {
			c, _ := g.ws(t, "/ws", nil)
			c.send(tc.frame)
			(<-waiting)(tc.reply, tc.err)
			c.want(tc.want)
		})
	}
	t.Run("the client has gone", func(t *testing.T) {
		c := g.joined(t, "/")
		c.send(`421["slow"]`)
		answer := <-waiting
		_ = c.ws.Close()
		answer(server.Reply{Args: []byte("1")}, nil)
	})
}
