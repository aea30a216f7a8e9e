package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestHandshakeErrors holds the answers to requests that open no session
// against engine.io 6 (Engine.IO 4, handshake).
func TestHandshakeErrors(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, nil)
	for _, tc := range []struct {
		name, method, query string
		status              int
		body                string
	}{
		{"no transport", "GET", "EIO=4", 400, `{"code":0,"message":"Transport unknown"}`},
		{"unknown transport", "GET", "EIO=4&transport=abc", 400, `{"code":0,"message":"Transport unknown"}`},
		{"unknown sid", "GET", "EIO=4&transport=polling&sid=abc", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"POST without sid", "POST", "EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"PUT without sid", "PUT", "EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"websocket without upgrade", "GET", "EIO=4&transport=websocket", 400, `{"code":3,"message":"Bad request"}`},
		{"protocol 3", "GET", "EIO=3&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"no protocol", "GET", "transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"protocol nonsense", "GET", "EIO=abc&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, body := g.http(t, tc.method, "/socket.io/?"+tc.query, "")
			if status != tc.status || body != tc.body {
				t.Errorf("got %d %s, want %d %s", status, body, tc.status, tc.body)
			}
		})
	}
}

func TestOpenPacket(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, nil)
	c, _ := g.ws(t, sioTarget, nil)
	got := c.next()
	_, rest, _ := strings.Cut(got, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	want := `0{"sid":"` + sid + `","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	if diff := cmp.Diff(want, got); diff != "" || len(sid) != 20 {
		t.Errorf("sid of %d characters, open packet (-want +got):\n%s", len(sid), diff)
	}
}

// TestConnectRules is what Socket.IO 5 says of packets around CONNECT: what is
// against the rules ends the engine connection without a reason.
func TestConnectRules(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, func(s *server.Server) { s.Of("/chat") })
	const ended = "(closed)"
	for _, tc := range []struct {
		name string
		send []string
		want []string // prefixes; ended is the end of the connection
	}{
		{"main namespace", []string{`40`}, []string{`40{"sid":"`}},
		{"with payload", []string{`40{"token":"x"}`}, []string{`40{"sid":"`}},
		{"custom namespace", []string{`40/chat,`}, []string{`40/chat,{"sid":"`}},
		{"two namespaces", []string{`40`, `40/chat,`}, []string{`40{"sid":"`, `40/chat,{"sid":"`}},
		{"unknown namespace", []string{`40/nope,`}, []string{`44/nope,{"message":"Invalid namespace"}`}},
		{"unknown, then a known one", []string{`40/nope,`, `40`}, []string{`44/nope,`, `40{"sid":"`}},
		{"again after disconnect", []string{`40`, `41`, `40`}, []string{`40{"sid":"`, `40{"sid":"`}},
		{"second CONNECT", []string{`40`, `40`}, []string{`40{`, ended}},
		{"event before CONNECT", []string{`42["x"]`}, []string{ended}},
		{"ack before CONNECT", []string{`431[]`}, []string{ended}},
		{"disconnect before CONNECT", []string{`41`}, []string{ended}},
		{"event for another namespace", []string{`40`, `42/chat,["x"]`}, []string{`40{`, ended}},
		{"unknown engine type", []string{`abc`}, []string{ended}},
		{"empty text", []string{``}, []string{ended}},
		{"ping from the client", []string{`2`}, []string{ended}},
		{"unknown socket type", []string{`49`}, []string{ended}},
		{"no socket packet", []string{`4`}, []string{ended}},
		{"CONNECT with an array", []string{`40[]`}, []string{ended}},
		{"CONNECT with bad JSON", []string{`40{"a":`}, []string{ended}},
		{"event with bad JSON", []string{`40`, `42["x",`}, []string{`40{`, ended}},
		{"event without a name", []string{`40`, `42[]`}, []string{`40{`, ended}},
		{"event with an object", []string{`40`, `42{}`}, []string{`40{`, ended}},
		{"reserved name", []string{`40`, `42["connect"]`}, []string{`40{`, ended}},
		{"CONNECT_ERROR from the client", []string{`40`, `44{"message":"x"}`}, []string{`40{`, ended}},
		{"text amid attachments", []string{`40`, `451-["x",{"_placeholder":true,"num":0}]`, `42["y"]`}, []string{`40{`, ended}},
		{"too many attachments", []string{`40`, `4511-["x"]`}, []string{`40{`, ended}},
		{"bad attachment count", []string{`40`, `45x-["x"]`}, []string{`40{`, ended}},
		{"close packet", []string{`40`, `1`}, []string{`40{`, ended}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := g.sio(t)
			c.send(tc.send...)
			for _, want := range tc.want {
				if want == ended {
					c.closed(0)
				} else {
					c.want(want)
				}
			}
		})
	}
	t.Run("attachment without an announcement", func(t *testing.T) {
		t.Parallel()
		c := g.joined(t, "/")
		c.sendBinary([]byte{1})
		c.closed(0)
	})
	t.Run("text that is not UTF-8", func(t *testing.T) {
		t.Parallel()
		c := g.joined(t, "/")
		c.send("42[\"x\",\"\xff\"]")
		c.closed(1007)
	})
	t.Run("message beyond MaxPayload", func(t *testing.T) {
		t.Parallel()
		c := g.joined(t, "/")
		c.send(`42["x","` + strings.Repeat("a", server.DefaultMaxPayload) + `"]`)
		c.closed(1009)
	})
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	t.Run("pings and waits for pongs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reasons := make(chan string, 1)
			g := startPipe(t, server.Options{}, func(s *server.Server) {
				s.Of("/").OnDisconnect(func(_ *server.Conn, reason string) { reasons <- reason })
			})
			c := g.joined(t, "/")
			begin := time.Now()
			for range 3 {
				m, err := readLate(c, time.Minute)
				if m != "2" || err != nil {
					t.Fatalf("got %q, %v, want a ping", m, err)
				}
				if after := time.Since(begin); after < 25*time.Second || after > 25100*time.Millisecond {
					t.Fatalf("ping after %v, want 25s", after)
				}
				c.send("3")
				begin = time.Now()
			}
			if m, err := readLate(c, time.Minute); m != "2" || err != nil {
				t.Fatalf("got %q, %v, want a ping", m, err)
			}
			if _, err := readLate(c, time.Minute); err == nil {
				t.Fatal("still open without a pong")
			}
			if after := time.Since(begin); after < 45*time.Second || after > 45200*time.Millisecond {
				t.Errorf("closed after %v, want 45s", after)
			}
			if reason := <-reasons; reason != "ping timeout" {
				t.Errorf("reason %q, want ping timeout", reason)
			}
		})
	})
	t.Run("closes who joins no namespace", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := startPipe(t, server.Options{ConnectTimeout: 3 * time.Second}, nil)
			c := g.sio(t)
			begin := time.Now()
			c.closed(0)
			if after := time.Since(begin); after < 3*time.Second || after > 3100*time.Millisecond {
				t.Errorf("closed after %v, want 3s", after)
			}
		})
	})
}

