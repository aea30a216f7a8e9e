package faultproxy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/faultproxy"
)

// network is a proxy over loopback with the two ends of its connections.
type network struct {
	t      *testing.T
	p      *faultproxy.Proxy
	server net.Listener
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func proxyTo(ln net.Listener, to string) *faultproxy.Proxy {
	return faultproxy.New(ln, faultproxy.Options{Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", to)
	}})
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, server: listen(t)}
	n.p = proxyTo(listen(t), n.server.Addr().String())
	t.Cleanup(func() {
		_ = n.p.Close()
		_ = n.server.Close()
	})
	return n
}

// dial is a connection's two ends.
func (n *network) dial() (client, server *net.TCPConn) {
	n.t.Helper()
	before := n.p.Stats().Accepted
	c, err := net.Dial("tcp", n.p.Addr().String())
	if err != nil {
		n.t.Fatal(err)
	}
	s, err := n.server.Accept()
	if err != nil {
		n.t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); n.p.Stats().Accepted == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatal("the proxy did not take the connection over")
		}
	}
	for _, nc := range []net.Conn{c, s} {
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second)) // a bound for tests that hang
		n.t.Cleanup(func() { _ = nc.Close() })
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// wantReset checks that a new connection is reset, which the dial may see.
func (n *network) wantReset() {
	n.t.Helper()
	c, err := net.Dial("tcp", n.p.Addr().String())
	if err == nil {
		defer c.Close()
		_, err = io.Copy(io.Discard, c)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		n.t.Errorf("a new connection ended with %v, want a reset", err)
	}
}

func (n *network) wantEnd(nc net.Conn, want error) {
	n.t.Helper()
	if _, err := io.Copy(io.Discard, nc); !errors.Is(err, want) {
		n.t.Errorf("ended with %v, want %v", err, want)
	}
}

func TestPassesOn(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	client, server := n.dial()
	data := make([]byte, 3<<20)
	_, _ = rand.Read(data)
	var wg sync.WaitGroup
	for _, x := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		wg.Go(func() {
			_, _ = x[0].Write(data)
			_ = x[0].CloseWrite()
		})
		wg.Go(func() {
			got, err := io.ReadAll(x[1])
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes came of %d, %v", len(got), len(data), err)
			}
		})
	}
	wg.Wait()
	if s := n.p.Stats(); s.Accepted != 1 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

// TestHalfClose checks that one direction may end before the other.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	client, server := n.dial()
	_ = client.CloseWrite()
	n.wantEnd(server, nil)
	if _, err := server.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	_ = server.Close()
	if b, err := io.ReadAll(client); err != nil || string(b) != "still here" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestResetPassesThrough(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	client, server := n.dial()
	_ = client.SetLinger(0)
	_ = client.Close()
	n.wantEnd(server, syscall.ECONNRESET)
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	client, server := n.dial()
	n.p.Set(faultproxy.Toxics{Refuse: true})
	for range 3 {
		n.wantReset()
	}
	if s := n.p.Stats(); s.Refused != 3 || s.Touched != 3 {
		t.Errorf("%+v", s)
	}
	_, _ = client.Write([]byte("x"))
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Errorf("an open connection was hit: %v", err)
	}
	n.p.Set(faultproxy.Toxics{})
	n.dial()
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	_ = n.server.Close()
	n.wantReset()
}

func TestResetAfter(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	client, server := n.dial()
	_, other := n.dial()
	_, _ = server.Write(make([]byte, 100)) // before Set, so not counted
	if _, err := io.ReadFull(client, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	n.p.Set(faultproxy.Toxics{ResetAfter: 1000})
	_, _ = other.Write(make([]byte, 999))
	_, _ = server.Write(make([]byte, 600))
	_, _ = server.Write(make([]byte, 600))
	got, err := io.Copy(io.Discard, client)
	if got != 1000 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d bytes, then %v; want 1000 and a reset", got, err)
	}
	n.wantEnd(server, syscall.ECONNRESET)
	if s := n.p.Stats(); s.Touched != 1 {
		t.Errorf("touched %d connections, want 1", s.Touched)
	}
}

func TestHalfOpen(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		keep faultproxy.Side
	}{{"client", faultproxy.Client}, {"server", faultproxy.Server}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			client, server := n.dial()
			keeps, loses := client, server
			if tc.keep == faultproxy.Server {
				keeps, loses = server, client
			}
			n.p.Set(faultproxy.Toxics{HalfOpen: tc.keep})
			n.wantEnd(loses, syscall.ECONNRESET)
			if _, err := keeps.Write([]byte("anyone?")); err != nil {
				t.Errorf("the other end noticed: %v", err)
			}
			_ = keeps.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := keeps.Read(make([]byte, 1)); !isTimeout(err) {
				t.Errorf("the other end heard %v", err)
			}
			if s := n.p.Stats(); s.Touched != 1 {
				t.Errorf("touched %d connections", s.Touched)
			}
			n.dial() // new connections are whole
			n.p.Set(faultproxy.Toxics{})
			_ = keeps.SetReadDeadline(time.Now().Add(20 * time.Second))
			n.wantEnd(keeps, syscall.ECONNRESET)
		})
	}
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

func TestMaxConns(t *testing.T) {
	t.Parallel()
	server := listen(t)
	defer server.Close()
	p := faultproxy.New(listen(t), faultproxy.Options{MaxConns: 1, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", server.Addr().String())
	}})
	defer p.Close()
	n := &network{t: t, p: p, server: server}
	n.dial()
	n.wantReset()
}

// TestCloseEndsAll closes a proxy in the middle of everything it does; the
// package's goroutines must be gone at the end of the tests.
func TestCloseEndsAll(t *testing.T) {
	t.Parallel()
	for _, toxics := range []faultproxy.Toxics{
		{}, {Latency: time.Hour}, {Bandwidth: 1}, {ToServer: true, ToClient: true}, {SlowClose: time.Hour}, {HalfOpen: faultproxy.Client},
	} {
		n := newNetwork(t)
		client, server := n.dial()
		n.p.Set(toxics)
		_, _ = client.Write(make([]byte, 5000))
		_ = client.CloseWrite()
		start := time.Now()
		if err := n.p.Close(); err != nil {
			t.Errorf("%+v: %v", toxics, err)
		}
		if err := n.p.Close(); err != nil {
			t.Errorf("%+v: closed twice: %v", toxics, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%+v: close took %v", toxics, took)
		}
		_, _ = io.Copy(io.Discard, server)
		if open := n.p.Stats().Open; open != 0 {
			t.Errorf("%+v: %d connections are open", toxics, open)
		}
	}
}

// TestSetWhileBusy changes everything while connections come and go.
func TestSetWhileBusy(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			s, err := n.server.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer s.Close()
				_, _ = io.Copy(s, s)
			})
		}
	})
	stop := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", n.p.Addr().String())
				if err != nil {
					continue
				}
				_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
				_, _ = c.Write(make([]byte, 3000))
				_, _ = io.ReadFull(c, make([]byte, 3000))
				_ = c.Close()
			}
		})
	}
	for range 20 {
		for _, toxics := range []faultproxy.Toxics{
			{Latency: time.Millisecond, Jitter: time.Millisecond},
			{Bandwidth: 100_000},
			{ToClient: true},
			{HalfOpen: faultproxy.Server},
			{Refuse: true},
			{ResetAfter: 1000},
			{SlowClose: 5 * time.Millisecond},
			{},
		} {
			n.p.Set(toxics)
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	_ = n.p.Close()
	_ = n.server.Close()
	wg.Wait()
}
