package client

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// secret must not show up in any error.
const secret = "eyJsecret"

func answer(status int, contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = c.Close()
	}
}

func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestDialErrors(t *testing.T) {
	t.Parallel()
	closed := func() *url.URL {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		return &url.URL{Scheme: "http", Host: ln.Addr().String()}
	}
	everyProtocol := []string{"socketio", "polling", "websocket", "sse", "sse2"}
	cases := []struct {
		name   string
		server http.Handler
		url    *url.URL
		protos []string
		want   rt.Error
	}{
		{name: "closed port", url: closed(), protos: everyProtocol, want: rt.Error{Kind: rt.KindUnreachable, Stage: rt.StageDial}},
		{name: "unknown host", url: &url.URL{Scheme: "http", Host: "no-such-host.invalid:80"}, protos: everyProtocol, want: rt.Error{Kind: rt.KindUnreachable, Stage: rt.StageDial}},
		{
			name: "401 with a code", server: answer(401, "application/json", `{"ok":false,"error":{"code":"token_expired","message":"x"}}`), protos: everyProtocol,
			want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 401, Code: "token_expired"},
		},
		{
			name: "403 of engine.io", server: answer(403, "application/json", `{"code":4,"message":"Forbidden"}`), protos: everyProtocol,
			want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 403, Code: "Forbidden"},
		},
		{
			name: "400 of Nest", server: answer(400, "application/json", `{"statusCode":400,"message":"bad\u001b[31m room\n","error":"Bad Request"}`), protos: everyProtocol,
			want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 400, Code: "bad[31m room"},
		},
		{name: "404 page", server: answer(404, "text/html", "<h1>no"), protos: everyProtocol, want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 404}},
		{name: "503 of a proxy", server: answer(503, "text/html", "x"), protos: everyProtocol, want: rt.Error{Kind: rt.KindUnreachable, Stage: rt.StageUpgrade, Status: 503}},
		{name: "wrong answer", server: answer(200, "text/html", "hello"), protos: []string{"socketio", "websocket", "sse", "sse2"}, want: rt.Error{Kind: rt.KindProtocol, Stage: rt.StageUpgrade, Status: 200}},
		{name: "wrong answer to polling", server: answer(200, "text/html", "hello"), protos: []string{"polling"}, want: rt.Error{Kind: rt.KindProtocol, Stage: rt.StageUpgrade}},
		{name: "redirect", server: http.RedirectHandler("/x?token="+secret, http.StatusFound), protos: everyProtocol, want: rt.Error{Kind: rt.KindProtocol, Stage: rt.StageUpgrade, Status: 302}},
		{name: "hang up", server: http.HandlerFunc(hangUp), protos: []string{"socketio", "polling", "websocket", "sse"}, want: rt.Error{Kind: rt.KindClosed, Stage: rt.StageUpgrade}},
		{name: "no answer", server: http.HandlerFunc(silent), protos: everyProtocol, want: rt.Error{Kind: rt.KindTimeout, Stage: rt.StageUpgrade}},
		{name: "no event stream", server: answer(204, "text/plain", ""), protos: []string{"sse", "sse2"}, want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 204}},
		{name: "no engine.io handshake", server: wsScript(drain), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindTimeout, Stage: rt.StageNamespace}},
		{name: "nonsense for a handshake", server: wsScript(func(c *websocket.Conn) { say(c, "0{}"); drain(c) }), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindProtocol, Stage: rt.StageNamespace}},
		{name: "nonsense for a packet", server: wsScript(func(c *websocket.Conn) { say(c, "9"); drain(c) }), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindProtocol, Stage: rt.StageNamespace}},
		{name: "message before the handshake", server: wsScript(func(c *websocket.Conn) { say(c, `42["x"]`); drain(c) }), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindProtocol, Stage: rt.StageNamespace}},
		{name: "no answer to CONNECT", server: wsScript(func(c *websocket.Conn) { say(c, openPacket(time.Minute, time.Minute)); drain(c) }), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindTimeout, Stage: rt.StageNamespace}},
		{name: "end instead of CONNECT", server: wsScript(func(c *websocket.Conn) { say(c, openPacket(time.Minute, time.Minute)); hear(c) }), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindClosed, Stage: rt.StageNamespace}},
		{name: "polite end instead of CONNECT", server: closing(1000, ""), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindClosed, Stage: rt.StageNamespace}},
		{name: "policy close instead of CONNECT", server: closing(1008, "token\x1b expired"), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageNamespace, Code: "token expired"}},
		{name: "application close instead of CONNECT", server: closing(4001, ""), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageNamespace, Code: "4001"}},
		{name: "DISCONNECT instead of CONNECT", server: wsScript(func(c *websocket.Conn) { say(c, openPacket(time.Minute, time.Minute)); say(c, "41"); drain(c) }), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindRejected, Stage: rt.StageNamespace, Code: reasonServerLeft}},
		{name: "engine.io CLOSE instead of CONNECT", server: wsScript(func(c *websocket.Conn) { say(c, openPacket(time.Minute, time.Minute)); say(c, "1"); drain(c) }), protos: []string{"socketio"}, want: rt.Error{Kind: rt.KindClosed, Stage: rt.StageNamespace}},
	}
	for _, tc := range cases {
		for _, proto := range tc.protos {
			t.Run(tc.name+"/"+proto, func(t *testing.T) {
				t.Parallel()
				u := tc.url
				if u == nil {
					u = serve(t, tc.server)
				}
				d := New(Options{})
				defer d.Close()
				target := targetOf(proto, u)
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				if tc.want.Kind == rt.KindTimeout {
					cancel()
					ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
				}
				defer cancel()
				rec := newRecorder()
				c, err := d.Dial(ctx, &rt.DialRequest{Target: target, Query: [][2]string{{"token", secret}}}, rec)
				if c != nil {
					t.Errorf("got a connection")
					_ = c.Close()
				}
				got, ok := errors.AsType[*rt.Error](err)
				if !ok {
					t.Fatalf("got %T %v, want an *rt.Error", err, err)
				}
				summary := rt.Error{Kind: got.Kind, Stage: got.Stage, Status: got.Status, Code: got.Code}
				if summary != tc.want {
					t.Errorf("got  %+v (%v)\nwant %+v", summary, err, tc.want)
				}
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error gives the token away: %v", err)
				}
				if len(rec.closes()) > 0 {
					t.Errorf("OnClose for a connection that Dial did not return")
				}
			})
		}
	}
}

