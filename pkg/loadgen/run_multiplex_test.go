package loadgen

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestSeveralNamespacesOverOneConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var also, sent []string
		s := &fakeServer{delay: time.Millisecond}
		s.dial = func(r *rt.DialRequest, c *fakeConn) error {
			also = append(also, r.Target.Namespace+" "+strings.Join(r.Also, " "))
			for i, ns := range []string{"/chat", "/feed", "/feed"} {
				c.push(fakeInput{m: rt.Message{Kind: rt.KindEvent, Event: "tick", Namespace: ns, Body: []byte(`1`), Multi: true, AckID: rt.NoAck}}, time.Duration(i+1)*time.Second)
			}
			return nil
		}
		s.send = func(_ *fakeConn, m *rt.Outgoing) error {
			sent = append(sent, m.Event+" "+m.Namespace)
			return nil
		}
		start := time.Now()
		r := bench(t, s, strings.Replace(head, "protocol: socketio", "protocol: socketio, namespace: /chat", 1)+
			"clients: { a: { multiplex: [/feed], flow: [{ emit: a, ack: {} }, { emit: b, namespace: /feed, ack: {} }, { on: tick, namespace: /feed, count: 2 }] } }\n")
		wantBroken(t, r)
		if diff := cmp.Diff([]string{"/chat /feed"}, also); diff != "" {
			t.Errorf("joined (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"a ", "b /feed"}, sent); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if took := time.Since(start); took < 3*time.Second {
			t.Errorf("took %s: an event of another namespace was counted", took)
		}
	})
	for src, want := range map[string]string{
		"multiplex: [/feed, /feed], flow: [{ emit: a }]":                "is joined anyway",
		"multiplex: [/chat], flow: [{ emit: a }]":                       "is joined anyway",
		"multiplex: [feed], flow: [{ emit: a }]":                        "must begin with /",
		"flow: [{ emit: a, namespace: /feed }]":                         `does not join namespace "/feed"`,
		"multiplex: [/feed], flow: [{ on: a, namespace: /x, for: 1s }]": `does not join namespace "/x"`,
	} {
		_, diags := Parse("x.yaml", []byte(strings.Replace(head, "protocol: socketio", "protocol: socketio, namespace: /chat", 1)+"clients: { a: { "+src+" } }\n"), nil)
		if !strings.Contains(diags.Format(), want) {
			t.Errorf("%s: %s", src, diags.Format())
		}
	}
}
