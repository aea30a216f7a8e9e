package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
)

// TestPolicyOnResume: what a client may not join it can't read from the history
// either.
func TestPolicyOnResume(t *testing.T) {
	t.Parallel()
	allow := func(text string, o server.Options) server.Options {
		p, err := policy.Parse("test", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		o.Policy = p
		return o
	}
	t.Run("event stream", func(t *testing.T) {
		t.Parallel()
		g := startSSE(t, "http1", allow(`topic "open" allow join`, keepAll()))
		g.publish(t, "secret", "x", 1)
		for path, want := range map[string]int{"/events?topic=open": 200, "/events?topic=secret": 403, "/events?topic=open&topic=secret": 403} {
			res := g.get(t.Context(), t, http.MethodGet, path, "Last-Event-ID", "AAAAAAABAA")
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
			}
		}
	})
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		// The right lies in the claims and has gone when the client comes back
		// with another token of its subject.
		o := allow(`room "org:{claims.org}" allow join`, withAuth(t, server.Options{Recovery: time.Minute}))
		g := start(t, o, func(s *server.Server) {
			s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
				if c.Recovered() {
					return nil
				}
				return c.Join("org:a")
			})
		})
		with := func(org, more string) string { return `{"token":"` + orgToken(t, "ana", org) + `"` + more + `}` }
		c := g.sio(t)
		_, s := c.connect(with("a", ""))
		emit(t, g.Of("/").Emit("seen", 1))
		c.event(c.next(), &s)
		c.ws.Close()
		g.away(t, 1)
		emit(t, g.Of("/").To("org:a").Emit("secret", 1))
		emit(t, g.Of("/").Emit("public", 1))
		c = g.sio(t)
		before, again := c.connect(with("b", `,"pid":"`+s.PID+`","offset":"`+s.offset+`"`))
		if again.PID != s.PID || strings.Join(before, "") != `["public",1]` {
			t.Errorf("got %v and session %+v, want the session without the room", before, again)
		}
		if g.Of("/").Rooms()["org:a"] != 0 {
			t.Error("the client is in the room again")
		}
	})
}
