package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server"
)

// patience bounds every wait of these tests for something that must happen.
const patience = 5 * time.Second

// gateway is a server under test behind a listener.
type gateway struct {
	*server.Server
	host   string
	dialer websocket.Dialer
	client *http.Client
}

// start serves a gateway on loopback.
func start(t testing.TB, opts server.Options, register func(*server.Server)) *gateway {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, ln, (&net.Dialer{}).DialContext, opts, register)
}

// startPipe serves a gateway over net.Pipe, for use in a synctest bubble.
func startPipe(t testing.TB, opts server.Options, register func(*server.Server)) *gateway {
	t.Helper()
	ln := rttest.NewListener()
	return serve(t, ln, ln.DialContext, opts, register)
}

func serve(t testing.TB, ln net.Listener, dial func(context.Context, string, string) (net.Conn, error), opts server.Options, register func(*server.Server)) *gateway {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Of("/")
	if register != nil {
		register(s)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: s, ReadHeaderTimeout: patience, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = hs.Serve(ln)
	}()
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		_ = hs.Close()
		<-done
		transport.CloseIdleConnections()
	})
	return &gateway{
		Server: s, host: ln.Addr().String(),
		dialer: websocket.Dialer{NetDialContext: dial, HandshakeTimeout: patience},
		client: &http.Client{Transport: transport},
	}
}

// ws opens a raw WebSocket; it returns the refusal instead when there is one.
func (g *gateway) ws(t testing.TB, target string, header http.Header) (*client, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, resp, err := g.dialer.DialContext(ctx, "ws://"+g.host+target, header)
	if err != nil {
		if resp == nil {
			t.Fatalf("dial %s: %v", target, err)
		}
		return nil, resp
	}
	t.Cleanup(func() { _ = ws.Close() })
	return &client{t: t, ws: ws}, nil
}

const sioTarget = "/socket.io/?EIO=4&transport=websocket"

// sio opens an Engine.IO connection over WebSocket and reads its OPEN packet.
func (g *gateway) sio(t testing.TB) *client {
	t.Helper()
	c, resp := g.ws(t, sioTarget, nil)
	if c == nil {
		t.Fatalf("handshake refused: %s", resp.Status)
	}
	c.want("0{")
	return c
}

// joined opens a Socket.IO connection that has joined a namespace.
func (g *gateway) joined(t testing.TB, ns string) *client {
	t.Helper()
	c := g.sio(t)
	c.join(ns)
	return c
}

// client is a raw WebSocket client that knows as little as possible.
type client struct {
	t  testing.TB
	ws *websocket.Conn
}

func (c *client) send(frames ...string) {
	c.t.Helper()
	for _, f := range frames {
		_ = c.ws.SetWriteDeadline(time.Now().Add(patience))
		if err := c.ws.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
			c.t.Fatalf("send %.60s: %v", f, err)
		}
	}
}

func (c *client) sendBinary(b []byte) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
		c.t.Fatalf("send binary: %v", err)
	}
}

// read returns the next message; binary ones have a "b:" in front.
func (c *client) read() (string, error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(patience))
	kind, b, err := c.ws.ReadMessage()
	if kind == websocket.BinaryMessage {
		return "b:" + string(b), err
	}
	return string(b), err
}

// next is the next message that is not a heartbeat.
func (c *client) next() string {
	c.t.Helper()
	for {
		m, err := c.read()
		if err != nil {
			c.t.Fatalf("read: %v", err)
		}
		if m == "2" {
			c.send("3")
			continue
		}
		return m
	}
}

// want reads a message that has to start with prefix.
func (c *client) want(prefix string) string {
	c.t.Helper()
	m := c.next()
	if !strings.HasPrefix(m, prefix) {
		c.t.Fatalf("got %.200q, want %q…", m, prefix)
	}
	return m
}

// is reads a message that has to be exactly text.
func (c *client) is(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if m := c.next(); m != text {
			c.t.Fatalf("got %.200q, want %q", m, text)
		}
	}
}

// closed reads to the end and wants a close frame with the code; 0 takes any
// end.
func (c *client) closed(code int) (before []string) {
	c.t.Helper()
	for {
		m, err := c.read()
		if err == nil {
			if m != "2" {
				before = append(before, m)
			}
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.t.Fatalf("still open, after %q", before)
		}
		if code != 0 && (!ok || closed.Code != code) {
			c.t.Fatalf("ended with %v, want close code %d", err, code)
		}
		return before
	}
}

// silent wants nothing to come for a while.
func (c *client) silent(d time.Duration) {
	c.t.Helper()
	_ = c.ws.SetReadDeadline(time.Now().Add(d))
	_, b, err := c.ws.ReadMessage()
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		c.t.Fatalf("got %q, %v, want silence", b, err)
	}
}

// join sends CONNECT and returns the id.
func (c *client) join(ns string) (sid string) {
	c.t.Helper()
	prefix := "40"
	if ns != "/" {
		prefix += ns + ","
	}
	c.send(prefix)
	var payload struct{ SID string }
	if err := json.Unmarshal([]byte(c.want(prefix + "{")[len(prefix):]), &payload); err != nil {
		c.t.Fatal(err)
	}
	return payload.SID
}

// http sends a request and returns status and body.
func (g *gateway) http(t testing.TB, method, target, body string) (int, string) {
	t.Helper()
	resp, text := g.request(t, method, target, body, nil)
	return resp.StatusCode, text
}

func (g *gateway) request(t testing.TB, method, target, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	u := &url.URL{Scheme: "http", Host: g.host}
	req, err := http.NewRequestWithContext(ctx, method, u.String()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := g.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
