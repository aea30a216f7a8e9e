package validate_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi/validate"
)

type item struct {
	Name  string    `json:"name" schema:"minLength=1,maxLength=8,pattern=^[a-z]+$"`
	Count int       `json:"count" schema:"minimum=1,maximum=9"`
	Kind  string    `json:"kind,omitempty" schema:"enum=hot|cold"`
	When  time.Time `json:"when,omitzero"`
	Parts []item    `json:"parts,omitempty"`
	Notes *note     `json:"notes"`
}

type note struct {
	Text string `json:"a/b"`
}

func TestCheck(t *testing.T) {
	t.Parallel()
	check, err := validate.New().Compile(server.Declaration{Event: "order", FromClient: true, Payload: server.ShapeOf(item{})})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, payload, pointer, problem string }{
		{"right", `{"name":"tea","count":2,"kind":"hot","when":"2026-01-02T03:04:05Z","parts":[{"name":"leaf","count":1}],"notes":null}`, "", ""},
		{"unknown members", `{"name":"tea","count":2,"more":1}`, "", ""},
		{"no payload", `null`, "", "got null, want object"},
		{"another type", `[1]`, "", "got array, want object"},
		{"missing", `{"name":"tea"}`, "/count", "is missing"},
		{"type of a member", `{"name":7,"count":2}`, "/name", "got number, want string"},
		{"no integer", `{"name":"tea","count":1.5}`, "/count", "got number, want integer"},
		{"too small", `{"name":"tea","count":0}`, "/count", "must be at least 1"},
		{"too large", `{"name":"tea","count":1e300}`, "/count", "must be at most 9"},
		{"a number that floats can't hold", `{"name":"tea","count":1e999999}`, "", "has a number that is beyond 64-bit floating point"},
		{"pattern", `{"name":"SECRET","count":1}`, "/name", "does not match the pattern ^[a-z]+$"},
		{"enum", `{"name":"tea","count":1,"kind":"warm"}`, "/kind", "value must be one of 'hot', 'cold'"},
		{"format", `{"name":"tea","count":1,"when":"now"}`, "/when", "is not a valid date-time"},
		{"within a list", `{"name":"tea","count":1,"parts":[{"name":"leaf","count":1},{"name":"leaf","count":"x"}]}`, "/parts/1/count", "got string, want integer"},
		{"names are escaped", `{"name":"tea","count":1,"notes":{"a/b":1}}`, "/notes/a~1b", "got number, want string"},
		{"no JSON", `{`, "", "is not valid JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := check([]byte(tt.payload))
			if tt.problem == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want := &server.PayloadError{Event: "order", Pointer: tt.pointer, Problem: tt.problem}
			if diff := cmp.Diff(error(want), err); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Error("the error repeats the client's data")
			}
		})
	}
}

func TestCompile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		payload any
		err     string
	}{
		{"no payload is declared", nil, "none"},
		{"anything", json.RawMessage(`{}`), "none"},
		{"a schema", json.RawMessage(`{"type":"object","properties":{"a":{"type":"number"}}}`), ""},
		{"no schema", json.RawMessage(`{"type":"objekt"}`), "schema: "},
		{"no JSON", json.RawMessage(`{`), "not valid JSON"},
		{"no object", json.RawMessage(`[]`), "not a JSON object"},
		{"true", json.RawMessage(` true`), "none"},
		{"another file", json.RawMessage(`{"$ref":"file:///etc/passwd"}`), "has a $ref"},
		{"a type without JSON", make(chan int), "has no JSON"},
		{"a tag without sense", struct {
			A int `schema:"minimum=x"`
		}{}, `"x" is not a number`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check, err := validate.New().Compile(server.Declaration{Payload: server.ShapeOf(tt.payload)})
			switch {
			case tt.err == "none" && (err != nil || check != nil), tt.err == "" && (err != nil || check == nil):
				t.Errorf("a check: %v, error %v", check != nil, err)
			case tt.err != "" && tt.err != "none" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

type chatMessage struct {
	Room  string        `json:"room" doc:"the room"`
	Text  string        `json:"text"`
	Tags  []string      `json:"tags,omitempty"`
	Size  float64       `json:"size,omitempty"`
	Next  *string       `json:"next"`
	Quote []chatMessage `json:"quote,omitempty"`
}

// TestShortcut is that the shortcut changes no verdict.
func TestShortcut(t *testing.T) {
	t.Parallel()
	check, err := validate.New().Compile(server.Declaration{Payload: server.ShapeOf(chatMessage{})})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{
		`{"room":"a","text":"b"}`, ` {"text":"b","room":"\u0061","other":{"room":1}} `, `{"room":"a","text":"b","tags":null}`,
		`{"room":"a","text":"b","tags":[]}`, `{"room":"a","text":"b","tags":["x","y"],"size":1.5,"next":null}`,
		`{"room":1,"text":"b","room":"the last one counts"}`, `{"room":"a","text":"b","size":1e3}`,
		`{"room":"a","text":"b","quote":[{"room":"a","text":"b","quote":[]}]}`,
	} {
		if err := check([]byte(p)); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, p := range []string{
		`null`, `[]`, `"x"`, `1`, `true`, `{}`, `{"room":"a"}`, `{"room":"a","text":null}`, `{"Room":"a","text":"b"}`,
		`{"room":"a","text":"b","tags":["x",1]}`, `{"room":"a","room":1,"text":"b"}`, `{"room":"a","room":"b"}`,
		`{"room":"a","text":"b","size":"1"}`, `{"room":"a","text":"b","quote":[{"room":"a"}]}`, `{"room":"a","text":"b","size":1e999}`,
	} {
		if check([]byte(p)) == nil {
			t.Errorf("%s is taken", p)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, bb := range []struct {
		name    string
		in      any
		payload string
	}{
		{"shortcut", chatMessage{}, `{"room":"lobby","text":"hello to everybody in here","tags":["a"]}`},
		{"full", item{}, `{"name":"tea","count":2,"kind":"hot"}`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			check, err := validate.New().Compile(server.Declaration{Payload: server.ShapeOf(bb.in)})
			if err != nil {
				b.Fatal(err)
			}
			payload := []byte(bb.payload)
			b.ReportAllocs()
			for b.Loop() {
				if err := check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
