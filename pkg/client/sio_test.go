package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func dialSIO(t testing.TB, d *Dialer, h http.Handler, rec *recorder) rt.Conn {
	t.Helper()
	c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf("socketio", serve(t, h))}, rec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestSocketIOReceives(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		script func(*websocket.Conn)
		want   note
		atts   []string
		ns     string
	}{
		{name: "event", script: func(c *websocket.Conn) { say(c, `42["news",1,{"a":[true]}]`) }, want: note{rt.KindEvent, "news", `1,{"a":[true]}`, rt.NoAck}},
		{name: "event without arguments", script: func(c *websocket.Conn) { say(c, `42["news"]`) }, want: note{rt.KindEvent, "news", ``, rt.NoAck}},
		{name: "event that wants an ack", script: func(c *websocket.Conn) { say(c, `4212["news",1]`) }, want: note{rt.KindEvent, "news", `1`, 12}},
		{name: "name with escapes", script: func(c *websocket.Conn) { say(c, `42["a\"b\u00e9",1]`) }, want: note{rt.KindEvent, `a"bé`, `1`, rt.NoAck}},
		{name: "ack", script: func(c *websocket.Conn) { say(c, `437["ok"]`) }, want: note{rt.KindAck, "", `"ok"`, 7}},
		{name: "empty ack", script: func(c *websocket.Conn) { say(c, `430[]`) }, want: note{rt.KindAck, "", ``, 0}},
		{name: "other namespace", script: func(c *websocket.Conn) { say(c, `42/other,["x",2]`) }, want: note{rt.KindEvent, "x", `2`, rt.NoAck}, ns: "/other"},
		{name: "connect of another namespace", script: func(c *websocket.Conn) { say(c, `40/other,{"sid":"s"}`) }, want: note{rt.KindConnect, "", `{"sid":"s"}`, rt.NoAck}, ns: "/other"},
		{
			name: "binary event",
			script: func(c *websocket.Conn) {
				say(c, `452-["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
				_ = c.WriteMessage(websocket.BinaryMessage, []byte("one"))
				say(c, "2") // a heartbeat may come between
				_ = c.WriteMessage(websocket.BinaryMessage, []byte("two"))
			},
			want: note{rt.KindEvent, "file", `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`, rt.NoAck}, atts: []string{"one", "two"},
		},
		{
			name: "binary ack",
			script: func(c *websocket.Conn) {
				say(c, `461-5[{"_placeholder":true,"num":0}]`)
				_ = c.WriteMessage(websocket.BinaryMessage, []byte{0xff})
			},
			want: note{rt.KindAck, "", `{"_placeholder":true,"num":0}`, 5}, atts: []string{"\xff"},
		},
		{name: "long event", script: func(c *websocket.Conn) { say(c, `42["long","`+strings.Repeat("x", 100_000)+`"]`) }, want: note{rt.KindEvent, "long", `"` + strings.Repeat("x", 100_000) + `"`, rt.NoAck}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder()
			dialSIO(t, New(Options{}), sioScript(tc.script), rec)
			// Open and Connect of the handshake come first, a ping may.
			rec.wait(t, "the message", func() bool {
				n := 0
				for _, m := range rec.msgs {
					if m.Kind != rt.KindPing {
						n++
					}
				}
				return n == 3
			})
			var got rt.Message
			for _, m := range rec.msgs {
				if m.Kind != rt.KindPing {
					got = m
				}
			}
			if d := cmp.Diff(tc.want, note{got.Kind, got.Event, string(got.Body), got.AckID}); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			var atts []string
			for _, a := range got.Attachments {
				atts = append(atts, string(a))
			}
			if d := cmp.Diff(tc.atts, atts); d != "" {
				t.Errorf("attachments (-want +got):\n%s", d)
			}
			if want := map[bool]string{true: "/", false: tc.ns}[tc.ns == ""]; got.Namespace != want {
				t.Errorf("namespace is %q, want %q", got.Namespace, want)
			}
			if got.At.IsZero() || got.Dir != rt.In || got.Transport != rt.TransportWebSocket || got.Size == 0 {
				t.Errorf("message has no time, direction, transport or size: %+v", got)
			}
		})
	}
}

func TestSocketIOSends(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		m    rt.Outgoing
		want []string
	}{
		{"event", rt.Outgoing{Event: "e", Body: []byte(`1,"x"`), AckID: rt.NoAck}, []string{`42["e",1,"x"]`}},
		{"no arguments", rt.Outgoing{Event: "e", AckID: rt.NoAck}, []string{`42["e"]`}},
		{"with ack", rt.Outgoing{Event: "e", Body: []byte(`1`), AckID: 3}, []string{`423["e",1]`}},
		{"namespace", rt.Outgoing{Namespace: "/n", Event: "e", AckID: rt.NoAck}, []string{`42/n,["e"]`}},
		{"answer", rt.Outgoing{AckID: 4, Body: []byte(`true`)}, []string{`434[true]`}},
		{
			"attachments",
			rt.Outgoing{Event: "e", Body: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{[]byte("raw")}, AckID: rt.NoAck},
			[]string{`451-["e",{"_placeholder":true,"num":0}]`, "raw"},
		},
		{
			"attachments become arguments",
			rt.Outgoing{Event: "e", Body: []byte(`1`), Attachments: [][]byte{[]byte("a"), []byte("b")}, AckID: rt.NoAck},
			[]string{`452-["e",1,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "a", "b"},
		},
		{"long", rt.Outgoing{Event: "e", Body: []byte(`"` + strings.Repeat("y", 200_000) + `"`), AckID: rt.NoAck}, []string{`42["e","` + strings.Repeat("y", 200_000) + `"]`}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan string, 10)
			c := dialSIO(t, New(Options{}), sioScript(func(c *websocket.Conn) {
				for range tc.want {
					heard <- hear(c)
				}
			}), newRecorder())
			if err := c.Send(context.Background(), &tc.m); err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if got := <-heard; got != want {
					t.Errorf("server heard %.200q, want %.200q", got, want)
				}
			}
		})
	}
}

