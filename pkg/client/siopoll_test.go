package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// pollScript answers the GETs of a polling session, the first ones one by one and
// all others with rest. It takes every POST and passes it on.
type pollScript struct {
	gets  []http.HandlerFunc
	rest  http.HandlerFunc // nil: no answer
	n     atomic.Int32
	posts chan string
	seen  chan *http.Request
}

func body(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

func (p *pollScript) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.seen != nil {
		p.seen <- r
	}
	if r.Method == http.MethodPost {
		b, _ := io.ReadAll(r.Body)
		p.posts <- string(b)
		_, _ = io.WriteString(w, "ok")
		return
	}
	if i := int(p.n.Add(1)) - 1; i < len(p.gets) {
		p.gets[i](w, r)
		return
	}
	if p.rest != nil {
		p.rest(w, r)
		return
	}
	silent(w, r)
}

func TestPollingEnds(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		last   http.HandlerFunc
		by     rt.CloseBy
		kind   rt.ErrKind
		status int
		code   string
	}{
		{"session unknown", answer(400, "application/json", `{"code":1,"message":"Session ID unknown"}`).ServeHTTP, rt.ByPeer, rt.KindProtocol, 400, "Session ID unknown"},
		{"token refused later", answer(401, "application/json", `{"code":"expired"}`).ServeHTTP, rt.ByPeer, rt.KindRejected, 401, "expired"},
		{"bad packet", body("9"), rt.ByPeer, rt.KindProtocol, 0, ""},
		{"bad base64", body("b***"), rt.ByPeer, rt.KindProtocol, 0, ""},
		// net/http tries a GET again, as browsers do, when a connection that it
		// used before has gone; the loss of a new one counts.
		{"hang up", hangUp, rt.ByNetwork, rt.KindClosed, 0, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := &pollScript{
				gets:  []http.HandlerFunc{body(openPacket(time.Minute, time.Minute)), body(`40{"sid":"s"}` + "\x1e" + `42["a",1]`)},
				rest:  tc.last,
				posts: make(chan string, 10),
			}
			rec := newRecorder()
			d := New(Options{})
			c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf("polling", serve(t, s))}, rec)
			if err != nil {
				t.Fatal(err)
			}
			end := rec.waitClose(t)
			if end.By != tc.by || kindOf(end.Err) != tc.kind {
				t.Errorf("ended with %+v of kind %v, want %v", end, kindOf(end.Err), tc.kind)
			}
			if e, ok := errors.AsType[*rt.Error](end.Err); ok && (e.Status != tc.status || e.Code != tc.code) {
				t.Errorf("ended with status %d and code %q", e.Status, e.Code)
			}
			if d := cmp.Diff([]note{{rt.KindEvent, "a", "1", rt.NoAck}}, rec.notes(rt.KindEvent)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			_ = c.Close()
			_ = d.Close()
		})
	}
}

// TestPollingRequests looks at what the server gets: the session id, cookies of
// the first answer, one POST at a time, and a goodbye.
func TestPollingRequests(t *testing.T) {
	t.Parallel()
	s := &pollScript{
		gets: []http.HandlerFunc{
			func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "route", Value: "pod-1"})
				body(openPacket(time.Minute, time.Minute))(w, r)
			},
			body(`40{"sid":"s"}`),
		},
		posts: make(chan string, 10),
		seen:  make(chan *http.Request, 10),
	}
	d := New(Options{CloseTimeout: 100 * time.Millisecond})
	c, err := d.Dial(context.Background(), &rt.DialRequest{
		Target: targetOf("polling", serve(t, s)), Query: [][2]string{{"token", "t"}}, Header: http.Header{"Cookie": {"a=b"}},
	}, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(context.Background(), &rt.Outgoing{Event: "f", Body: []byte("1"), Attachments: [][]byte{{1, 2}}, AckID: 3}); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	want := []string{"40", `451-3["f",1,{"_placeholder":true,"num":0}]` + "\x1ebAQI=", "41\x1e1"}
	for _, w := range want {
		if got := <-s.posts; got != w {
			t.Errorf("server got %q, want %q", got, w)
		}
	}
	first, later := <-s.seen, <-s.seen
	if got, want := first.URL.RequestURI(), "/socket.io/?EIO=4&transport=polling&token=t"; got != want {
		t.Errorf("first request is for %s, want %s", got, want)
	}
	if got, want := later.URL.RequestURI(), "/socket.io/?EIO=4&transport=polling&sid=eioeioeioeioeioeioei&token=t"; got != want {
		t.Errorf("later request is for %s, want %s", got, want)
	}
	if got, want := later.Header.Get("Cookie"), "a=b; route=pod-1"; got != want {
		t.Errorf("cookies are %q, want %q", got, want)
	}
}
