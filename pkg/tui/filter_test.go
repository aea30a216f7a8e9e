package tui

import (
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	message := &Event{Kind: rt.KindEvent, Namespace: "/chat", Name: "message", Size: 1200, Body: []byte(`{"room": "r7","n":42,"from":{"user":"Ana"},"text":"Ship it now"}`)}
	typing := &Event{Kind: rt.KindEvent, Namespace: "/chat", Name: "user.typing", Dir: rt.Out, Size: 20, Body: []byte(`{"room":"r8"}`)}
	ack := &Event{Kind: rt.KindAck, Namespace: "/", Size: 9, Body: []byte(`{"ok":true}`)}
	lost := &Event{Dir: rt.Local, Kind: rt.KindEvent, Name: "close 1006", Note: "transport lost", Fault: true}
	all := map[string]*Event{"message": message, "typing": typing, "ack": ack, "lost": lost}
	tests := []struct {
		filter string
		want   string // names in the order message, typing, ack, lost
	}{
		{"", "message typing ack lost"},
		{"ev:message", "message"},
		{"ev:user.*", "typing"},
		{"ev:*typ*", "typing"},
		{"ev:message,ack", "message ack"},
		{"-ev:message", "typing ack lost"},
		{"dir:in", "message ack"},
		{"dir:out", "typing"},
		{"dir:local", "lost"},
		{"kind:ack", "ack"},
		{"ns:/chat", "message typing"},
		{"ns:/chat -dir:out", "message"},
		{"room:r7", "message"},
		{"room:r*", "message typing"},
		{"n:42", "message"},
		{"ok:true", "ack"},
		{"user:Ana", "message"},
		{"user:ana", ""},
		{"size>1k", "message"},
		{"size<=20", "typing ack lost"},
		{"size>=1200", "message"},
		{"size<10", "ack lost"},
		{"ship", "message"},
		{"Ship", "message"},
		{"SHIP", ""},
		{`"ship it"`, "message"},
		{`"it ship"`, ""},
		{"ship room:r8", ""},
		{"/sh[io]p/", ""},
		{"/Sh[io]p it/", "message"},
		{"-/Sh[io]p it/ dir:in", "ack"},
		{"err:", "lost"},
		{"transport", "lost"},
		{"close", "lost"},
		{"http://x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			t.Parallel()
			f, err := ParseFilter(tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, name := range []string{"message", "typing", "ack", "lost"} {
				if f.Match(all[name]) {
					got = append(got, name)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%q selects %q, want %q", tt.filter, s, tt.want)
			}
		})
	}
}

func TestFilterErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ filter, want string }{
		{"/open", "closing / is missing"},
		{`"open`, `closing " is missing`},
		{"/(/", "filter /(/"},
		{"dir:up", "dir:in, dir:out or dir:local"},
		{"size>much", "size>1k"},
		{"size>", "size>1k"},
		{"size>-1", "size>1k"},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			t.Parallel()
			if _, err := ParseFilter(tt.filter); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`ev:a* -room:"x" /re/ size>1k`, []byte(`{"room":"x\"y","n":1}`))
	f.Add(`-/x`, []byte(`"room":`))
	f.Add(`a:`, []byte(`{"a":"`))
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		filter, err := ParseFilter(text)
		if err != nil {
			return
		}
		filter.Match(&Event{Name: "x", Body: body})
	})
}
