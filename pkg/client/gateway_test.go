package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/service/echo"
)

// gateway serves the echo service of this module's own server, over HTTP/1.1
// and HTTP/2 on one port.
func gateway(t *testing.T, o server.Options) (*server.Server, *url.URL) {
	t.Helper()
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	echo.Register(s)
	s.Of(server.EventsNamespace)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(s)
	h.Config.Protocols = new(http.Protocols)
	h.Config.Protocols.SetHTTP1(true)
	h.Config.Protocols.SetUnencryptedHTTP2(true)
	h.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		h.Close()
	})
	u, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s, u
}

// ways are all the ways into the gateway.
func ways(u *url.URL) map[string]rt.Target {
	at := func(path string, t rt.Target) rt.Target {
		c := *u
		c.Path = path
		if t.Protocol == rt.SSE {
			c.RawQuery = "topic=ticker"
		}
		t.URL = &c
		return t
	}
	return map[string]rt.Target{
		"websocket":  at("/socket.io/", rt.Target{Protocol: rt.SocketIO}),
		"polling":    at("/socket.io/", rt.Target{Protocol: rt.SocketIO, Transports: []rt.Transport{rt.TransportPolling}}),
		"upgrade":    at("/socket.io/", rt.Target{Protocol: rt.SocketIO, Transports: []rt.Transport{rt.TransportPolling, rt.TransportWebSocket}}),
		"plain":      at("/ws", rt.Target{Protocol: rt.WebSocket}),
		"sse":        at("/events", rt.Target{Protocol: rt.SSE}),
		"sse HTTP/2": at("/events", rt.Target{Protocol: rt.SSE, HTTPVersion: "2"}),
	}
}

type hearing chan string

func (h hearing) OnMessage(m *rt.Message) {
	if m.Kind == rt.KindEvent || m.Kind == rt.KindAck {
		h <- fmt.Sprintf("%s %s %d", m.Event, m.Body, len(m.Attachments))
	}
}

func (h hearing) OnClose(i rt.CloseInfo) { h <- fmt.Sprintf("closed by %d", i.By) }

func (h hearing) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-h:
		if got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("heard nothing, want %q", want)
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	s, u := gateway(t, server.Options{SSEHeartbeat: 100 * time.Millisecond})
	for name, target := range ways(u) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := client.New(client.Options{})
			defer d.Close()
			h := make(hearing, 100)
			c, err := d.Dial(t.Context(), &rt.DialRequest{Target: target}, h)
			if err != nil {
				t.Fatal(err)
			}
			send := func(m rt.Outgoing) {
				t.Helper()
				if err := c.Send(t.Context(), &m); err != nil {
					t.Fatal(err)
				}
			}
			switch target.Protocol {
			case rt.SocketIO:
				h.expect(t, "auth {} 0")
				send(rt.Outgoing{Event: "message", Body: []byte(`1,[2]`), AckID: rt.NoAck})
				h.expect(t, "message-back 1,[2] 0")
				send(rt.Outgoing{Event: "message-with-ack", Body: []byte(`"a"`), Attachments: [][]byte{{1}}, AckID: 1})
				h.expect(t, ` "a",{"_placeholder":true,"num":0} 1`)
			case rt.WebSocket:
				h.expect(t, "auth {} 0")
				send(rt.Outgoing{Event: "message", Body: []byte(`{"a":1}`), AckID: rt.NoAck})
				h.expect(t, `message-back {"a":1} 0`)
			case rt.SSE:
				if err := s.Publish(server.EventsNamespace, []string{"ticker"}, nil, "tick", []byte(`{"n":1}`)); err != nil {
					t.Fatal(err)
				}
				// Streams of other subtests publish to the same topic.
				h.expect(t, `tick {"n":1} 0`)
			}
			_ = c.Close()
			for got := range h {
				if got == "closed by 1" {
					break
				}
			}
		})
	}
}

// TestGatewayRefuses checks that a missing token is an explicit refusal on each
// way in, with the gateway's code, where the protocol allows it.
func TestGatewayRefuses(t *testing.T) {
	t.Parallel()
	v, err := auth.New(auth.Options{Secret: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	_, u := gateway(t, server.Options{Auth: v})
	for name, target := range ways(u) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := client.New(client.Options{})
			defer d.Close()
			h := make(hearing, 10)
			c, err := d.Dial(t.Context(), &rt.DialRequest{Target: target}, h)
			e, ok := errors.AsType[*rt.Error](err)
			if !ok || e.Kind != rt.KindRejected || e.Code == "" {
				t.Fatalf("got %v, want a refusal with a code", err)
			}
			if target.Protocol != rt.SocketIO {
				if e.Stage != rt.StageUpgrade || e.Status != 401 {
					t.Errorf("refused at %s with status %d", e.Stage, e.Status)
				}
				return
			}
			if e.Stage != rt.StageNamespace || c == nil {
				t.Fatalf("refused at %s, connection %v", e.Stage, c)
			}
			h.expect(t, "closed by 0") // the gateway closes at once
			_ = c.Close()
		})
	}
}
