package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// nodeServer starts a server of npm's socket.io. Without Node the test is skipped,
// in CI it fails.
func nodeServer(t *testing.T) *url.URL {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		rttest.Missing(t, "node is not installed")
	}
	modules := rttest.NodeFile(t, "node_modules")
	p := rttest.Start(t, []string{"NODE_PATH=" + modules}, "node", "testdata/sio-server.js")
	return mustURL("http://127.0.0.1:" + p.Line(t, 20*time.Second))
}

// TestNode is the conversation with npm's socket.io over each transport.
func TestNode(t *testing.T) {
	t.Parallel()
	u := nodeServer(t)
	for _, proto := range []string{"socketio", "polling", "upgrade"} {
		for _, compression := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/compression=%v", proto, compression), func(t *testing.T) {
				t.Parallel()
				d := New(Options{Compression: compression})
				defer d.Close()
				t.Run("talk", func(t *testing.T) { nodeTalk(t, d, proto, u) })
				t.Run("refused", func(t *testing.T) { nodeRefused(t, d, proto, u) })
				t.Run("disconnected", func(t *testing.T) { nodeDisconnected(t, d, proto, u) })
				t.Run("flood", func(t *testing.T) { nodeFlood(t, d, proto, u) })
			})
		}
	}
}

func nodeTalk(t *testing.T, d *Dialer, proto string, u *url.URL) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	rec := newRecorder()
	target := targetOf(proto, u)
	target.Namespace = "/custom"
	c, err := d.Dial(ctx, &rt.DialRequest{Target: target, Auth: []byte(`{"token":"t"}`)}, rec)
	if err != nil {
		t.Fatal(err)
	}
	info := c.Info()
	if len(info.SID) != 20 || info.Namespace != "/custom" || info.Ping != 300*time.Millisecond || info.Phases.Upgrade <= 0 || info.Phases.Namespace <= 0 || info.Local == "" {
		t.Errorf("info is %+v", info)
	}
	final := rt.TransportWebSocket
	if proto == "polling" {
		final = rt.TransportPolling
	}
	if proto == "upgrade" {
		rec.waitKind(t, 1, rt.KindUpgrade)
	}
	if got := c.Info().Transport; got != final {
		t.Errorf("transport is %s, want %s", got, final)
	}
	send := func(m rt.Outgoing) {
		t.Helper()
		if err := c.Send(ctx, &m); err != nil {
			t.Fatal(err)
		}
	}
	send(rt.Outgoing{Event: "message", Body: []byte(`1,"zwei",{"drei":[3]}`), AckID: rt.NoAck})
	send(rt.Outgoing{Event: "message-with-ack", Body: []byte(`"x"`), Attachments: [][]byte{{0, 1, 0xff}, []byte("two")}, AckID: 5})
	send(rt.Outgoing{Event: "transport", AckID: 6})
	send(rt.Outgoing{Event: "ask", AckID: rt.NoAck})
	rec.wait(t, "the question", func() bool { return rec.find("question") != nil })
	send(rt.Outgoing{AckID: rec.find("question").AckID, Body: []byte(`"because"`)})
	rec.wait(t, "the answer", func() bool { return rec.find("answered") != nil })

	binary := `{"_placeholder":true,"num":`
	want := []note{
		{rt.KindEvent, "auth", `{"token":"t"}`, rt.NoAck},
		{rt.KindEvent, "message-back", `1,"zwei",{"drei":[3]}`, rt.NoAck},
		{rt.KindAck, "", `"x",` + binary + `0},` + binary + `1}`, 5},
		{rt.KindAck, "", fmt.Sprintf("%q", final), 6},
		{rt.KindEvent, "question", `"why"`, 0},
		{rt.KindEvent, "answered", `"because"`, rt.NoAck},
	}
	got := rec.notes(rt.KindEvent, rt.KindAck)
	for i := range got {
		if got[i].Event == "question" {
			got[i].Ack = 0 // the server counts for all its sockets
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, m := range rec.msgs {
		if m.Kind == rt.KindAck && m.AckID == 5 {
			if d := cmp.Diff([][]byte{{0, 1, 0xff}, []byte("two")}, m.Attachments); d != "" {
				t.Errorf("attachments (-want +got):\n%s", d)
			}
		}
	}
	rec.waitKind(t, 2, rt.KindPing)
	start := time.Now()
	_ = c.Close()
	if took := time.Since(start); took > time.Second {
		t.Errorf("close took %v", took)
	}
	if end := rec.waitClose(t); end.By != rt.ByLocal {
		t.Errorf("closed by %v", end.By)
	}
}

func nodeRefused(t *testing.T, d *Dialer, proto string, u *url.URL) {
	for ns, code := range map[string]string{"/closed": "E42", "/nowhere": "Invalid namespace"} {
		target := targetOf(proto, u)
		target.Namespace = ns
		rec := newRecorder()
		c, err := d.Dial(context.Background(), &rt.DialRequest{Target: target}, rec)
		e, _ := errors.AsType[*rt.Error](err)
		if c == nil || e == nil || e.Kind != rt.KindRejected || e.Stage != rt.StageNamespace || e.Code != code {
			t.Fatalf("%s: got %v, want a refusal with %s", ns, err, code)
		}
		_ = c.Close()
		rec.waitClose(t)
	}
}

func nodeDisconnected(t *testing.T, d *Dialer, proto string, u *url.URL) {
	for _, how := range []string{"leave", "kick"} {
		rec := newRecorder()
		c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf(proto, u)}, rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Send(context.Background(), &rt.Outgoing{Event: how, AckID: rt.NoAck}); err != nil {
			t.Fatal(err)
		}
		end := rec.waitClose(t)
		if end.By != rt.ByPeer || end.Reason != reasonServerLeft {
			t.Errorf("%s: ended with %+v", how, end)
		}
		if got := rec.notes(rt.KindDisconnect); len(got) != 1 {
			t.Errorf("%s: %d disconnects were reported", how, len(got))
		}
		_ = c.Close()
	}
	// A gateway that looks at the token in its connection handler lets the
	// client see the connect first.
	target := targetOf(proto, u)
	target.Namespace = "/kicked"
	rec := newRecorder()
	c, err := d.Dial(context.Background(), &rt.DialRequest{Target: target}, rec)
	if err != nil {
		t.Fatal(err)
	}
	if end := rec.waitClose(t); end.By != rt.ByPeer || end.Reason != reasonServerLeft {
		t.Errorf("kicked: ended with %+v", end)
	}
	_ = c.Close()
}

// nodeFlood checks that nothing is lost or reordered, in particular when the
// transport changes in the middle.
func nodeFlood(t *testing.T, d *Dialer, proto string, u *url.URL) {
	const n = 3000
	rec := newRecorder()
	c, err := d.Dial(context.Background(), &rt.DialRequest{Target: targetOf(proto, u)}, rec)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(context.Background(), &rt.Outgoing{Event: "flood", Body: []byte(fmt.Sprint(n)), AckID: rt.NoAck}); err != nil {
		t.Fatal(err)
	}
	next := 0
	rec.wait(t, "all drops", func() bool {
		next = 0
		for _, m := range rec.msgs {
			if m.Event != "drop" {
				continue
			}
			if string(m.Body) != fmt.Sprint(next) {
				t.Fatalf("message %d is %s", next, m.Body)
			}
			next++
		}
		return next == n
	})
}