// TestSocketIOEnds is about who ended a connection, and that the handler hears
// of it once.
func TestSocketIOEnds(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		script func(*websocket.Conn)
		want   rt.CloseInfo // without At and Err
		kind   rt.ErrKind   // of Err, if errs
		errs   bool
	}{
		{name: "DISCONNECT", script: func(c *websocket.Conn) { say(c, "41") }, want: rt.CloseInfo{By: rt.ByPeer, Reason: reasonServerLeft}},
		{name: "DISCONNECT and close frame", script: func(c *websocket.Conn) {
			say(c, "41")
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1005, ""), time.Now().Add(time.Second))
		}, want: rt.CloseInfo{By: rt.ByPeer, Reason: reasonServerLeft}},
		{name: "engine.io CLOSE", script: func(c *websocket.Conn) { say(c, "1") }, want: rt.CloseInfo{By: rt.ByPeer, Reason: reasonTransportClose}},
		{name: "close frame", script: func(c *websocket.Conn) {
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4002, "too many"), time.Now().Add(time.Second))
		}, want: rt.CloseInfo{By: rt.ByPeer, Code: 4002, Reason: "too many"}},
		{name: "end without a word", script: func(c *websocket.Conn) { _ = c.Close() }, want: rt.CloseInfo{By: rt.ByNetwork}, errs: true, kind: rt.KindClosed},
		{name: "bad JSON", script: func(c *websocket.Conn) { say(c, `42["x",`) }, want: rt.CloseInfo{By: rt.ByPeer}, errs: true, kind: rt.KindProtocol},
		{name: "reserved event", script: func(c *websocket.Conn) { say(c, `42["disconnect"]`) }, want: rt.CloseInfo{By: rt.ByPeer}, errs: true, kind: rt.KindProtocol},
		{name: "second open packet", script: func(c *websocket.Conn) { say(c, openPacket(time.Minute, time.Minute)) }, want: rt.CloseInfo{By: rt.ByPeer}, errs: true, kind: rt.KindProtocol},
		{name: "binary out of the blue", script: func(c *websocket.Conn) { _ = c.WriteMessage(websocket.BinaryMessage, []byte("x")) }, want: rt.CloseInfo{By: rt.ByPeer}, errs: true, kind: rt.KindProtocol},
		{name: "text instead of an attachment", script: func(c *websocket.Conn) {
			say(c, `451-["f",{"_placeholder":true,"num":0}]`)
			say(c, `42["x"]`)
		}, want: rt.CloseInfo{By: rt.ByPeer}, errs: true, kind: rt.KindProtocol},
		{name: "too many attachments", script: func(c *websocket.Conn) { say(c, `4511-["f"]`) }, want: rt.CloseInfo{By: rt.ByPeer}, errs: true, kind: rt.KindProtocol},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder()
			c := dialSIO(t, New(Options{}), sioScript(tc.script), rec)
			got := rec.waitClose(t)
			if (got.Err != nil) != tc.errs || tc.errs && kindOf(got.Err) != tc.kind {
				t.Errorf("close has error %v, want one: %v, of kind %v", got.Err, tc.errs, tc.kind)
			}
			got.At, got.Err = time.Time{}, nil
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if err := c.Send(context.Background(), &rt.Outgoing{Event: "x", AckID: rt.NoAck}); rt.KindOf(err) != rt.KindClosed {
				t.Errorf("send after the end: %v", err)
			}
			_ = c.Close()
			c.Abort()
			if len(rec.closes()) != 1 {
				t.Errorf("OnClose was called %d times", len(rec.closes()))
			}
		})
	}
}

