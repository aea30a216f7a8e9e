package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// FuzzPayload is that no sequence of packets makes a session panic, leaves it in
// the books after its end, or reaches a handler before CONNECT.
func FuzzPayload(f *testing.F) {
	for _, s := range []string{
		"40", "40\x1e420[\"echo\",1]", "40\x1e451-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID", "41", "40\x1e41\x1e40",
		"3", "1", "40{\"a\":1}", "40\x1e431[]", "42[\"echo\"]", "40/x,", "40\x1e42/x,[\"echo\"]", "40\x1e5511-[]", "6\x1e5",
	} {
		f.Add([]byte(s))
	}
	s, err := New(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	s.Of("/").On("echo", func(_ context.Context, c *Conn, e *Event) (Reply, error) {
		if c.state.Load() != connOpen {
			panic("handler runs before CONNECT")
		}
		return Reply{Args: e.Args, Attachments: e.Attachments}, nil
	})
	if err := s.Start(context.Background()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=polling", nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		l := s.newSession(kindPolling, r, nil)
		l.engine.poll = &poll{}
		l.pulls, l.wake = true, make(chan struct{}, 1)
		if !s.remember(l) {
			t.Fatal("the server takes no links")
		}
		_ = l.payload(body)
		l.abort(reasonTransportClose)
		for end := time.Now().Add(5 * time.Second); s.session(l.engine.sid) != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the session is still in the books")
			}
		}
	})
}
