package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// waiting is a handler that tells when it has seen n events.
type waiting struct {
	n    int
	done chan struct{}
}

func (w *waiting) OnMessage(m *rt.Message) {
	if m.Kind != rt.KindEvent {
		return
	}
	if w.n--; w.n == 0 {
		close(w.done)
	}
}

func (w *waiting) OnClose(rt.CloseInfo) {}

// BenchmarkReceive is the price of a message from the socket to the handler.
// batch is how many frames the server writes at once. The bare reader is
// gorilla's, as a program would use it that wants to be fast.
func BenchmarkReceive(b *testing.B) {
	for _, proto := range []rt.Protocol{rt.SocketIO, rt.WebSocket, ""} {
		for _, batch := range []int{1, 16, 64} {
			name := string(proto)
			if name == "" {
				name = "bare"
			}
			b.Run(fmt.Sprintf("%s/batch=%d", name, batch), func(b *testing.B) {
				u := serve(b, benchScript(proto, b.N, batch))
				b.ReportAllocs()
				if proto == "" {
					benchBare(b, "ws"+strings.TrimPrefix(u.String(), "http"))
					return
				}
				d := New(Options{})
				w := &waiting{n: b.N, done: make(chan struct{})}
				target := rt.Target{URL: u, Protocol: proto, Framing: rt.FramingNest}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				c, err := d.Dial(ctx, &rt.DialRequest{Target: target}, w)
				if err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				_ = c.Send(ctx, &rt.Outgoing{Event: "go", AckID: rt.NoAck})
				<-w.done
				b.StopTimer()
				_ = c.Close()
			})
		}
	}
}

func benchBare(b *testing.B, url string) {
	d := websocket.Dialer{ReadBufferSize: 4096}
	c, _, err := d.Dial(url, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	_ = c.WriteMessage(websocket.TextMessage, []byte("go"))
	buf := make([]byte, 4096)
	for range b.N {
		_, r, err := c.NextReader()
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Read(buf)
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	_ = c.Close()
}

// benchScript waits for a message and then sends n of 190 bytes.
func benchScript(proto rt.Protocol, n, batch int) http.Handler {
	script := func(c *websocket.Conn) {
		hear(c)
		text := `42["message",{"text":"` + strings.Repeat("x", 170) + `"}]`
		if proto == rt.WebSocket {
			text = `{"event":"message","data":"` + strings.Repeat("x", 160) + `"}`
		}
		frame := append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
		many := []byte(strings.Repeat(string(frame), batch))
		for ; n > 0; n -= batch {
			if _, err := c.NetConn().Write(many[:min(n, batch)*len(frame)]); err != nil {
				return
			}
		}
	}
	if proto == rt.SocketIO {
		return sioScript(script)
	}
	return wsScript(func(c *websocket.Conn) { script(c); drain(c) })
}
