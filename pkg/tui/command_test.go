package tui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		line string
		raw  bool
		want Command
		err  string // part of it
	}{
		{"empty", "  ", false, Command{}, ""},
		{"event alone", "ping", false, Command{Verb: VerbSend, Event: "ping", Body: []byte{}}, ""},
		{"event and object", `message {"text":"a b"}`, false, Command{Verb: VerbSend, Event: "message", Body: []byte(`{"text":"a b"}`)}, ""},
		{"several arguments", `move 3, "left"`, false, Command{Verb: VerbSend, Event: "move", Body: []byte(`3, "left"`)}, ""},
		{"not JSON", "message hello", false, Command{}, `message "text"`},
		{"half a JSON value", `message {"text":`, false, Command{}, "not JSON"},
		{"closing bracket does not escape", `message 1],[2`, false, Command{}, "not JSON"},
		{"JSON without an event", `{"text":"hi"}`, false, Command{}, "event name is missing"},
		{"join", "/join my room", false, Command{Verb: VerbSend, Event: "join", Body: []byte(`{"room":"my room"}`)}, ""},
		{"leave quotes the room", `/leave a"b`, false, Command{Verb: VerbSend, Event: "leave", Body: []byte(`{"room":"a\"b"}`)}, ""},
		{"join nowhere", "/join", false, Command{}, "wants a room"},
		{"ack on", "/ack on", false, Command{Verb: VerbAck, Ack: true}, ""},
		{"ack off", "/ack off", false, Command{Verb: VerbAck}, ""},
		{"ack what", "/ack", false, Command{}, "on or off"},
		{"close", "/close", false, Command{Verb: VerbClose}, ""},
		{"open", " /open ", false, Command{Verb: VerbOpen}, ""},
		{"unknown", "/quit", false, Command{}, `unknown command "/quit"`},
		{"raw frame", ` {"a": 1}`, true, Command{Verb: VerbSend, Body: []byte(` {"a": 1}`)}, ""},
		{"raw text", "hello there", true, Command{Verb: VerbSend, Body: []byte("hello there")}, ""},
		{"raw close", "/close", true, Command{Verb: VerbClose}, ""},
		{"raw slash", "//etc", true, Command{Verb: VerbSend, Body: []byte("/etc")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseCommand(tt.line, tt.raw)
			switch {
			case tt.err == "" && err != nil:
				t.Fatalf("error %v", err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
