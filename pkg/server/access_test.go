package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// token signs a token that expires after d.
func token(t testing.TB, d time.Duration) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "ana", "iat": time.Now().Unix(), "exp": time.Now().Add(d).Unix(),
	}).SignedString(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func withAuth(t testing.TB, opts server.Options) server.Options {
	t.Helper()
	v, err := auth.New(auth.Options{Secret: testSecret, Leeway: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	opts.Auth = v
	return opts
}

// whoami answers with the subject of the token and the CONNECT payload.
func whoami(s *server.Server) {
	s.Of("/").On("whoami", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
		sub := "nobody"
		if c.Identity() != nil {
			sub = c.Identity().Subject
		}
		b, err := json.Marshal(sub)
		return server.Reply{Args: append(append(b, ','), c.Handshake().Auth...)}, err
	})
}

func TestAuthSocketIO(t *testing.T) {
	t.Parallel()
	g := start(t, withAuth(t, server.Options{}), whoami)
	good, expired := token(t, time.Hour), token(t, -time.Minute)
	payload := func(tok string) string { return fmt.Sprintf(`40{"token":%q,"room":1}`, tok) }
	for _, tc := range []struct {
		name    string
		query   string
		header  http.Header
		connect string
		code    string // "" is let in
	}{
		{"payload", "", nil, payload(good), ""},
		{"header", "", http.Header{"Authorization": {"Bearer " + good}}, "40", ""},
		{"cookie", "", http.Header{"Cookie": {"token=" + good}}, "40", ""},
		{"query", "&token=" + good, nil, "40", ""},
		{"none", "", nil, "40", auth.CodeTokenMissing},
		{"expired", "", nil, payload(expired), auth.CodeTokenExpired},
		{"expired in the header", "", http.Header{"Authorization": {"Bearer " + expired}}, "40", auth.CodeTokenExpired},
		{"the payload's goes first", "", http.Header{"Authorization": {"Bearer " + good}}, payload(expired), auth.CodeTokenExpired},
		{"no string in the payload", "", http.Header{"Authorization": {"Bearer " + good}}, `40{"token":1}`, auth.CodeTokenMissing},
		{"garbage", "", nil, payload("abc"), auth.CodeTokenMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, refused := g.ws(t, sioTarget+tc.query, tc.header)
			if c == nil {
				t.Fatal(refused.Status)
			}
			c.want("0{")
			c.send(tc.connect)
			if tc.code != "" {
				want := []string{fmt.Sprintf(`44{"message":"unauthorized","data":{"code":%q}}`, tc.code)}
				if diff := cmp.Diff(want, c.closed(0)); diff != "" {
					t.Errorf("before the end (-want +got):\n%s", diff)
				}
				return
			}
			c.want(`40{"sid":`)
			c.send(`420["whoami"]`)
			want := `430["ana",{}]`
			if strings.Contains(tc.connect, "room") {
				want = `430["ana",{"room":1}]` // without the token
			}
			c.is(want)
		})
	}
	t.Run("a second namespace by the request's token", func(t *testing.T) {
		t.Parallel()
		g := start(t, withAuth(t, server.Options{}), func(s *server.Server) { s.Of("/chat") })
		c, _ := g.ws(t, sioTarget+"&token="+good, nil)
		c.want("0{")
		c.join("/")
		c.join("/chat")
	})
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		if status, _ := g.http(t, "POST", p.target, "40"); status != 200 {
			t.Errorf("POST: %d, want 200", status)
		}
		p.is("44{\"message\":\"unauthorized\",\"data\":{\"code\":\"token_missing\"}}\x1e1")
		p.gone()
	})
	t.Cleanup(func() {
		if n := g.Stats().Refusals.AuthByCode[auth.CodeTokenExpired]; n != 3 {
			t.Errorf("%d expired tokens counted, want 3", n)
		}
	})
}

func TestAuthPlainWS(t *testing.T) {
	t.Parallel()
	g := start(t, withAuth(t, server.Options{}), whoami)
	c, refused := g.ws(t, "/ws", nil)
	if c != nil || refused.StatusCode != http.StatusUnauthorized || refused.Header.Get("WWW-Authenticate") == "" {
		t.Fatalf("without token: %v, want 401", refused)
	}
	c, refused = g.ws(t, "/ws?token="+token(t, time.Hour), nil)
	if c == nil {
		t.Fatal(refused.Status)
	}
	c.send(`{"event":"whoami","id":7}`)
	c.is(`{"event":"ack","id":7,"data":["ana",{}]}`)
}