func targetOf(proto string, u *url.URL) rt.Target {
	t := rt.Target{URL: u}
	switch proto {
	case "socketio":
		t.Protocol = rt.SocketIO
	case "polling":
		t.Protocol, t.Transports = rt.SocketIO, []rt.Transport{rt.TransportPolling}
	case "upgrade":
		t.Protocol, t.Transports = rt.SocketIO, []rt.Transport{rt.TransportPolling, rt.TransportWebSocket}
	case "websocket":
		t.Protocol = rt.WebSocket
	case "sse":
		t.Protocol = rt.SSE
	case "sse2":
		t.Protocol, t.HTTPVersion = rt.SSE, http2
	}
	return t
}

func closing(code int, reason string) http.Handler {
	return wsScript(func(c *websocket.Conn) {
		say(c, openPacket(time.Minute, time.Minute))
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
		drain(c)
	})
}

func TestDialUsage(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	cases := []struct {
		name string
		r    rt.DialRequest
	}{
		{"no URL", rt.DialRequest{Target: rt.Target{Protocol: rt.SSE}}},
		{"no protocol", rt.DialRequest{Target: rt.Target{URL: u}}},
		{"plain HTTP", rt.DialRequest{Target: rt.Target{URL: u, Protocol: rt.HTTP}}},
		{"unknown protocol", rt.DialRequest{Target: rt.Target{URL: u, Protocol: "mqtt"}}},
		{"scheme", rt.DialRequest{Target: rt.Target{URL: &url.URL{Scheme: "ftp", Host: "x"}, Protocol: rt.SSE}}},
		{"source address", rt.DialRequest{Target: rt.Target{URL: u, Protocol: rt.SSE}, LocalAddr: "localhost"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := New(Options{}).Dial(context.Background(), &tc.r, newRecorder())
			if c != nil || rt.KindOf(err) != rt.KindUsage {
				t.Errorf("got %v, %v; want a usage error", c, err)
			}
		})
	}
}

func TestDialCanceled(t *testing.T) {
	t.Parallel()
	u := serve(t, http.HandlerFunc(silent))
	for _, proto := range []string{"socketio", "polling", "websocket", "sse", "sse2"} {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		d := New(Options{})
		_, err := d.Dial(ctx, &rt.DialRequest{Target: targetOf(proto, u)}, newRecorder())
		_ = d.Close()
		if rt.KindOf(err) != rt.KindCanceled {
			t.Errorf("%s: got %v, want a cancelled dial", proto, err)
		}
	}
}

func TestDialTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(wsScript(drain))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	cases := []struct {
		name   string
		o      Options
		target rt.Target
		fails  bool
	}{
		{"unknown authority", Options{}, rt.Target{}, true},
		{"authority given", Options{RootCAs: pool}, rt.Target{}, false},
		{"verification off for all", Options{Insecure: true}, rt.Target{}, false},
		{"verification off for the target", Options{}, rt.Target{Insecure: true}, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tc.target.URL, tc.target.Protocol = u, rt.WebSocket
			c, err := New(tc.o).Dial(context.Background(), &rt.DialRequest{Target: tc.target}, newRecorder())
			if tc.fails {
				if rt.KindOf(err) != rt.KindTLS {
					t.Fatalf("got %v, want a TLS error", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p := c.Info().Phases; p.TCP <= 0 || p.TLS <= 0 || p.Upgrade <= 0 || p.Total < p.TCP+p.TLS+p.Upgrade {
				t.Errorf("phases %+v", p)
			}
			_ = c.Close()
		})
	}
}

// TestDialLimits takes what the system says when it runs out of something from
// a dial that fails so.
func TestDialLimits(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS} {
		d := New(Options{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errno}
		}})
		for _, proto := range []string{"socketio", "polling", "websocket", "sse", "sse2"} {
			_, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf(proto, &url.URL{Scheme: "http", Host: "x"})}, newRecorder())
			if rt.KindOf(err) != rt.KindLimit {
				t.Errorf("%v over %s: got kind %v, want limit", errno, proto, rt.KindOf(err))
			}
		}
	}
}

func TestLocalAddrAndResolve(t *testing.T) {
	t.Parallel()
	u := serve(t, wsScript(drain))
	d := New(Options{Resolve: map[string]string{"gateway.example": "127.0.0.1"}})
	named := *u
	named.Host = "gateway.example:" + u.Port()
	c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf("websocket", &named), LocalAddr: "127.0.7.9"}, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if host, _, _ := net.SplitHostPort(c.Info().Local); host != "127.0.7.9" {
		t.Errorf("source address is %s", c.Info().Local)
	}
}
