package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// stream serves text as an event stream, in one piece or byte by byte, and then
// ends or waits.
func stream(text string, piece int, wait bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for rest := text; len(rest) > 0; {
			n := min(piece, len(rest))
			_, _ = io.WriteString(w, rest[:n])
			w.(http.Flusher).Flush()
			rest = rest[n:]
		}
		if wait {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
}

// rawAnswer writes bytes of its own instead of a response of net/http.
func rawAnswer(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, text)
		_ = c.Close()
	})
}

const sseHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"

func TestSSEReceives(t *testing.T) {
	t.Parallel()
	text := ": hello\n\nretry: 1500\n\nid: 1\ndata: one\n\nevent: news\nid: 2\ndata: a\ndata: b\n\ndata: " + strings.Repeat("long", 10_000) + "\n\ndata: torn"
	want := []note{
		{rt.KindConnect, "", "", rt.NoAck},
		{rt.KindComment, "", "hello", rt.NoAck},
		{rt.KindRetry, "", "1500", rt.NoAck},
		{rt.KindEvent, "message", "one", rt.NoAck},
		{rt.KindEvent, "news", "a\nb", rt.NoAck},
		{rt.KindEvent, "message", strings.Repeat("long", 10_000), rt.NoAck},
	}
	cases := []struct {
		name   string
		proto  string
		server http.Handler
		by     rt.CloseBy
	}{
		{"HTTP/1.1 chunked", "sse", stream(text, 1<<20, false), rt.ByPeer},
		{"HTTP/1.1 chunked, small pieces", "sse", stream(text, 701, false), rt.ByPeer},
		{"HTTP/1.1 until close", "sse", rawAnswer(sseHead + "Connection: close\r\n\r\n" + text), rt.ByPeer},
		{"HTTP/1.1 with a length", "sse", rawAnswer(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", sseHead, len(text), text)), rt.ByPeer},
		{"HTTP/1.1 shorter than its length", "sse", rawAnswer(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", sseHead, len(text)+1, text)), rt.ByNetwork},
		{"HTTP/1.1 chunks without an end", "sse", rawAnswer(fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x;ext=1\r\n%s\r\n", sseHead, len(text), text)), rt.ByNetwork},
		{"HTTP/1.1 chunks with trailers", "sse", rawAnswer(fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%X\r\n%s\r\n0\r\nA: b\r\n\r\n", sseHead, len(text), text)), rt.ByPeer},
		{"HTTP/2", "sse2", stream(text, 1<<20, false), rt.ByPeer},
		{"HTTP/2, small pieces", "sse2", stream(text, 701, false), rt.ByPeer},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := New(Options{})
			defer d.Close()
			rec := newRecorder()
			c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf(tc.proto, serve(t, tc.server))}, rec)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := c.Info().Proto, map[string]string{"sse": "HTTP/1.1", "sse2": "HTTP/2.0"}[tc.proto]; got != want {
				t.Errorf("protocol is %q, want %q", got, want)
			}
			end := rec.waitClose(t)
			if end.By != tc.by {
				t.Errorf("ended by %v (%v), want %v", end.By, end.Err, tc.by)
			}
			if d := cmp.Diff(want, rec.notes()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if got := rec.msgs[4].ID; got != "2" {
				t.Errorf("event id is %q", got)
			}
			if err := c.Send(context.Background(), &rt.Outgoing{Event: "x"}); rt.KindOf(err) != rt.KindUsage {
				t.Errorf("send on a stream: %v", err)
			}
			_ = c.Close()
		})
	}
}

func TestSSEBrokenChunks(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"zz\r\n", "-1\r\n", "3\r\nabcd\r\n", strings.Repeat("1", 300)} {
		rec := newRecorder()
		c, err := New(Options{}).Dial(context.Background(), &rt.DialRequest{Target: targetOf("sse", serve(t, rawAnswer(sseHead+"Transfer-Encoding: chunked\r\n\r\n"+body)))}, rec)
		if err != nil {
			t.Fatal(err)
		}
		if end := rec.waitClose(t); end.By != rt.ByPeer || kindOf(end.Err) != rt.KindProtocol {
			t.Errorf("%q ends with %+v, want a protocol error", body, end)
		}
		_ = c.Close()
	}
}

func TestSSERequest(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"sse", "sse2"} {
		seen := make(chan *http.Request, 1)
		u := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen <- r
			stream("", 1, true).ServeHTTP(w, r)
		}))
		u.RawQuery, u.User = "topic=a", url.UserPassword("ann", "pw")
		d := New(Options{UserAgent: "test/1"})
		rec := newRecorder()
		c, err := d.Dial(context.Background(), &rt.DialRequest{
			Target: targetOf(proto, u), Query: [][2]string{{"q", "x y"}}, LastEventID: "41",
			Header: http.Header{"Cookie": {"a=b"}},
		}, rec)
		if err != nil {
			t.Fatal(err)
		}
		r := <-seen
		got := []string{
			r.Header.Get("Accept"), r.Header.Get("Last-Event-ID"), r.Header.Get("Cookie"), r.Header.Get("User-Agent"), r.URL.RawQuery, r.Header.Get("Authorization"),
		}
		want := []string{"text/event-stream", "41", "a=b", "test/1", "topic=a&q=x+y", "Basic YW5uOnB3"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", proto, d)
		}
		_ = c.Close()
		if end := rec.waitClose(t); end.By != rt.ByLocal {
			t.Errorf("%s: closed by %v", proto, end.By)
		}
		_ = d.Close()
	}
}

// TestSSEOverTLS checks that ALPN decides, and that a host which speaks HTTP/1.1
// is served by the lean reader from the second stream on.
func TestSSEOverTLS(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{true, false} {
		srv := httptest.NewUnstartedServer(stream("data: x\n\n", 100, true))
		srv.EnableHTTP2 = h2
		srv.StartTLS()
		d := New(Options{Insecure: true})
		for i := range 2 {
			rec := newRecorder()
			c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf("sse", mustURL(srv.URL))}, rec)
			if err != nil {
				t.Fatal(err)
			}
			rec.waitKind(t, 1, rt.KindEvent)
			if want := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[h2]; c.Info().Proto != want {
				t.Errorf("protocol is %s, want %s", c.Info().Proto, want)
			}
			_, lean := c.(*sseConn).src.(*sse1)
			if want := !h2 && i > 0; lean != want {
				t.Errorf("stream %d, HTTP/2 %v: lean reader %v, want %v", i, h2, lean, want)
			}
			_ = c.Close()
		}
		_ = d.Close()
		srv.Close()
	}
}