func TestConnectErrorLeavesTheConnectionOpen(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"socketio"} {
		rec := newRecorder()
		u := serve(t, wsScript(func(c *websocket.Conn) {
			say(c, openPacket(time.Minute, time.Minute))
			hear(c)
			say(c, `44{"message":"no","data":{"code":"E_AUTH"}}`)
			say(c, `42["leak",1]`)
			time.Sleep(50 * time.Millisecond)
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
			drain(c)
		}))
		c, err := New(Options{}).Dial(context.Background(), &rt.DialRequest{Target: targetOf(proto, u)}, rec)
		e, _ := errors.AsType[*rt.Error](err)
		if c == nil || e == nil || e.Kind != rt.KindRejected || e.Stage != rt.StageNamespace || e.Code != "E_AUTH" {
			t.Fatalf("got %v, %v; want an open connection and the refusal", c, err)
		}
		if got := rec.waitClose(t); got.By != rt.ByPeer || got.Code != 1000 {
			t.Errorf("close is %+v", got)
		}
		want := []note{{rt.KindConnectError, "", `{"message":"no","data":{"code":"E_AUTH"}}`, rt.NoAck}, {rt.KindEvent, "leak", "1", rt.NoAck}}
		if d := cmp.Diff(want, rec.notes(rt.KindConnectError, rt.KindEvent)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		_ = c.Close()
	}
}

// TestCloseIsPolite checks what the server sees of Close: the DISCONNECT packet
// and a close frame; and of Abort: neither.
func TestCloseIsPolite(t *testing.T) {
	t.Parallel()
	for _, abort := range []bool{false, true} {
		heard := make(chan string, 2)
		rec := newRecorder()
		c := dialSIO(t, New(Options{}), sioScript(func(c *websocket.Conn) {
			heard <- hear(c)
			heard <- hear(c)
		}), rec)
		want := []string{"41", "error: websocket: close 1000 (normal)"}
		if abort {
			c.Abort()
			want = []string{"connection reset by peer", "connection reset by peer"}
		} else {
			_ = c.Close()
		}
		for i, w := range want {
			if got := <-heard; !strings.HasSuffix(got, w) {
				t.Errorf("abort %v: server heard %q at place %d, want %q", abort, got, i, w)
			}
		}
		if got := rec.waitClose(t); got.By != rt.ByLocal {
			t.Errorf("abort %v: closed by %v, want the client", abort, got.By)
		}
	}
}

