package loadgen

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestBinarySends(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, target, step string
		want               rt.Outgoing
	}{
		{
			"attachments", "protocol: socketio", `{ emit: blob, args: [{ $binary: "AAH/" }, { meta: { file: { $text: "run {{run.id}}" } } }] }`,
			rt.Outgoing{Event: "blob", Body: []byte(`{"_placeholder":true,"num":0},{"meta":{"file":{"_placeholder":true,"num":1}}}`), Attachments: [][]byte{{0, 1, 0xff}, []byte("run run1")}, AckID: rt.NoAck},
		},
		{
			"a raw frame", "protocol: websocket, framing: raw", `{ emit: frame, data: { $binary: "AAH/" } }`,
			rt.Outgoing{Event: "frame", Body: []byte{0, 1, 0xff}, Binary: true, AckID: rt.NoAck},
		},
		{
			"a frame of text", "protocol: websocket, framing: raw", `{ emit: frame, data: "a {{client.index}}" }`,
			rt.Outgoing{Event: "frame", Body: []byte("a 0"), AckID: rt.NoAck},
		},
		{
			"filler", "protocol: websocket", `{ emit: frame, data: { $bytes: 12B } }`,
			rt.Outgoing{Event: "frame", Body: filler(12), Binary: true, AckID: rt.NoAck},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got []rt.Outgoing
				s := &fakeServer{delay: time.Millisecond, send: func(_ *fakeConn, m *rt.Outgoing) error {
					c := *m
					c.Body = append([]byte(nil), m.Body...)
					got = append(got, c)
					return nil
				}}
				r := bench(t, s, "version: 1\ntargets: { api: { url: \"http://api:3000\", "+tt.target+" } }\nclients: { a: { flow: ["+tt.step+"] } }\n")
				wantBroken(t, r)
				if diff := cmp.Diff([]rt.Outgoing{tt.want}, got); diff != "" {
					t.Errorf("sent (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Markers travel in binary data as well.
func TestMarkersInBinarySends(t *testing.T) {
	t.Parallel()
	p := plan(t, head+`clients: { a: { flow: [{ emit: blob, args: [{ $text: "x{{marker}}y" }], rate: 1/s, count: 1 }] } }`+"\n")
	if !p.Groups[0].Publisher {
		t.Error("a step with a marker in an attachment does not publish")
	}
}

func TestBinaryThatIsNone(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`{ emit: x, args: [{ $binary: "not base64!" }] }`: "$binary is base64",
		`{ emit: x, args: [{ $bytes: 12 }] }`:             "$bytes is a size",
		`{ emit: x, args: [{ $bytes: 1GiB }] }`:           "$bytes is a size",
		`{ emit: x, args: [{ $text: "{{nothing}}" }] }`:   "unknown variable",
	} {
		_, diags := Parse("x.yaml", []byte(head+"clients: { a: { flow: ["+src+"] } }\n"), nil)
		if !strings.Contains(diags.Format(), want) {
			t.Errorf("%s: %s", src, diags.Format())
		}
	}
}

func TestUpgradeSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		s := &fakeServer{delay: time.Millisecond, dial: func(_ *rt.DialRequest, c *fakeConn) error {
			if n.Add(1)%4 != 0 {
				c.push(fakeInput{m: rt.Message{Kind: rt.KindUpgrade, Body: []byte("websocket"), AckID: rt.NoAck}}, time.Millisecond)
			}
			return nil
		}}
		r := bench(t, s, strings.Replace(head, "protocol: socketio", "protocol: socketio, transports: [polling, websocket]", 1)+
			"clients: { a: { count: 8, flow: [{ wait: 1s }] } }\nthresholds: { upgrade_success: rate == 100% }\n")
		wantBroken(t, r, "fail threshold upgrade_success: rate == 100%: 75% (6 of 8)")
	})
}
