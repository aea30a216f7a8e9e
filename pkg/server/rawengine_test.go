package server_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

func TestHandleEngine(t *testing.T) {
	t.Parallel()
	g := start(t, withAuth(t, server.Options{}), func(s *server.Server) {
		s.HandleEngine("/raw", func(c *server.EngineConn, data []byte, binary bool) error {
			switch string(data) {
			case "panic":
				panic("on purpose")
			case "error":
				return errors.New("on purpose")
			}
			return c.Send(data, binary)
		})
	})
	const target = "/raw/?EIO=4&transport=websocket"
	t.Run("the token must be in the handshake", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{"", "&token=nonsense"} {
			if c, refused := g.ws(t, target+query, nil); c != nil || refused.StatusCode != http.StatusUnauthorized {
				t.Errorf("%q: let in, or another status than 401", query)
			}
			if status, _ := g.http(t, "GET", "/raw/?EIO=4&transport=polling"+query, ""); status != 401 {
				t.Errorf("polling %q: %d, want 401", query, status)
			}
		}
	})
	open := func(t *testing.T) *client {
		t.Helper()
		c, refused := g.ws(t, target+"&token="+token(t, time.Hour), nil)
		if c == nil {
			t.Fatal(refused.Status)
		}
		c.want("0{")
		return c
	}
	t.Run("messages come back", func(t *testing.T) {
		t.Parallel()
		c := open(t)
		c.send("4hi")
		c.is("4hi")
	})
	for _, bad := range []string{"panic", "error"} {
		t.Run("closed by a handler's "+bad, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			c.send("4" + bad)
			c.closed(0)
		})
	}
}

func TestEngineConnTooLarge(t *testing.T) {
	t.Parallel()
	got := make(chan error, 1)
	g := start(t, server.Options{QueueBytes: 4096}, func(s *server.Server) {
		s.HandleEngine("/raw/", func(c *server.EngineConn, _ []byte, _ bool) error {
			got <- c.Send(make([]byte, 5000), true)
			return nil
		})
	})
	c, refused := g.ws(t, "/raw/?EIO=4&transport=websocket", nil)
	if c == nil {
		t.Fatal(refused.Status)
	}
	c.want("0{")
	c.send("4x")
	if err := <-got; !errors.Is(err, server.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}