// TestPingTimeout runs in fake time: the server is due within pingInterval and
// pingTimeout, and each of its pings moves that away.
func TestPingTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ln := rttest.NewListener()
		pongs := make(chan string, 10)
		srv := &http.Server{Handler: sioScriptWith(25*time.Second, 20*time.Second, func(c *websocket.Conn) {
			for range 3 {
				time.Sleep(25 * time.Second)
				say(c, "2")
				pongs <- hear(c)
			}
		})}
		go func() { _ = srv.Serve(ln) }()
		defer srv.Close()
		rec := newRecorder()
		d := New(Options{DialContext: ln.DialContext})
		start := time.Now()
		c, err := d.Dial(t.Context(), &rt.DialRequest{Target: targetOf("socketio", mustURL("http://gateway"))}, rec)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Info().Ping; got != 25*time.Second {
			t.Errorf("announced heartbeat is %v", got)
		}
		synctest.Wait()
		for range 3 {
			if got := <-pongs; got != "3" {
				t.Errorf("answer to a ping is %q", got)
			}
		}
		time.Sleep(44 * time.Second)
		synctest.Wait()
		if len(rec.closes()) != 0 {
			t.Fatalf("closed after %v, too early: %+v", time.Since(start), rec.closes())
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if len(rec.closes()) != 1 || rec.closes()[0].By != rt.ByNetwork || !errors.Is(rec.closes()[0].Err, errPingTimeout) {
			t.Fatalf("closes after %v: %+v", time.Since(start), rec.closes())
		}
		if want, got := 3*25*time.Second+45*time.Second, rec.closes()[0].At.Sub(start); got < want || got > want+50*time.Millisecond {
			t.Errorf("ended after %v, want %v", got, want)
		}
		if got := len(rec.notes(rt.KindPing)); got != 3 {
			t.Errorf("reported %d pings", got)
		}
		_ = c.Close()
	})
}

// TestHeartbeatWatchEnds checks that the shared watch lives no longer than the
// connections; goleak would find it otherwise, but not say why.
func TestHeartbeatWatchEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w heartbeats
		late := 0
		beats := make([]*beat, 100)
		for i := range beats {
			beats[i] = &beat{limit: time.Duration(100-i) * time.Second, expire: func() { late++ }}
			beats[i].touch(time.Now())
			w.add(beats[i])
		}
		time.Sleep(10*time.Second + 20*time.Millisecond)
		synctest.Wait()
		if late != 10 {
			t.Errorf("%d of 10 heartbeats were found late", late)
		}
		for _, b := range beats {
			w.remove(b)
		}
		synctest.Wait() // the bubble may end only when the watch has
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.running {
			t.Error("the watch runs on without connections")
		}
	})
}

func TestSlowPeerBlocksNobodyForLong(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	release := make(chan struct{})
	d := New(Options{WriteTimeout: 150 * time.Millisecond})
	c := dialSIO(t, d, sioScript(func(*websocket.Conn) { <-release }), rec)
	defer close(release)
	body := []byte(`"` + strings.Repeat("z", 1<<20) + `"`)
	start := time.Now()
	var err error
	for err == nil && time.Since(start) < 10*time.Second {
		err = c.Send(context.Background(), &rt.Outgoing{Event: "big", Body: body, AckID: rt.NoAck})
	}
	if rt.KindOf(err) != rt.KindTimeout {
		t.Fatalf("send to a peer that does not read: %v", err)
	}
	if got := rec.waitClose(t); got.By != rt.ByNetwork || got.Err == nil {
		t.Errorf("close is %+v", got)
	}
}

// FuzzServer plays a server that says whatever it likes after the handshake.
func FuzzServer(f *testing.F) {
	for _, s := range []string{`42["a",1]`, `451-["a",{"_placeholder":true,"num":0}]`, "2", "1", "41", `40{"sid":"x"}`, `44{"message":1}`, "\xff"} {
		f.Add([]byte(s), []byte("more"), true)
		f.Add(wsFrame(0x81, s), []byte{}, false)
	}
	f.Fuzz(func(t *testing.T, first, second []byte, framed bool) {
		ln := rttest.NewListener()
		srv := &http.Server{Handler: wsScript(func(c *websocket.Conn) {
			say(c, openPacket(time.Minute, time.Minute))
			hear(c)
			say(c, `40{"sid":"s"}`)
			if framed {
				_ = c.WriteMessage(websocket.TextMessage, first)
				_ = c.WriteMessage(websocket.BinaryMessage, second)
				return
			}
			_, _ = c.NetConn().Write(append(first, second...))
		})}
		go func() { _ = srv.Serve(ln) }()
		rec := newRecorder()
		d := New(Options{DialContext: ln.DialContext, CloseTimeout: 50 * time.Millisecond})
		c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf("socketio", mustURL("http://gateway"))}, rec)
		if err == nil {
			_ = c.Close()
			if len(rec.closes()) != 1 {
				t.Errorf("OnClose was called %d times", len(rec.closes()))
			}
		}
		_ = srv.Close()
	})
}
