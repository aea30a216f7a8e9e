package client

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestReadRate reads slowly from servers that send as fast as they can, and
// wants the rate kept and the server to feel it.
func TestReadRate(t *testing.T) {
	t.Parallel()
	const rate = 64 << 10
	chunk := strings.Repeat("x", 1000)
	var sent atomic.Int64
	flood := func(write func() error) {
		for sent.Add(int64(len(chunk))); write() == nil; sent.Add(int64(len(chunk))) {
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", wsScript(func(c *websocket.Conn) {
		_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		flood(func() error { return c.WriteMessage(websocket.TextMessage, []byte(`{"event":"e","data":"`+chunk+`"}`)) })
	}))
	mux.Handle("/socket.io/", sioScript(func(c *websocket.Conn) {
		_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		flood(func() error { return c.WriteMessage(websocket.TextMessage, []byte(`42["e","`+chunk+`"]`)) })
	}))
	mux.HandleFunc("/events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(5 * time.Second))
		flood(func() error {
			_, err := io.WriteString(w, "data: "+chunk+"\n\n")
			return err
		})
	})
	u := serve(t, mux)
	for _, tc := range []struct {
		name, path string
		proto      rt.Protocol
	}{{"websocket", "/ws", rt.WebSocket}, {"socketio", "/socket.io/", rt.SocketIO}, {"sse", "/events", rt.SSE}} {
		// One after the other: they share what the servers have sent.
		d := New(Options{Pollers: 1})
		at := *u
		at.Path = tc.path
		sent.Store(0)
		rec := newRecorder()
		c, err := d.Dial(context.Background(), &rt.DialRequest{Target: rt.Target{Protocol: tc.proto, URL: &at}, ReadRate: rate}, rec)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		start := time.Now()
		rec.wait(t, "40 messages", func() bool { return len(rec.msgs) > 40 })
		took := time.Since(start)
		read := c.Info().BytesRead
		if most := int64(rate*(took+200*time.Millisecond).Seconds()) + smallWindow; read > most || read < 30_000 {
			t.Errorf("%s: %d bytes in %s, want at most %d", tc.name, read, took, most)
		}
		// What is not read is in the buffers of both sides, some megabytes on
		// loopback; without the pace it would be gigabytes.
		if got := sent.Load(); got > read+8<<20 {
			t.Errorf("%s: the server could send %d bytes, read were %d", tc.name, got, read)
		}
		c.Abort()
		rec.waitClose(t)
		_ = c.Close()
		_ = d.Close()
	}
}
