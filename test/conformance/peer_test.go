package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// Times of the gateway under test: short, so that the rules about time can be
// seen, and long enough for a busy machine.
const (
	pingInterval   = 600 * time.Millisecond
	pingTimeout    = 400 * time.Millisecond
	connectTimeout = time.Second
	maxPayload     = 1_000_000
	patience       = 15 * time.Second
)

// endpoint is one Engine.IO endpoint of the gateway.
type endpoint struct{ url string }

// serve starts a gateway for one test and its subtests.
func serve(t *testing.T, args ...string) *rttest.Gateway {
	t.Helper()
	return rttest.Serve(t, rttest.Binary(t, false), nil, append([]string{
		"--service", "echo", "--ping-interval", pingInterval.String(), "--ping-timeout", pingTimeout.String(),
		"--connect-timeout", connectTimeout.String(), "--max-payload", "1000000",
	}, args...)...)
}

// endpoints are the paths that speak Engine.IO.
func endpoints(g *rttest.Gateway) map[string]endpoint {
	return map[string]endpoint{"engine.io": {g.URL + "/engine.io/"}, "socket.io": {g.URL + "/socket.io/"}}
}

// http makes one request and returns its status and body; a status of 0 is a
// request that was cut off.
func (e endpoint) http(ctx context.Context, method, query, body string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, method, e.url+query, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

// polling is a session over long polling.
type polling struct {
	t *testing.T
	endpoint
	query string
}

const (
	pollingQuery   = "?EIO=4&transport=polling"
	websocketQuery = "?EIO=4&transport=websocket"
)

func (e endpoint) polling(t *testing.T) *polling {
	t.Helper()
	status, body := e.http(t.Context(), "GET", pollingQuery, "")
	if status != 200 {
		t.Fatalf("handshake: %d %s", status, body)
	}
	return &polling{t, e, pollingQuery + "&sid=" + parseOpen(t, body).SID}
}

func (p *polling) get(status int, body string) {
	p.t.Helper()
	if got, text := p.http(p.t.Context(), "GET", p.query, ""); got != status || body != "" && text != body {
		p.t.Fatalf("GET: %d %q, want %d %q", got, text, status, body)
	}
}

func (p *polling) post(status int, body string) {
	p.t.Helper()
	if got, text := p.http(p.t.Context(), "POST", p.query, body); got != status || status == 200 && text != "ok" {
		p.t.Fatalf("POST %q: %d %q, want %d", body, got, text, status)
	}
}

// open is the handshake packet.
type open struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

func parseOpen(t *testing.T, packet string) (o open) {
	t.Helper()
	rest, ok := strings.CutPrefix(packet, "0")
	d := json.NewDecoder(strings.NewReader(rest))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); !ok || err != nil {
		t.Fatalf("open packet %q: %v", packet, err)
	}
	return o
}

// socket is a WebSocket.
type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

// dial opens a WebSocket; res is the answer when it was refused.
func (e endpoint) dial(t *testing.T, query string) (*socket, *http.Response) {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(e.url, "http")+query, nil)
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		return nil, res
	}
	t.Cleanup(func() { ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return &socket{t, ws}, nil
}

// websocket opens a session over WebSocket and takes the open packet.
func (e endpoint) websocket(t *testing.T) (*socket, open) {
	t.Helper()
	s, refused := e.dial(t, websocketQuery)
	if refused != nil {
		t.Fatalf("refused: %s", refused.Status)
	}
	_, b, err := s.ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return s, parseOpen(t, string(b))
}

func (s *socket) send(frames ...any) {
	s.t.Helper()
	for _, f := range frames {
		var err error
		switch f := f.(type) {
		case string:
			err = s.ws.WriteMessage(websocket.TextMessage, []byte(f))
		case []byte:
			err = s.ws.WriteMessage(websocket.BinaryMessage, f)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// next returns the next frame that is not a heartbeat, answering those.
func (s *socket) next() (binary bool, data []byte) {
	s.t.Helper()
	for {
		kind, b, err := s.ws.ReadMessage()
		if err != nil {
			s.t.Fatalf("read: %v", err)
		}
		if kind == websocket.TextMessage && string(b) == "2" {
			s.send("3")
			continue
		}
		return kind == websocket.BinaryMessage, b
	}
}

// want expects frames, text or binary.
func (s *socket) want(frames ...any) {
	s.t.Helper()
	for _, f := range frames {
		binary, got := s.next()
		switch f := f.(type) {
		case string:
			if binary || string(got) != f {
				s.t.Fatalf("got %q (binary %v), want %q", got, binary, f)
			}
		case []byte:
			if !binary || !bytes.Equal(got, f) {
				s.t.Fatalf("got %q (binary %v), want bytes %v", got, binary, f)
			}
		}
	}
}

// closed expects the end of the connection, in whatever way, and returns the
// frames before it.
func (s *socket) closed() (before []string) {
	s.t.Helper()
	for {
		_, b, err := s.ws.ReadMessage()
		if err != nil {
			if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
				s.t.Fatalf("still open after %v; frames %q", patience, before)
			}
			return before
		}
		before = append(before, string(b))
	}
}
