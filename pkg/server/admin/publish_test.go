package admin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       published
	}{
		{"room", `{"namespace":"/chat","room":"r1","event":"message","data":{"a":1}}`, published{"/chat", []string{"r1"}, nil, "message", `{"a":1}`}},
		{"rooms and except", `{"namespace":"/","rooms":["a","b"],"except":["c"],"event":"e","data":[1]}`, published{"/", []string{"a", "b"}, []string{"c"}, "e", "[1]"}},
		{"whole namespace", `{"namespace":"/chat","event":"e","data":"x"}`, published{"/chat", nil, nil, "e", `"x"`}},
		{"no data", `{"namespace":"/chat","event":"e"}`, published{"/chat", nil, nil, "e", ""}},
		{"null is data", `{"namespace":"/chat","event":"e","data":null}`, published{"/chat", nil, nil, "e", "null"}},
		{"topic", `{"topic":"ticker","event":"e","data":1}`, published{"/events", []string{"ticker"}, nil, "e", "1"}},
		{"data goes through byte for byte", `{"topic":"t","event":"e","data":"<é\u003c>"}`, published{"/events", []string{"t"}, nil, "e", `"<é\u003c>"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, srv := start(t, Options{})
			status, body := do(t, srv, "POST", "/api/publish", tt.body)
			if status != 202 || body != "{\"ok\":true}\n" {
				t.Fatalf("%d %s, want 202", status, body)
			}
			if d := cmp.Diff([]published{tt.want}, g.published); d != "" {
				t.Errorf("published (-want +got):\n%s", d)
			}
		})
	}
}

func TestPublishNonsense(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	long := strings.Repeat("x", maxNameBytes+1)
	tests := []struct {
		name, body string
		status     int
		want       string // part of the answer
	}{
		{"nothing", ``, 400, "not JSON"},
		{"random bytes", "\x00\xff\x13", 400, "not JSON"},
		{"cut short", `{"topic":"t"`, 400, "not JSON"},
		{"two values", `{"topic":"t","event":"e"}{}`, 400, "not JSON"},
		{"null", `null`, 400, "not null"},
		{"array", `[]`, 400, "must be a JSON object"},
		{"deep", strings.Repeat("[", 20000), 400, "not JSON"},
		{"deep data", `{"topic":"t","event":"e","data":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, 400, "JSON"},
		{"not UTF-8", "{\"topic\":\"t\",\"event\":\"e\",\"data\":\"\xff\"}", 400, "UTF-8"},
		{"unknown field", `{"topic":"t","event":"e","dat":1}`, 400, `unknown field \"dat\"; fields are data, event, except, key, namespace, room, rooms, topic`},
		{"field in other case", `{"Topic":"t","event":"e"}`, 400, `unknown field \"Topic\"`},
		{"no target", `{"event":"e"}`, 400, `\"namespace\" or \"topic\" is missing`},
		{"no event", `{"topic":"t"}`, 400, `\"event\" is missing`},
		{"event is empty", `{"topic":"t","event":""}`, 400, `\"event\" must be a string`},
		{"event is a number", `{"topic":"t","event":3}`, 400, `\"event\" must be a string`},
		{"event is null", `{"topic":"t","event":null}`, 400, `\"event\" must be a string`},
		{"event is reserved", `{"topic":"t","event":"disconnect"}`, 400, "reserved"},
		{"event is long", `{"topic":"t","event":"` + long + `"}`, 400, "longer than 256 bytes"},
		{"topic and namespace", `{"topic":"t","namespace":"/chat","event":"e"}`, 400, "stands alone"},
		{"topic and rooms", `{"topic":"t","rooms":["a"],"event":"e"}`, 400, "stands alone"},
		{"namespace without slash", `{"namespace":"chat","event":"e"}`, 400, `begins with \"/\"`},
		{"room and rooms", `{"namespace":"/","room":"a","rooms":["b"],"event":"e"}`, 400, "not both"},
		{"rooms is empty", `{"namespace":"/","rooms":[],"event":"e"}`, 400, "is empty"},
		{"rooms is a string", `{"namespace":"/","rooms":"a","event":"e"}`, 400, "array of strings"},
		{"a room is null", `{"namespace":"/","rooms":["a",null],"event":"e"}`, 400, "array of strings"},
		{"a room is a number", `{"namespace":"/","rooms":[1],"event":"e"}`, 400, "array of strings"},
		{"empty batch", `{"items":[]}`, 400, `\"items\" has 0 entries`},
		{"batch and more", `{"items":[{"topic":"t","event":"e"}],"event":"e"}`, 400, "stands alone"},
		{"batch of one", `{"items":{"topic":"t","event":"e"}}`, 400, "array of messages"},
		{"batch is null", `{"items":null}`, 400, "array of messages"},
		{"batch too long", `{"items":[1` + strings.Repeat(",1", maxBatch) + `]}`, 400, "want 1 to 1000"},
		{"key is a number", `{"topic":"t","event":"e","key":1}`, 400, `\"key\" must be`},
		{"too many rooms", `{"namespace":"/","rooms":["a"` + strings.Repeat(`,"a"`, maxPublishRooms) + `],"event":"e"}`, 400, "the limit is 1000"},
		{"too large", `{"topic":"t","event":"e","data":"` + strings.Repeat("x", maxPublishBytes) + `"}`, 413, "1 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, body := do(t, srv, "POST", "/api/publish", tt.body)
			if status != tt.status || !strings.Contains(body, tt.want) || !strings.HasPrefix(body, `{"ok":false,"error":{"code":`) {
				t.Errorf("%d %.300s\nwant %d with %q", status, body, tt.status, tt.want)
			}
		})
	}
	t.Cleanup(func() {
		if len(g.published) != 0 {
			t.Errorf("nonsense was published: %v", g.published)
		}
	})
	if status, _ := do(t, srv, "GET", "/api/publish", ""); status != 405 {
		t.Errorf("GET: status %d, want 405", status)
	}
}

func FuzzParsePublish(f *testing.F) {
	f.Add([]byte(`{"namespace":"/chat","room":"r1","event":"message","data":{"a":1}}`))
	f.Add([]byte(`{"topic":"t","event":"e","data":null}`))
	f.Add([]byte(`{"namespace":"/","rooms":["a","b"],"except":["c"],"event":"e"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parsePublish(body, "/events")
		if err != nil {
			return
		}
		if m.event == "" || m.namespace == "" || m.namespace[0] != '/' {
			t.Errorf("%q was taken as %+v", body, m)
		}
	})
}