// TestExpiry is that a connection does not outlive its token.
func TestExpiry(t *testing.T) {
	t.Parallel()
	for _, target := range []string{sioTarget, "/ws?x=1"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := startPipe(t, withAuth(t, server.Options{}), nil)
				c, _ := g.ws(t, target+"&token="+token(t, 10*time.Second), nil)
				if target == sioTarget {
					c.want("0{")
					c.join("/")
				}
				begin := time.Now()
				for {
					if _, err := readLate(c, time.Minute); err != nil {
						break
					}
				}
				if after := time.Since(begin); after < 9*time.Second || after > 10100*time.Millisecond {
					t.Errorf("closed after %v, want 10s", after)
				}
				time.Sleep(time.Second)
				if got := g.Stats().Connections.ClosedByReason["token expired"]; got != 1 {
					t.Errorf("closed by expiry: %d, want 1", got)
				}
			})
		})
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	opts := server.Options{Throttle: throttle.Limit{Rate: 10, Burst: 2}, ThrottleStrikes: 3}
	// refused is the object that a refused message gets.
	const refused = `{"ok":false,"error":{"code":"rate_limited","message":"too many messages: slow down","retryAfterMs":100}}`
	t.Run("socket.io", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := startPipe(t, opts, echoGateway)
			c := g.joined(t, "/")
			for i := range 2 {
				c.send(fmt.Sprintf(`42%d["echo"]`, i))
				c.is(fmt.Sprintf(`43%d[]`, i))
			}
			c.send(`422["echo"]`)
			c.is(`432[` + refused + `]`)
			c.send(`42["echo"]`)
			c.is(`42["exception",` + refused + `]`)
			c.send(`452-3["echo",{"_placeholder":true,"num":0}]`) // with its attachments
			c.is(`433[` + refused + `]`)
			c.sendBinary(nil)
			c.sendBinary(nil)
			time.Sleep(100 * time.Millisecond)
			c.send(`424["echo"]`)
			c.is(`434[]`)
			c.send(`425["echo"]`) // the fourth refusal within a minute
			before := c.closed(1008)
			if diff := cmp.Diff([]string{`435[` + refused + `]`, `41`}, before); diff != "" {
				t.Errorf("before the end (-want +got):\n%s", diff)
			}
			time.Sleep(time.Second)
			st := g.Stats()
			if st.Refusals.Throttled != 4 || st.Refusals.StrikesClosed != 1 || st.Connections.ClosedByReason["throttled"] != 1 {
				t.Errorf("stats %+v %+v", st.Refusals, st.Connections)
			}
		})
	})
	t.Run("strikes are forgotten", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := startPipe(t, opts, echoGateway)
			c := g.joined(t, "/")
			for range 5 {
				c.send(`420["echo"]`, `421["echo"]`, `422["echo"]`, `423["echo"]`)
				c.is(`430[]`, `431[]`, `432[`+refused+`]`, `433[`+refused+`]`)
				for end := time.Now().Add(server.StrikeWindow); time.Now().Before(end); {
					if m, err := readLate(c, time.Minute); err != nil || m != "2" {
						t.Fatal(m, err)
					}
					c.send("3")
				}
			}
		})
	})
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := startPipe(t, opts, echoGateway)
			p := g.poller(t)
			p.join()
			p.post("420[\"echo\"]\x1e421[\"echo\"]\x1e422[\"echo\"]")
			p.is("430[]\x1e431[]\x1e432[" + refused + "]")
		})
	})
	t.Run("plain websocket", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := startPipe(t, opts, echoGateway)
			c, _ := g.ws(t, "/ws", nil)
			c.send(`{"event":"echo","data":11}`, `{"event":"echo","data":12}`, `{"event":"echo","data":13}`, `{"event":"echo","id":"x"}`)
			c.is(`11`, `12`, `{"event":"exception","data":`+refused+`}`, `{"event":"ack","id":"x","data":`+refused+`}`)
			c.send(`{"event":"echo"}`, `{"event":"echo"}`)
			c.closed(1008)
		})
	})
}

