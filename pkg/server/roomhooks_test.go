package server_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestRoomHooks tell of each change once, and not of what is no change.
func TestRoomHooks(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	note := func(what string) func(*server.Conn, string) {
		return func(c *server.Conn, room string) {
			_ = c.Rooms() // no lock is held
			mu.Lock()
			defer mu.Unlock()
			got = append(got, what+room)
		}
	}
	g := start(t, server.Options{}, func(s *server.Server) {
		n := s.Of("/").OnJoin(note("+")).OnLeave(note("-"))
		n.On("move", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
			err := c.Join("a", "b", "a", c.ID())
			c.Leave("b", "nowhere")
			return server.Reply{}, err
		})
	})
	c := g.joined(t, "/")
	c.send(`421["move"]`)
	c.want("431[]")
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]string{"+a", "+b", "-b"}, slices.Clone(got)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
