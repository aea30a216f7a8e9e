package conformance

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEngineHandshake is Engine.IO 4, "Handshake".
func TestEngineHandshake(t *testing.T) {
	t.Parallel()
	g := serve(t)
	for name, e := range endpoints(g) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := open{Upgrades: []string{"websocket"}, PingInterval: 600, PingTimeout: 400, MaxPayload: maxPayload}
			t.Run("polling opens with an offer to upgrade", func(t *testing.T) {
				status, body := e.http(t.Context(), "GET", pollingQuery, "")
				if status != 200 {
					t.Fatal(status)
				}
				got := parseOpen(t, body)
				if len(got.SID) != 20 {
					t.Errorf("sid %q, want 20 characters", got.SID)
				}
				want := want
				want.SID = got.SID
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			})
			t.Run("WebSocket opens without", func(t *testing.T) {
				_, got := e.websocket(t)
				want := want
				want.SID, want.Upgrades = got.SID, []string{}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			})
			for _, tc := range []struct{ name, method, query, body string }{
				{"no version", "GET", "?transport=polling", `{"code":5,"message":"Unsupported protocol version"}`},
				{"version is no number", "GET", "?EIO=abc&transport=polling", `{"code":5,"message":"Unsupported protocol version"}`},
				{"an old version", "GET", "?EIO=3&transport=polling", `{"code":5,"message":"Unsupported protocol version"}`},
				{"no transport", "GET", "?EIO=4", `{"code":0,"message":"Transport unknown"}`},
				{"unknown transport", "GET", "?EIO=4&transport=abc", `{"code":0,"message":"Transport unknown"}`},
				{"POST without a session", "POST", pollingQuery, `{"code":2,"message":"Bad handshake method"}`},
				{"PUT without a session", "PUT", pollingQuery, `{"code":2,"message":"Bad handshake method"}`},
				{"unknown session", "GET", pollingQuery + "&sid=nobody", `{"code":1,"message":"Session ID unknown"}`},
			} {
				t.Run("refused: "+tc.name, func(t *testing.T) {
					if status, body := e.http(t.Context(), tc.method, tc.query, ""); status != 400 || body != tc.body {
						t.Errorf("%d %s, want 400 %s", status, body, tc.body)
					}
				})
			}
			for _, query := range []string{"?transport=websocket", "?EIO=abc&transport=websocket", "?EIO=4", "?EIO=4&transport=abc"} {
				t.Run("refused over WebSocket: "+query, func(t *testing.T) {
					if s, refused := e.dial(t, query); s != nil || refused.StatusCode != http.StatusBadRequest {
						t.Errorf("let in, or a status other than 400")
					}
				})
			}
		})
	}
}

// TestEngineMessages is Engine.IO 4, "Message" and "Payload encoding": what the
// raw endpoint is sent comes back.
func TestEngineMessages(t *testing.T) {
	t.Parallel()
	e := endpoints(serve(t, "--ping-interval", "20s", "--ping-timeout", "20s"))["engine.io"]
	for _, tc := range []struct{ name, payload string }{
		{"one text packet", "4hello"},
		{"several text packets", "4test1\x1e4test2\x1e4test3"},
		{"text and binary packets", "4hello\x1ebAQIDBA=="},
		{"an empty message", "4"},
		{"text beyond ASCII", "4h\u00e9llo \u2713 \U0001f600"},
	} {
		t.Run("polling: "+tc.name, func(t *testing.T) {
			t.Parallel()
			p := e.polling(t)
			p.post(200, tc.payload)
			p.get(200, tc.payload)
		})
	}
	t.Run("polling: a malformed packet ends the session", func(t *testing.T) {
		t.Parallel()
		p := e.polling(t)
		p.post(400, "abc")
		p.get(400, "")
	})
	t.Run("polling: a second GET ends the session", func(t *testing.T) {
		t.Parallel()
		p := e.polling(t)
		first := p.waitingGet(t.Context())
		time.Sleep(100 * time.Millisecond)
		p.get(400, "")
		if r := <-first; r.status != 200 || r.body != "1" {
			t.Errorf("first GET: %d %q, want 200 and a close packet", r.status, r.body)
		}
		p.get(400, "")
	})
	t.Run("polling: a cancelled GET ends the session", func(t *testing.T) {
		t.Parallel()
		p := e.polling(t)
		ctx, cancel := context.WithCancel(t.Context())
		first := p.waitingGet(ctx)
		time.Sleep(100 * time.Millisecond)
		cancel()
		<-first
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if status, _ := p.http(t.Context(), "GET", p.query, ""); status == 400 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the session lives on")
			}
		}
	})
	t.Run("WebSocket: text and binary", func(t *testing.T) {
		t.Parallel()
		s, _ := e.websocket(t)
		s.send("4hello", []byte{1, 2, 3, 4}, "4")
		s.want("4hello", []byte{1, 2, 3, 4}, "4")
	})
	t.Run("WebSocket: a malformed packet closes", func(t *testing.T) {
		t.Parallel()
		s, _ := e.websocket(t)
		s.send("abc")
		s.closed()
	})
	t.Run("a session belongs to its endpoint", func(t *testing.T) {
		t.Parallel()
		p := e.polling(t)
		p.endpoint.url = e.url[:len(e.url)-len("engine.io/")] + "socket.io/"
		p.get(400, `{"code":1,"message":"Session ID unknown"}`)
	})
}

