package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/server"
)

// tap passes connections on to a server and notes how each ended on the
// client's side.
type tap struct {
	ln   net.Listener
	to   string
	ends chan string // "fin", "reset" or another error
	open atomic.Int64
	up   atomic.Int64 // bytes that came from clients
	wg   sync.WaitGroup
}

func newTap(t *testing.T, to string) *tap {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{ln: ln, to: to, ends: make(chan string, 64)}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.wg.Wait()
	})
	return p
}

func (p *tap) accept() {
	for {
		nc, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.pass(nc) })
	}
}

func (p *tap) pass(nc net.Conn) {
	defer nc.Close()
	srv, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer srv.Close()
	p.open.Add(1)
	p.wg.Go(func() { _, _ = io.Copy(nc, srv) })
	buf := make([]byte, 4096)
	for {
		n, err := nc.Read(buf)
		p.up.Add(int64(n))
		_, _ = srv.Write(buf[:n])
		if err == nil {
			continue
		}
		end := err.Error()
		switch {
		case errors.Is(err, io.EOF):
			end = "fin"
		case errors.Is(err, syscall.ECONNRESET):
			end = "reset"
		}
		p.ends <- end
		p.open.Add(-1)
		return
	}
}

func (p *tap) end(t *testing.T) string {
	t.Helper()
	select {
	case end := <-p.ends:
		return end
	case <-time.After(10 * time.Second):
		t.Fatal("the connection did not end")
	}
	return ""
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// breakable are the ways into the gateway, those of a fleet among them.
func breakable(u *url.URL) map[string]rt.Target {
	all := ways(u)
	for _, name := range []string{"websocket", "plain"} {
		all["polled "+name] = all[name]
	}
	return all
}

// broken is a connection through a tap, to a name that does not exist.
func broken(t *testing.T, u *url.URL, target rt.Target, name string) (rt.Conn, *tap, hearing) {
	t.Helper()
	p := newTap(t, u.Host)
	o := client.Options{}
	if strings.HasPrefix(name, "polled ") {
		o.Pollers = 1
	}
	d := client.New(o)
	t.Cleanup(func() { _ = d.Close() })
	elsewhere := *target.URL
	elsewhere.Host = "gateway.invalid:4000"
	target.URL = &elsewhere
	h := make(hearing, 100)
	c, err := d.Dial(t.Context(), &rt.DialRequest{Target: target, DialAddr: p.ln.Addr().String()}, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if target.Protocol != rt.SSE {
		h.expect(t, "auth {} 0")
	}
	if name == "upgrade" {
		until(t, "the upgrade", func() bool { return c.Info().Transport == rt.TransportWebSocket && p.open.Load() == 1 })
		for len(p.ends) > 0 {
			<-p.ends // of the polling before
		}
	}
	return c, p, h
}

// TestBreak checks what the other side sees of a broken connection, and that
// its handler hears of the end as of a network's.
func TestBreak(t *testing.T) {
	t.Parallel()
	_, u := gateway(t, server.Options{})
	for name, target := range breakable(u) {
		for _, how := range []rt.BreakHow{rt.BreakReset, rt.BreakFIN} {
			t.Run(name+" "+how.String(), func(t *testing.T) {
				t.Parallel()
				c, p, h := broken(t, u, target, name)
				if err := c.(rt.Breaker).Break(how); err != nil {
					t.Fatal(err)
				}
				h.expect(t, "closed by 2")
				if err := c.(rt.Breaker).Break(how); rt.KindOf(err) != rt.KindClosed {
					t.Errorf("broken twice: %v", err)
				}
				if target.HTTPVersion == "2" {
					if p.open.Load() == 0 {
						t.Error("the socket is gone, which the stream shares")
					}
					return
				}
				if end := p.end(t); end != how.String() {
					t.Errorf("the peer saw %q, want %q", end, how)
				}
				until(t, "the other connections", func() bool { return p.open.Load() == 0 })
			})
		}
	}
}

// TestBlackhole checks that nothing comes or goes and that the socket stays,
// until the connection is really broken.
func TestBlackhole(t *testing.T) {
	t.Parallel()
	s, u := gateway(t, server.Options{SSEHeartbeat: 50 * time.Millisecond})
	for name, target := range breakable(u) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, p, h := broken(t, u, target, name)
			if err := c.(rt.Breaker).Break(rt.BreakBlackhole); err != nil {
				t.Fatal(err)
			}
			before := int64(-1) // what was on its way has arrived
			until(t, "quiet", func() bool {
				last := before
				time.Sleep(50 * time.Millisecond)
				before = p.up.Load()
				return before == last
			})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			switch target.Protocol {
			case rt.SSE:
				if err := s.Publish(server.EventsNamespace, []string{"ticker"}, nil, "tick", []byte(`{"n":1}`)); err != nil {
					t.Fatal(err)
				}
			case rt.WebSocket:
				if err := c.Send(ctx, &rt.Outgoing{Event: "message", AckID: rt.NoAck}); err != nil {
					t.Errorf("send into the hole: %v", err)
				}
			case rt.SocketIO: // polling waits for an answer that does not come
				_ = c.Send(ctx, &rt.Outgoing{Event: "message", AckID: rt.NoAck})
				_ = s.Of("/").Emit("message", "x")
			}
			select {
			case got := <-h:
				if name == "polling" && got == "closed by 2" { // its own bound on the send
					return
				}
				t.Fatalf("heard %q out of the hole", got)
			case <-time.After(150 * time.Millisecond):
			}
			if d := cmp.Diff(before, p.up.Load()); d != "" && target.HTTPVersion != "2" {
				t.Errorf("bytes went out of the hole (-want +got)\n%s", d)
			}
			if p.open.Load() == 0 {
				t.Fatal("the socket is gone")
			}
			if err := c.(rt.Breaker).Break(rt.BreakReset); err != nil {
				t.Fatal(err)
			}
			h.expect(t, "closed by 2")
			if end := ""; target.HTTPVersion != "2" {
				if end = p.end(t); end != "reset" {
					t.Errorf("the peer saw %q, want a reset", end)
				}
			}
		})
	}
}

// TestBlackholeCloses checks that a connection in a blackhole can be closed in
// the time that a goodbye may take.
func TestBlackholeCloses(t *testing.T) {
	t.Parallel()
	_, u := gateway(t, server.Options{})
	for name, target := range breakable(u) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _, h := broken(t, u, target, name)
			if err := c.(rt.Breaker).Break(rt.BreakBlackhole); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_ = c.Close()
			h.expect(t, "closed by 1")
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("close took %v", took)
			}
		})
	}
}

func TestDialAddrIsChecked(t *testing.T) {
	t.Parallel()
	d := client.New(client.Options{})
	defer d.Close()
	target := rt.Target{Protocol: rt.WebSocket, URL: &url.URL{Scheme: "http", Host: "h:1"}}
	for _, addr := range []string{"host", "1.2.3.4:", "::1"} {
		if _, err := d.Dial(t.Context(), &rt.DialRequest{Target: target, DialAddr: addr}, make(hearing, 1)); rt.KindOf(err) != rt.KindUsage {
			t.Errorf("dial by way of %q: %v", addr, err)
		}
		if _, err := d.Request(t.Context(), &rt.Request{URL: "http://h:1/", DialAddr: addr}); rt.KindOf(err) != rt.KindUsage {
			t.Errorf("request by way of %q: %v", addr, err)
		}
	}
}
