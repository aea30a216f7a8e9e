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
		g    Grammar
		want Command
		err  string // part of it
	}{
		{"empty", "  ", GrammarArgs, Command{}, ""},
		{"event alone", "ping", GrammarArgs, Command{Verb: VerbSend, Event: "ping", Body: []byte{}}, ""},
		{"event and object", `message {"text":"a b"}`, GrammarArgs, Command{Verb: VerbSend, Event: "message", Body: []byte(`{"text":"a b"}`)}, ""},
		{"several arguments", `move 3, "left"`, GrammarArgs, Command{Verb: VerbSend, Event: "move", Body: []byte(`3, "left"`)}, ""},
		{"not JSON", "message hello", GrammarArgs, Command{}, `message "text"`},
		{"half a JSON value", `message {"text":`, GrammarArgs, Command{}, "not JSON"},
		{"closing bracket does not escape", `message 1],[2`, GrammarArgs, Command{}, "not JSON"},
		{"JSON without an event", `{"text":"hi"}`, GrammarArgs, Command{}, "event name is missing"},
		{"one value", `move {"x":1}`, GrammarValue, Command{Verb: VerbSend, Event: "move", Body: []byte(`{"x":1}`)}, ""},
		{"one value, not two", `move 3, "left"`, GrammarValue, Command{}, "not JSON"},
		{"join", "/join my room", GrammarArgs, Command{Verb: VerbSend, Event: "join", Body: []byte(`{"room":"my room"}`)}, ""},
		{"leave quotes the room", `/leave a"b`, GrammarArgs, Command{Verb: VerbSend, Event: "leave", Body: []byte(`{"room":"a\"b"}`)}, ""},
		{"join nowhere", "/join", GrammarArgs, Command{}, "wants a room"},
		{"ack on", "/ack on", GrammarArgs, Command{Verb: VerbAck, Ack: true}, ""},
		{"ack off", "/ack off", GrammarArgs, Command{Verb: VerbAck}, ""},
		{"ack what", "/ack", GrammarArgs, Command{}, "on or off"},
		{"close", "/close", GrammarArgs, Command{Verb: VerbClose}, ""},
		{"open", " /open ", GrammarArgs, Command{Verb: VerbOpen}, ""},
		{"unknown", "/quit", GrammarArgs, Command{}, `unknown command "/quit"`},
		{"raw frame", ` {"a": 1}`, GrammarRaw, Command{Verb: VerbSend, Body: []byte(` {"a": 1}`)}, ""},
		{"raw text", "hello there", GrammarRaw, Command{Verb: VerbSend, Body: []byte("hello there")}, ""},
		{"raw close", "/close", GrammarRaw, Command{Verb: VerbClose}, ""},
		{"raw slash", "//etc", GrammarRaw, Command{Verb: VerbSend, Body: []byte("/etc")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseCommand(tt.line, tt.g)
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
