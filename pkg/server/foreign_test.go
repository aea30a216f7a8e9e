package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/peers"
)

var peerSecret = []byte("a secret of all the pods")

// pods starts gateways that pass requests on to each other.
func pods(t *testing.T, n int, opts server.Options, more func(*peers.Options)) []*gateway {
	t.Helper()
	listeners := make([]net.Listener, n)
	var addresses []string
	for i := range listeners {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = ln
		addresses = append(addresses, "http://"+ln.Addr().String())
	}
	gs := make([]*gateway, n)
	for i, ln := range listeners {
		o := peers.Options{
			Advertise: addresses[i], Static: addresses, Secret: peerSecret,
			Logger: slog.New(slog.DiscardHandler), DialTimeout: patience,
		}
		if more != nil {
			more(&o)
		}
		p, err := peers.New(o)
		if err != nil {
			t.Fatal(err)
		}
		opts.Peers = p
		gs[i] = serve(t, ln, (&net.Dialer{}).DialContext, opts, echoGateway)
	}
	return gs
}

// balancer is a proxy in front of gateways that sends each request to the next.
func balancer(t *testing.T, gs []*gateway) *gateway {
	t.Helper()
	var turn atomic.Uint32
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: gs[turn.Add(1)%uint32(len(gs))].host})
			r.Out.Host = r.In.Host
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	})
	t.Cleanup(front.Close)
	g := *gs[0]
	g.host = strings.TrimPrefix(front.URL, "http://")
	g.client = front.Client()
	return &g
}

func TestForeignSessions(t *testing.T) {
	t.Parallel()
	gs := pods(t, 3, server.Options{CloseTimeout: 50 * time.Millisecond, MaxPayload: 10_000, Origins: []string{"https://app.example.com"}}, nil)
	front := balancer(t, gs)
	forwarded := func() (n uint64) {
		for _, g := range gs {
			n += g.Stats().Connections.Forwarded
		}
		return n
	}
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		before := forwarded()
		p := front.poller(t)
		p.join()
		for i := range 30 {
			p.post(fmt.Sprintf(`42%d["echo",%d]`, i, i))
			p.is(fmt.Sprintf(`43%d[%d]`, i, i))
		}
		if n := forwarded() - before; n < 30 {
			t.Errorf("%d requests were passed on, want about 40", n)
		}
	})
	for i, g := range gs {
		t.Run(fmt.Sprintf("upgrade at pod %d", i), func(t *testing.T) {
			t.Parallel()
			p := gs[0].poller(t)
			p.join()
			c, refused := g.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil)
			if c == nil {
				t.Fatal(refused.Status)
			}
			c.send("2probe")
			c.is("3probe")
			c.send("5", `421["echo","over"]`)
			c.is(`431["over"]`)
			c.send("1")
			c.closed(0)
			eventually(t, "the session is gone", func() bool {
				status, _ := g.http(t, "GET", p.target, "")
				return status == http.StatusBadRequest
			})
		})
	}
	t.Run("a cancelled GET ends the session", func(t *testing.T) {
		t.Parallel()
		p := gs[0].poller(t)
		sid := p.join()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+gs[1].host+p.target, nil)
		if res, err := gs[1].client.Do(req); err == nil {
			res.Body.Close()
			t.Fatal("the GET was answered")
		}
		eventually(t, "the session is gone", func() bool { return gs[0].Of("/").Conn(sid) == nil })
	})
	t.Run("one set of CORS headers", func(t *testing.T) {
		t.Parallel()
		p := gs[0].poller(t)
		res, _ := gs[1].request(t, "POST", p.target, "40", http.Header{"Origin": {"https://app.example.com"}})
		if got := res.Header["Access-Control-Allow-Origin"]; res.StatusCode != http.StatusOK || len(got) != 1 {
			t.Errorf("%s, Access-Control-Allow-Origin %q", res.Status, got)
		}
		if res, _ := gs[1].request(t, "POST", p.target, "3", http.Header{"Origin": {"https://evil.example.com"}}); res.StatusCode != http.StatusForbidden {
			t.Errorf("other origin: %s", res.Status)
		}
	})
	t.Run("too large", func(t *testing.T) {
		t.Parallel()
		p := gs[0].poller(t)
		if status, _ := gs[1].http(t, "POST", p.target, "4"+strings.Repeat("x", 10_001)); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d, want 413", status)
		}
	})
	t.Run("a tag that no pod has", func(t *testing.T) {
		t.Parallel()
		status, body := gs[0].http(t, "GET", "/socket.io/?EIO=4&transport=polling&sid=----abcdefghijklmnop", "")
		if status != 400 || body != `{"code":1,"message":"Session ID unknown"}` {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("a forged hop", func(t *testing.T) {
		t.Parallel()
		for _, mark := range []string{"", "x", "1 0 127.0.0.1:1 abc", fmt.Sprintf("1 %d 127.0.0.1:1 abc", time.Now().UnixMilli())} {
			res, _ := gs[0].request(t, "GET", "/socket.io/?EIO=4&transport=polling", "", http.Header{"Rtk-Hop": {mark}})
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("%q: %s, want 403", mark, res.Status)
			}
		}
	})
}

func TestForeignPodEnds(t *testing.T) {
	t.Parallel()
	gs := pods(t, 2, server.Options{CloseTimeout: 50 * time.Millisecond}, nil)
	upgraded := func(owner, via *gateway) *client {
		p := owner.poller(t)
		p.join()
		c, refused := via.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil)
		if c == nil {
			t.Fatal(refused.Status)
		}
		c.send("2probe")
		c.is("3probe")
		c.send("5", `421["echo"]`)
		c.is(`431[]`)
		return c
	}
	through := upgraded(gs[0], gs[1])
	if err := gs[1].Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := through.read(); err == nil {
		t.Error("a connection that was passed through outlived its pod")
	}
}

func TestForeignLimits(t *testing.T) {
	t.Parallel()
	gs := pods(t, 2, server.Options{}, func(o *peers.Options) { o.MaxForwards = 1 })
	p := gs[0].poller(t)
	p.join()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		for ctx.Err() == nil { // the other request may have been first
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+gs[1].host+p.target, nil)
			if res, err := gs[1].client.Do(req); err == nil {
				res.Body.Close()
			}
		}
	}()
	eventually(t, "the second request is refused", func() bool {
		status, _ := gs[1].http(t, "POST", p.target, "3")
		return status == http.StatusServiceUnavailable
	})
	cancel()
	<-done
}

func TestForeignPodUnreachable(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + ln.Addr().String()
	ln.Close()
	gs := pods(t, 1, server.Options{}, func(o *peers.Options) { o.Static = append(o.Static, gone) })
	status, body := gs[0].http(t, "GET", "/socket.io/?EIO=4&transport=polling&sid="+peers.Tag(gone)+"abcdefghijklmnop", "")
	if status != http.StatusBadGateway || !strings.Contains(body, "peer_unreachable") {
		t.Errorf("%d %s", status, body)
	}
	if got := gs[0].Stats().Connections.ForwardFailed; got != 1 {
		t.Errorf("%d failures counted, want 1", got)
	}
}