// readLate is client.read with another patience.
func readLate(c *client, d time.Duration) (string, error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(d))
	_, b, err := c.ws.ReadMessage()
	return string(b), err
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		allowed []string
		origin  string // HOST stands for the server's
		status  int
		cors    string
	}{
		{"no origin", nil, "", 200, ""},
		{"same origin", nil, "http://HOST", 200, ""},
		{"another origin", nil, "https://evil.example", 403, ""},
		{"listed", []string{"https://app.example"}, "https://app.example", 200, "https://app.example"},
		{"listed, another scheme", []string{"https://app.example"}, "http://app.example", 403, ""},
		{"prefix of a listed one", []string{"https://app.example"}, "https://app.example.evil", 403, ""},
		{"any", []string{"*"}, "https://any.example", 200, "https://any.example"},
		{"null", []string{"https://app.example"}, "null", 403, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, server.Options{Origins: tc.allowed}, nil)
			h := http.Header{}
			if tc.origin != "" {
				h.Set("Origin", strings.ReplaceAll(tc.origin, "HOST", g.host))
			}
			resp, body := g.request(t, "GET", "/socket.io/?EIO=4&transport=polling", "", h)
			if resp.StatusCode != tc.status {
				t.Errorf("polling: got %d %s, want %d", resp.StatusCode, body, tc.status)
			}
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != tc.cors {
				t.Errorf("Access-Control-Allow-Origin %q, want %q", got, tc.cors)
			}
			for _, target := range []string{sioTarget, "/ws"} {
				c, refused := g.ws(t, target, h)
				if got := c != nil; got != (tc.status == 200) {
					t.Errorf("%s: opened %v (%v)", target, got, refused)
				}
			}
		})
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	reasons := make(chan string, 8)
	g := start(t, server.Options{}, func(s *server.Server) {
		for _, name := range []string{"/", "/chat"} {
			n := s.Of(name)
			n.OnDisconnect(func(_ *server.Conn, reason string) { reasons <- n.Name() + " " + reason })
			n.On("leave", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
				c.Disconnect(false)
				return server.Reply{}, nil
			})
			n.On("quit", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
				c.Disconnect(true)
				return server.Reply{}, nil
			})
		}
	})
	got := func() string {
		select {
		case r := <-reasons:
			return r
		case <-time.After(patience):
			t.Fatal("no OnDisconnect")
			return ""
		}
	}
	t.Run("by the client", func(t *testing.T) {
		c := g.joined(t, "/")
		c.join("/chat")
		c.send(`41/chat,`)
		if r := got(); r != "/chat client namespace disconnect" {
			t.Error(r)
		}
		_ = c.ws.Close()
		if r := got(); r != "/ transport close" {
			t.Error(r)
		}
	})
	t.Run("by the server, namespace only", func(t *testing.T) {
		c := g.joined(t, "/")
		c.join("/chat")
		c.send(`42/chat,["leave"]`)
		c.is(`41/chat,`)
		if r := got(); r != "/chat server namespace disconnect" {
			t.Error(r)
		}
		c.join("/chat")
		c.send(`42["leave"]`)
		c.is(`41`)
		got()
		_ = c.ws.Close()
		if r := got(); r != "/chat transport close" {
			t.Error(r)
		}
	})
	t.Run("by the server, with the transport", func(t *testing.T) {
		c := g.joined(t, "/")
		c.send(`42["quit"]`)
		if before := c.closed(0); len(before) != 1 || before[0] != "41" {
			t.Errorf("before the end: %q, want the DISCONNECT", before)
		}
		if r := got(); r != "/ server namespace disconnect" {
			t.Error(r)
		}
	})
	eventually(t, "no clients left", func() bool { return g.Stats().Clients.Total == 0 })
}
