package client

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestWebSocketReceives(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, frame string
		raw         bool
		want        note
	}{
		{"nest", `{"event":"pong","data":{"x":1}}`, false, note{rt.KindEvent, "pong", `{"x":1}`, rt.NoAck}},
		{"nest without data", `{"event":"pong"}`, false, note{rt.KindEvent, "pong", "", rt.NoAck}},
		{"nest, data first", `{"data":[1], "event":"pong"}`, false, note{rt.KindEvent, "pong", "[1]", rt.NoAck}},
		{"nest ack", `{"event":"ack","id":7,"data":true}`, false, note{rt.KindAck, "ack", "true", 7}},
		{"event that is called ack", `{"event":"ack","data":true}`, false, note{rt.KindEvent, "ack", "true", rt.NoAck}},
		{"bare value", `"hello"`, false, note{rt.KindEvent, "", `"hello"`, rt.NoAck}},
		{"no JSON", `hello`, false, note{rt.KindEvent, "", "hello", rt.NoAck}},
		{"raw", `{"event":"pong"}`, true, note{rt.KindEvent, "", `{"event":"pong"}`, rt.NoAck}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder()
			target := targetOf("websocket", serve(t, wsScript(func(c *websocket.Conn) { say(c, tc.frame); drain(c) })))
			if tc.raw {
				target.Framing = rt.FramingRaw
			}
			c, err := New(Options{}).Dial(context.Background(), &rt.DialRequest{Target: target}, rec)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			want := []note{{rt.KindConnect, "", "", rt.NoAck}, tc.want}
			rec.wait(t, "two messages", func() bool { return len(rec.msgs) == 2 })
			if d := cmp.Diff(want, rec.notes()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestWebSocketSends(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		raw  bool
		m    rt.Outgoing
		want string
		kind rt.ErrKind
	}{
		{name: "nest", m: rt.Outgoing{Event: "m", Body: []byte(`{"a":1}`), AckID: rt.NoAck}, want: `{"event":"m","data":{"a":1}}`},
		{name: "nest without data", m: rt.Outgoing{Event: "m", AckID: rt.NoAck}, want: `{"event":"m"}`},
		{name: "nest with ack", m: rt.Outgoing{Event: "m", Body: []byte(`1`), AckID: 9}, want: `{"event":"m","data":1,"id":9}`},
		{name: "raw", raw: true, m: rt.Outgoing{Body: []byte("any thing"), AckID: rt.NoAck}, want: "any thing"},
		{name: "raw with ack", raw: true, m: rt.Outgoing{Body: []byte("x"), AckID: 1}, kind: rt.KindUsage},
		{name: "attachments", m: rt.Outgoing{Event: "m", Attachments: [][]byte{{1}}, AckID: rt.NoAck}, kind: rt.KindUsage},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan string, 1)
			target := targetOf("websocket", serve(t, wsScript(func(c *websocket.Conn) { heard <- hear(c); drain(c) })))
			if tc.raw {
				target.Framing = rt.FramingRaw
			}
			c, err := New(Options{}).Dial(context.Background(), &rt.DialRequest{Target: target}, newRecorder())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			err = c.Send(context.Background(), &tc.m)
			if tc.want == "" {
				if rt.KindOf(err) != tc.kind {
					t.Errorf("got %v, want kind %v", err, tc.kind)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := <-heard; got != tc.want {
				t.Errorf("server heard %q, want %q", got, tc.want)
			}
		})
	}
}

func TestWebSocketControlFrames(t *testing.T) {
	t.Parallel()
	pong := make(chan string, 1)
	rec := newRecorder()
	u := serve(t, wsScript(func(c *websocket.Conn) {
		c.SetPongHandler(func(s string) error { pong <- s; return nil })
		_ = c.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second))
		drain(c)
	}))
	c, err := New(Options{}).Dial(context.Background(), &rt.DialRequest{Target: targetOf("websocket", u)}, rec)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := <-pong; got != "are you there" {
		t.Errorf("pong carries %q", got)
	}
	rec.waitKind(t, 1, rt.KindPing)
}

// TestCompression is with a server that accepts the offer; without Options it is
// not made.
func TestCompression(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		negotiated := make(chan bool, 1)
		u := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			negotiated <- r.Header.Get("Sec-Websocket-Extensions") != ""
			wsScript(func(c *websocket.Conn) {
				say(c, `{"event":"back","data":`+strings.TrimPrefix(strings.TrimSuffix(hear(c), "}"), `{"event":"m","data":`)+`}`)
				drain(c)
			}).ServeHTTP(w, r)
		}))
		rec := newRecorder()
		c, err := New(Options{Compression: on}).Dial(context.Background(), &rt.DialRequest{Target: targetOf("websocket", u)}, rec)
		if err != nil {
			t.Fatal(err)
		}
		if got := <-negotiated; got != on {
			t.Errorf("compression was offered: %v, want %v", got, on)
		}
		text := `"` + strings.Repeat("again and ", 3000) + `"`
		if err := c.Send(context.Background(), &rt.Outgoing{Event: "m", Body: []byte(text), AckID: rt.NoAck}); err != nil {
			t.Fatal(err)
		}
		got := rec.waitKind(t, 1, rt.KindEvent)
		if got[0].Body != text {
			t.Errorf("compression %v: body came back as %.50q…", on, got[0].Body)
		}
		_ = c.Close()
	}
}

// TestManySenders is for the race detector, and for frames that must not mix.
func TestManySenders(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 200
	counts := make(chan int, 1)
	u := serve(t, wsScript(func(c *websocket.Conn) {
		n := 0
		for hear(c) == `{"event":"m","data":"`+strings.Repeat("s", 300)+`"}` {
			if n++; n == senders*each {
				break
			}
		}
		counts <- n
		drain(c)
	}))
	c, err := New(Options{}).Dial(context.Background(), &rt.DialRequest{Target: targetOf("websocket", u)}, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for range each {
				if err := c.Send(context.Background(), &rt.Outgoing{Event: "m", Body: []byte(`"` + strings.Repeat("s", 300) + `"`), AckID: rt.NoAck}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := <-counts; got != senders*each {
		t.Errorf("server understood %d of %d messages", got, senders*each)
	}
	_ = c.Close()
}
