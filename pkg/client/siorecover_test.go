package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestRecoveryNode is connection state recovery with npm's socket.io.
func TestRecoveryNode(t *testing.T) {
	t.Parallel()
	modules := rttest.NodeFile(t, "node_modules")
	p := rttest.Start(t, []string{"NODE_PATH=" + modules}, "node", "testdata/sio-recover.js")
	u := mustURL("http://127.0.0.1:" + p.Line(t, 20*time.Second))
	// Not by polling: between two requests a server notices a loss only when
	// its ping goes unanswered.
	for _, proto := range []string{"socketio", "upgrade"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			d := New(Options{})
			defer d.Close()
			recovers(t, d, proto, u)
		})
	}
}

// recovers loses a connection twice, and wants the session and what was said
// meanwhile back each time.
func recovers(t *testing.T, d *Dialer, proto string, u *url.URL) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	dial := func(resume *rt.Resume, auth string) (rt.Conn, *recorder) {
		t.Helper()
		rec := newRecorder()
		c, err := d.Dial(ctx, &rt.DialRequest{Target: targetOf(proto, u), Resume: resume, Auth: []byte(auth)}, rec)
		if err != nil {
			t.Fatal(err)
		}
		return c, rec
	}
	call := func(c rt.Conn, rec *recorder, id int64, event, args string) {
		t.Helper()
		if err := c.Send(ctx, &rt.Outgoing{Event: event, Body: []byte(args), AckID: id}); err != nil {
			t.Fatal(err)
		}
		rec.wait(t, "the ack of "+event, func() bool {
			for _, m := range rec.msgs {
				if m.Kind == rt.KindAck && m.AckID == id {
					return true
				}
			}
			return false
		})
	}
	heard := func(rec *recorder, n int) (texts []string) {
		t.Helper()
		rec.wait(t, fmt.Sprint(n, " messages"), func() bool {
			texts = nil
			for _, m := range rec.msgs {
				if m.Event == "said" {
					texts = append(texts, string((&rt.Message{Body: m.Body, Multi: true}).Arg(0)))
				}
			}
			return len(texts) >= n
		})
		return texts
	}
	room := `"` + proto + `"`
	other, otherRec := dial(nil, "")
	defer other.Close()
	c, rec := dial(nil, `{"token":"t"}`)
	if i := c.Info(); i.Recovered || i.Resume == nil || i.Resume.PID == "" || i.Resume.Offset != "" {
		t.Fatalf("info of the first connection is %+v, resume %+v", i, i.Resume)
	}
	call(c, rec, 1, "join", room)
	call(other, otherRec, 1, "say", room+`,"seen"`)
	if got := heard(rec, 1); !cmp.Equal(got, []string{`{"text":"seen"}`}) {
		t.Errorf("heard %q", got)
	}
	sid := c.Info().SID
	for round := range 2 {
		resume := c.Info().Resume
		if resume.Offset == "" {
			t.Fatal("no offset after a message")
		}
		c.Abort()
		rec.waitClose(t)
		for i := range 3 {
			call(other, otherRec, int64(10+3*round+i), "say", fmt.Sprintf(`%s,"missed %d.%d"`, room, round, i))
		}
		c, rec = dial(resume, `{"token":"t"}`)
		i := c.Info()
		if !i.Recovered || i.SID != sid || i.Resume.PID != resume.PID {
			t.Errorf("round %d: info is %+v, want the session %s of %s", round, i, resume.PID, sid)
		}
		want := []string{}
		for k := range 3 {
			want = append(want, fmt.Sprintf(`{"text":"missed %d.%d"}`, round, k))
		}
		if d := cmp.Diff(want, heard(rec, 3)); d != "" {
			t.Errorf("round %d (-want +got):\n%s", round, d)
		}
	}
	// A session that the server does not know begins anew.
	stranger, _ := dial(&rt.Resume{PID: "nobody", Offset: "nothing"}, "")
	if i := stranger.Info(); i.Recovered || i.Resume == nil || i.Resume.PID == "nobody" {
		t.Errorf("info of a stranger is %+v", i)
	}
	_ = stranger.Close()
	_ = c.Close()
}

func TestResumePayload(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, auth, want string
		resume           rt.Resume
	}{
		{"without auth", "", `{"pid":"p","offset":"o"}`, rt.Resume{PID: "p", Offset: "o"}},
		{"with auth", ` {"token":"t"} `, `{"pid":"p","offset":"o","token":"t"}`, rt.Resume{PID: "p", Offset: "o"}},
		{"empty auth", `{}`, `{"pid":"p"}`, rt.Resume{PID: "p"}},
		{"quotes", `{"a":1}`, `{"pid":"p\"q","a":1}`, rt.Resume{PID: `p"q`}},
	} {
		if got := string(appendResume(nil, &tc.resume, []byte(tc.auth))); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// FuzzLastArg compares with encoding/json.
func FuzzLastArg(f *testing.F) {
	for _, s := range []string{`"a"`, `1,"b"`, `{"x":"y"}`, `"a\"b"`, `"a\\"`, `"x","\\\""`, ``, `"a" `, `["a","b"]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, args string) {
		var all []json.RawMessage
		if json.Unmarshal([]byte("["+args+"]"), &all) != nil {
			lastArg([]byte(args)) // it must only not panic
			return
		}
		want := ""
		if n := len(all); n > 0 && strings.HasPrefix(string(all[n-1]), `"`) {
			want = string(all[n-1])
		}
		if got := string(lastArg([]byte(args))); got != want {
			t.Errorf("last of %q is %q, want %q", args, got, want)
		}
	})
}
