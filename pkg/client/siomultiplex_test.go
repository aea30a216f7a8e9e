package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestMultiplex joins several namespaces of npm's socket.io over one connection.
func TestMultiplex(t *testing.T) {
	t.Parallel()
	u := nodeServer(t)
	for _, proto := range []string{"socketio", "polling", "upgrade"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			d := New(Options{})
			defer d.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
			defer cancel()
			rec := newRecorder()
			c, err := d.Dial(ctx, &rt.DialRequest{Target: targetOf(proto, u), Auth: []byte(`{"token":"t"}`), Also: []string{"/custom"}}, rec)
			if err != nil {
				t.Fatal(err)
			}
			for _, ns := range []string{"", "/custom"} {
				if err := c.Send(ctx, &rt.Outgoing{Namespace: ns, Event: "message-with-ack", Body: []byte(`"x"`), AckID: int64(len(ns))}); err != nil {
					t.Fatal(err)
				}
			}
			rec.waitKind(t, 2, rt.KindAck)
			got := map[string]string{}
			for _, m := range rec.msgs {
				if m.Event == "auth" || m.Kind == rt.KindAck {
					got[m.Namespace+" "+m.Event] = string(m.Body)
				}
			}
			want := map[string]string{"/ auth": `{"token":"t"}`, "/custom auth": `{"token":"t"}`, "/ ": `"x"`, "/custom ": `"x"`}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			_ = c.Close()

			rec = newRecorder()
			c, err = d.Dial(ctx, &rt.DialRequest{Target: targetOf(proto, u), Also: []string{"/custom", "/closed"}}, rec)
			if e, _ := errors.AsType[*rt.Error](err); c == nil || e == nil || e.Kind != rt.KindRejected || e.Code != "E42" {
				t.Fatalf("got %v, want a refusal of one namespace", err)
			}
			_ = c.Close()
		})
	}
}
