package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// command is what a client tells a server to emit; test/node/interop-server.js
// understands the same.
type command struct {
	Via      string   `json:"via"` // io, socket (all but the sender) or, in Node, emitter
	To       []string `json:"to,omitempty"`
	Except   []string `json:"except,omitempty"`
	Volatile bool     `json:"volatile,omitempty"`
	Event    string   `json:"event"`
}

// pod starts an rtk gateway on the Redis and returns its URL.
func pod(t *testing.T, redisURL string) string {
	t.Helper()
	backplane, err := redis.New(redis.Options{URL: redisURL})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Backplane: backplane})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/", "/chat"} {
		n := s.Of(name)
		n.On("join", join)
		n.On("cmd", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			return server.Reply{}, obey(n, c, e)
		})
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shut the pod down: %v", err)
		}
		h.Close()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ok, reason := s.Ready()
		if ok {
			return h.URL
		}
		if time.Now().After(deadline) {
			t.Fatalf("the pod is not ready: %s", reason)
		}
	}
}

func join(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
	var rooms []string
	if err := json.Unmarshal(e.Args, &rooms); err != nil {
		return server.Reply{}, err
	}
	for _, r := range rooms {
		if err := c.Join(r); err != nil {
			return server.Reply{}, err
		}
	}
	return server.Reply{}, nil
}

// obey emits the arguments after the command as they came.
func obey(n *server.Namespace, c *server.Conn, e *server.Event) error {
	first, rest, ok := rawjson.Next(e.Args)
	if !ok {
		return errNoCommand
	}
	var cmd command
	if err := json.Unmarshal(first, &cmd); err != nil {
		return err
	}
	to := n.To(cmd.To...).Except(cmd.Except...)
	if cmd.Via == "socket" {
		to = to.ExceptConn(c)
	}
	if cmd.Volatile {
		to = to.Volatile()
	}
	// The event's slices are the connection's again after this handler.
	var attachments [][]byte
	for _, a := range e.Attachments {
		attachments = append(attachments, bytes.Clone(a))
	}
	return to.EmitRaw(cmd.Event, bytes.Clone(bytes.TrimPrefix(rest, []byte(","))), attachments...)
}
