package server

import (
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// FuzzPeekEvent is that the look at the front of a packet, on which the throttle
// decides, sees what the parser sees.
func FuzzPeekEvent(f *testing.F) {
	for _, s := range []string{
		`2["a"]`, `20["a"]`, `2/chat,["a"]`, `2/chat,12["a"]`, `52-["a",{"_placeholder":true,"num":0}]`,
		`51-/chat,7["a"]`, `2`, `5`, `5-`, `2/`, `2/a`, `299999999999999999999["a"]`, `40`, `43[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := peekEvent(b)
		p, err := socketio.Parse(b, 10)
		if err != nil {
			return // what it saw does not matter
		}
		event := p.Type == socketio.Event || p.Type == socketio.BinaryEvent
		if ok != event && p.ID < 1<<59 { // the look gives up a little earlier
			t.Fatalf("%q: event %v, want %v", b, ok, event)
		}
		if ok && (got.id != p.ID || string(got.ns) != string(p.Namespace) || got.attachments != p.Attachments) {
			t.Fatalf("%q: got %+v, want %+v", b, got, p)
		}
	})
}
