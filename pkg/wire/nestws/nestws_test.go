package nestws_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text      string
		event, data, id string
		err             error
	}{
		{name: "event and data", text: `{"event":"ping","data":{"x":1}}`, event: "ping", data: `{"x":1}`},
		{name: "no data", text: `{"event":"ping"}`, event: "ping"},
		{name: "data null", text: `{"event":"ping","data":null}`, event: "ping", data: "null"},
		{name: "id", text: `{"id":7,"event":"ping","data":"é"}`, event: "ping", data: `"é"`, id: "7"},
		{name: "text id", text: `{"event":"ping","id":"a-1"}`, event: "ping", id: `"a-1"`},
		{name: "other keys", text: `{"v":1,"event":"ping","data":0,"x":[{}]}`, event: "ping", data: "0"},
		{name: "repeated key", text: `{"event":"a","event":"b"}`, event: "b"},
		{name: "escaped key and name", text: `{"\u0065vent":"a\nb"}`, event: "a\nb"},
		{name: "spaces", text: " { \"event\" : \"a\" ,\n\"data\" : [ 1 ] } ", event: "a", data: "[ 1 ]"},
		{name: "other case is another key", text: `{"Event":"a"}`, err: nestws.ErrNoEvent},
		{name: "empty name", text: `{"event":""}`, event: ""},
		{name: "empty", text: ``, err: nestws.ErrJSON},
		{name: "bad JSON", text: `{"event":`, err: nestws.ErrJSON},
		{name: "invalid UTF-8", text: "{\"event\":\"\xff\"}", err: nestws.ErrJSON},
		{name: "null", text: `null`, err: nestws.ErrNotObject},
		{name: "array", text: `["ping"]`, err: nestws.ErrNotObject},
		{name: "string", text: `"ping"`, err: nestws.ErrNotObject},
		{name: "no event", text: `{"data":1}`, err: nestws.ErrNoEvent},
		{name: "event a number", text: `{"event":1}`, err: nestws.ErrNoEvent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := nestws.Parse([]byte(tt.text))
			if !errors.Is(err, tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			got := [3]string{f.Event, string(f.Data), string(f.ID)}
			if diff := cmp.Diff([3]string{tt.event, tt.data, tt.id}, got); diff != "" {
				t.Errorf("event, data, id (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAppend holds the encoders to the frames of NestJS 11.2 and 12.1.
func TestAppend(t *testing.T) {
	t.Parallel()
	cause := []byte(`{"x":1}`)
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"event", nestws.Append(nil, "pong", cause), `{"event":"pong","data":{"x":1}}`},
		{"no data", nestws.Append(nil, "pong", nil), `{"event":"pong"}`},
		{"ack", nestws.AppendAck(nil, []byte("7"), []byte(`{"ok":true}`)), `{"event":"ack","id":7,"data":{"ok":true}}`},
		{"ack without data", nestws.AppendAck(nil, []byte(`"a"`), nil), `{"event":"ack","id":"a"}`},
		{
			"exception",
			nestws.AppendException(nil, nestws.V12, "nope", "throwStr", cause),
			`{"event":"exception","data":{"status":"error","message":"nope","cause":{"pattern":"throwStr","data":{"x":1}}}}`,
		},
		{
			"unknown error",
			nestws.AppendException(nil, nestws.V12, nestws.InternalError, "boom", nil),
			`{"event":"exception","data":{"status":"error","message":"Internal server error","cause":{"pattern":"boom"}}}`,
		},
		{
			"exception object",
			nestws.AppendExceptionObject(nil, nestws.V12, []byte(`{"code":7,"message":"obj"}`)),
			`{"event":"exception","data":{"code":7,"message":"obj"}}`,
		},
		{"version 11 is silent", nestws.AppendException(nil, nestws.V11, "nope", "throwStr", cause), ""},
		{"version 11 is silent about objects", nestws.AppendExceptionObject(nil, nestws.V11, cause), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, string(tt.got)); diff != "" {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	for _, p := range []nestws.Profile{nestws.V12, nestws.V11} {
		if got, err := nestws.ParseProfile(p.String()); err != nil || got != p {
			t.Errorf("ParseProfile(%q) = %v, %v", p.String(), got, err)
		}
	}
	if _, err := nestws.ParseProfile("nest-ws@13"); err == nil {
		t.Error("ParseProfile took nest-ws@13")
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"event":"message","data":{"room":"r1","text":"hello"},"id":17}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nestws.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	dst, data := make([]byte, 0, 256), []byte(`{"room":"r1","text":"hello"}`)
	b.ReportAllocs()
	for b.Loop() {
		dst = nestws.Append(dst[:0], "message", data)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"event":"a","data":{"x":[1,2]},"id":7}`, `{"\u0065vent":"\ud83d\ude00"}`, `null`, `[]`, `{"event":1}`, `{"event":"a",}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := nestws.Parse(b)
		if err != nil {
			return
		}
		again, err := nestws.Parse(nestws.Append(nil, frame.Event, frame.Data))
		if err != nil || again.Event != frame.Event || string(again.Data) != string(frame.Data) {
			t.Errorf("%q came back as %+v, %v", b, again, err)
		}
	})
}