// TestPlainWS holds the frames against a NestJS WsAdapter.
func TestPlainWS(t *testing.T) {
	t.Parallel()
	register := func(s *server.Server) {
		n := s.Of("/")
		raw := func(event, args string) {
			n.On(event, func(context.Context, *server.Conn, *server.Event) (server.Reply, error) {
				return server.Reply{Args: []byte(args)}, nil
			})
		}
		raw("string", `"bare"`)
		raw("zero", `0`)
		raw("object", `{"ok":true}`)
		raw("null", `null`)
		raw("nothing", ``)
		echoGateway(s)
		n.On("coded", func(context.Context, *server.Conn, *server.Event) (server.Reply, error) {
			return server.Reply{}, server.Errorf("nope", "no way")
		})
		n.On("failed", func(context.Context, *server.Conn, *server.Event) (server.Reply, error) {
			return server.Reply{}, fmt.Errorf("secret detail")
		})
		n.On("panic", func(context.Context, *server.Conn, *server.Event) (server.Reply, error) { panic("secret") })
		s.Of("/chat").On("echo", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
			return server.Reply{Args: []byte(`"chat"`)}, c.Emit("hello", map[string]int{"n": 1})
		})
	}
	const silence = ""
	for _, tc := range []struct{ name, send, v12, v11 string }{
		{"string", `{"event":"string"}`, `"bare"`, `"bare"`},
		{"zero", `{"event":"zero"}`, `0`, `0`},
		{"object", `{"event":"object","data":1,"extra":2}`, `{"ok":true}`, `{"ok":true}`},
		{"null", `{"event":"null"}`, silence, silence},
		{"nothing", `{"event":"nothing"}`, silence, silence},
		{"with an id", `{"event":"object","id":"a1"}`, `{"event":"ack","id":"a1","data":{"ok":true}}`, `{"event":"ack","id":"a1","data":{"ok":true}}`},
		{"nothing with an id", `{"event":"nothing","id":1}`, `{"event":"ack","id":1}`, `{"event":"ack","id":1}`},
		{"error", `{"event":"coded","data":{"x":1}}`, `{"event":"exception","data":{"status":"error","message":"no way","cause":{"pattern":"coded","data":{"x":1}}}}`, silence},
		{"error with an id", `{"event":"coded","id":2}`, `{"event":"ack","id":2,"data":{"ok":false,"error":{"code":"nope","message":"no way"}}}`, `{"event":"ack","id":2,"data":{"ok":false,"error":{"code":"nope","message":"no way"}}}`},
		{"unknown error", `{"event":"failed","data":1}`, `{"event":"exception","data":{"status":"error","message":"Internal server error","cause":{"pattern":"failed","data":1}}}`, silence},
		{"panic", `{"event":"panic"}`, `{"event":"exception","data":{"status":"error","message":"Internal server error","cause":{"pattern":"panic"}}}`, silence},
		{"unknown event", `{"event":"what"}`, silence, silence},
		{"bad JSON", `{"event":`, silence, silence},
		{"null frame", `null`, silence, silence},
		{"array", `[1]`, silence, silence},
		{"no event", `{"data":1}`, silence, silence},
	} {
		for _, profile := range []nestws.Profile{nestws.V12, nestws.V11} {
			t.Run(tc.name+" "+profile.String(), func(t *testing.T) {
				t.Parallel()
				g := start(t, server.Options{WSProfile: profile}, register)
				c, _ := g.ws(t, "/ws", nil)
				c.send(tc.send, `{"event":"echo","data":"end"}`)
				want := tc.v12
				if profile == nestws.V11 {
					want = tc.v11
				}
				if want != silence {
					c.is(want)
				}
				c.is(`"end"`)
			})
		}
	}
	g := start(t, server.Options{WSNamespace: "/chat"}, register)
	t.Run("namespace", func(t *testing.T) {
		c, _ := g.ws(t, "/ws", nil)
		c.send(`{"event":"echo"}`)
		c.is(`{"event":"hello","data":{"n":1}}`, `"chat"`)
		if c, refused := g.ws(t, "/ws?namespace=/nope", nil); c != nil || refused.StatusCode != http.StatusNotFound {
			t.Error("an unknown namespace was let in")
		}
		c, _ = g.ws(t, "/ws?namespace=/", nil)
		c.send(`{"event":"echo","data":5}`)
		c.is(`5`)
	})
	t.Run("one room with Socket.IO", func(t *testing.T) {
		plain, _ := g.ws(t, "/ws", nil)
		sio := g.joined(t, "/chat")
		eventually(t, "both are there", func() bool { return g.Of("/chat").Conns() == 2 || g.Of("/chat").Conns() == 3 })
		_ = g.Of("/chat").Emit("m", 1, []byte{1, 2})
		sio.is(`451-/chat,["m",1,{"_placeholder":true,"num":0}]`, "b:\x01\x02")
		plain.is(`{"event":"m","data":[1,"AQI="]}`)
	})
	t.Run("no upgrade", func(t *testing.T) {
		if status, _ := g.http(t, "GET", "/ws", ""); status != 426 {
			t.Errorf("got %d, want 426", status)
		}
	})
	t.Run("ping, close code, garbage", func(t *testing.T) {
		c, _ := g.ws(t, "/ws", nil)
		pong := make(chan string, 1)
		c.ws.SetPongHandler(func(data string) error { pong <- data; return nil })
		_ = c.ws.WriteControl(9, []byte("hi"), time.Now().Add(patience))
		c.send(`{"event":"echo"}`)
		c.is(`{"event":"hello","data":{"n":1}}`)
		if data := <-pong; data != "hi" {
			t.Errorf("pong %q", data)
		}
		_ = c.ws.WriteControl(8, []byte{0x0f, 0xa1, 'b', 'y', 'e'}, time.Now().Add(patience))
		c.closed(4001)
		c, _ = g.ws(t, "/ws", nil)
		_, _ = c.ws.NetConn().Write([]byte{0xff, 0xff, 0xff, 0xff}) // reserved bits
		c.closed(1002)
	})
}

func TestPlainWSHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, server.Options{PingInterval: 5 * time.Second, PingTimeout: 2 * time.Second}, nil)
		c, _ := g.ws(t, "/ws", nil)
		pings := 0
		answer := c.ws.PingHandler()
		c.ws.SetPingHandler(func(data string) error {
			if pings++; pings > 3 {
				return nil
			}
			return answer(data)
		})
		begin := time.Now()
		if _, err := readLate(c, time.Minute); err == nil {
			t.Fatal("a message came")
		}
		if after := time.Since(begin); after < 22*time.Second || after > 22200*time.Millisecond || pings != 4 {
			t.Errorf("closed after %v and %d pings, want 22s and 4", after, pings)
		}
	})
}