type answer struct {
	status int
	body   string
}

// waitingGet makes a GET that has nothing to fetch yet.
func (p *polling) waitingGet(ctx context.Context) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		status, body := p.http(ctx, "GET", p.query, "")
		c <- answer{status, body}
	}()
	return c
}

// TestEngineHeartbeat is Engine.IO 4, "Heartbeat".
func TestEngineHeartbeat(t *testing.T) {
	t.Parallel()
	g := serve(t)
	for name, e := range endpoints(g) {
		join := func(t *testing.T, s *socket) {
			if name == "socket.io" { // or its connect timeout comes first
				s.send("40")
				s.next()
				s.next()
			}
		}
		t.Run(name+": polling answers pings", func(t *testing.T) {
			t.Parallel()
			p := e.polling(t)
			if name == "socket.io" {
				p.post(200, "40")
				p.get(200, "")
			}
			for range 3 {
				p.get(200, "2")
				p.post(200, "3")
			}
		})
		t.Run(name+": polling that does not ends", func(t *testing.T) {
			t.Parallel()
			p := e.polling(t)
			time.Sleep(pingInterval + pingTimeout + 50*time.Millisecond)
			p.get(400, `{"code":1,"message":"Session ID unknown"}`)
		})
		t.Run(name+": WebSocket answers pings", func(t *testing.T) {
			t.Parallel()
			s, _ := e.websocket(t)
			join(t, s)
			for range 3 {
				if _, b, err := s.ws.ReadMessage(); err != nil || string(b) != "2" {
					t.Fatalf("%q, %v, want a ping", b, err)
				}
				s.send("3")
			}
		})
		t.Run(name+": WebSocket that does not is closed", func(t *testing.T) {
			t.Parallel()
			s, _ := e.websocket(t)
			begin := time.Now()
			s.closed()
			if after := time.Since(begin); after < pingInterval+pingTimeout-100*time.Millisecond {
				t.Errorf("closed after %v already", after)
			}
		})
	}
}

// TestEngineClose is Engine.IO 4, "Closing".
func TestEngineClose(t *testing.T) {
	t.Parallel()
	g := serve(t, "--ping-interval", "20s")
	for name, e := range endpoints(g) {
		t.Run(name+": close over polling answers the waiting GET with a noop", func(t *testing.T) {
			t.Parallel()
			p := e.polling(t)
			first := p.waitingGet(t.Context())
			time.Sleep(50 * time.Millisecond)
			p.post(200, "1")
			if r := <-first; r.status != 200 || r.body != "6" {
				t.Errorf("GET: %d %q, want 200 and a noop", r.status, r.body)
			}
			p.get(400, "")
		})
		t.Run(name+": close over WebSocket closes it", func(t *testing.T) {
			t.Parallel()
			s, _ := e.websocket(t)
			s.send("1")
			s.closed()
		})
	}
}

// TestEngineUpgrade is Engine.IO 4, "Upgrade".
func TestEngineUpgrade(t *testing.T) {
	t.Parallel()
	g := serve(t, "--ping-interval", "20s")
	for name, e := range endpoints(g) {
		upgraded := func(t *testing.T) (*polling, *socket, string) {
			p := e.polling(t)
			query := websocketQuery + p.query[len(pollingQuery):]
			s, refused := e.dial(t, query)
			if refused != nil {
				t.Fatal(refused.Status)
			}
			s.send("2probe")
			s.want("3probe")
			s.send("5")
			return p, s, query
		}
		t.Run(name+": the session moves to the WebSocket", func(t *testing.T) {
			t.Parallel()
			_, s, _ := upgraded(t)
			if name == "engine.io" {
				s.send("4over")
				s.want("4over")
			} else {
				s.send("40")
				s.next()
				s.want(`42["auth",{}]`)
			}
		})
		t.Run(name+": requests of the old transport are refused", func(t *testing.T) {
			t.Parallel()
			p, _, _ := upgraded(t)
			p.get(400, "")
		})
		t.Run(name+": a second WebSocket is closed", func(t *testing.T) {
			t.Parallel()
			_, s, query := upgraded(t)
			second, refused := e.dial(t, query)
			if refused != nil {
				t.Fatalf("%s, want a handshake and a close", refused.Status)
			}
			second.closed()
			if name == "engine.io" { // the first is not harmed
				s.send("4on")
				s.want("4on")
			}
		})
	}
}
