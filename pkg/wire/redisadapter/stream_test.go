package redisadapter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// The names are those that hashCode of socket.io-redis-streams-adapter 0.3.1
// gives.
func TestStreamOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		namespace string
		count     int
		want      string
	}{
		{"/", 1, "s"},
		{"/", 4, "s-3"},
		{"/admin", 4, "s-0"},
		{"/events", 7, "s-5"},
		{"/größe-😀", 5, "s-0"},
		{"/dashboard", 4, "s--3"},
	} {
		if got := redisadapter.StreamOf("s", tc.count, tc.namespace); got != tc.want {
			t.Errorf("StreamOf(%q, %d) = %q, want %q", tc.namespace, tc.count, got, tc.want)
		}
	}
}

func TestStreamData(t *testing.T) {
	t.Parallel()
	m := &redisadapter.ClusterMessage{
		Type: redisadapter.ClusterBroadcast, UID: "8b89a78bf1b7d5df", Namespace: "/", Rooms: []string{"r"}, Args: []byte(`["hi",1]`),
	}
	data, err := redisadapter.AppendStreamData(nil, m)
	if want := `{"packet":{"type":2,"data":["hi",1]},"opts":{"rooms":["r"],"except":[],"flags":{}}}`; err != nil || string(data) != want {
		t.Errorf("got %s %v, want %s", data, err, want)
	}
	m.Args, m.Attachments = []byte(`["bin",{"_placeholder":true,"num":0}]`), [][]byte{{1, 2, 3}}
	if data, err = redisadapter.AppendStreamData([]byte("x"), m); err != nil || !strings.HasPrefix(string(data), "xgqZwYWNrZXSCpHR5cGUCpGRhdGGSo2JpbsQDAQID") {
		t.Errorf("got %s %v", data, err)
	}
	back, err := redisadapter.DecodeStream(m.UID, "/", "3", string(data[1:]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []struct{ kind, data string }{
		{"", "{}"}, {"x", "{}"}, {"3", ""}, {"3", "{"}, {"3", "{}"}, {"3", "@@"}, {"300", "{}"}, {"-3", "{}"}, {"3", "3f////8="}, {"4", "null"},
	} {
		if m, err := redisadapter.DecodeStream("u", "/", bad.kind, bad.data); err == nil {
			t.Errorf("type %q data %q: got %+v, want an error", bad.kind, bad.data, m)
		}
	}
}

const nodeSession = "hKNzaWS0YWFhYWFhYWFhYWFhYWFhYWFhYWGjcGlktGJiYmJiYmJiYmJiYmJiYmJiYmJipXJvb21zkrRhYWFhYWFhYWFhYWFhYWFhYWFhYaJyMaRkYXRhgqRuYW1loXihbss/+AAAAAAAAA=="

func session() *redisadapter.Session {
	return &redisadapter.Session{
		SID: "0DmhhUEGxxxxxxxxAAAA", PID: "2gEg_ar6xxxxxxxxAAAB", Rooms: []string{"0DmhhUEGxxxxxxxxAAAA", "r"},
		Data: json.RawMessage(`{"user":7}`), Owner: strings.Repeat("o", redisadapter.SessionOwner), Namespace: "/",
		Begin: "5-0", Holder: "h", Values: json.RawMessage(`{"k":[1,"x"]}`),
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	s := session()
	text, err := redisadapter.EncodeSession(s)
	if err != nil {
		t.Fatal(err)
	}
	if head := redisadapter.SessionHead(s.Owner); !strings.HasPrefix(text, head) || strings.Contains(head, "=") {
		t.Errorf("%s does not begin with %s", text, head)
	}
	back, err := redisadapter.DecodeSession(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What socket.io-redis-streams-adapter 0.3.1 saves of a socket.
	node, err := redisadapter.DecodeSession(nodeSession)
	want := &redisadapter.Session{SID: "aaaaaaaaaaaaaaaaaaaa", PID: "bbbbbbbbbbbbbbbbbbbb", Rooms: []string{"aaaaaaaaaaaaaaaaaaaa", "r1"}, Data: json.RawMessage(`{"name":"x","n":1.5}`)}
	if diff := cmp.Diff(want, node); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	s.Owner = "short"
	if _, err := redisadapter.EncodeSession(s); err == nil {
		t.Error("a short owner is no error")
	}
	for _, bad := range []string{"", "@", "e30=", "gA==", "3f////8=", "gaNzaWSh"} {
		if s, err := redisadapter.DecodeSession(bad); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, s)
		}
	}
}

func FuzzDecodeStream(f *testing.F) {
	f.Add("3", `{"packet":{"type":2,"data":["hi",1]},"opts":{"rooms":["r"],"except":[],"flags":{}}}`)
	f.Add("3", "gqZwYWNrZXSCpHR5cGUCpGRhdGGSo2JpbsQDAQID")
	f.Add("6", `{"opts":{"rooms":[],"except":[]},"close":true}`)
	f.Fuzz(func(t *testing.T, kind, data string) {
		m, err := redisadapter.DecodeStream("u", "/", kind, data)
		if err != nil {
			return
		}
		out, err := redisadapter.AppendStreamData(nil, m)
		if err != nil {
			t.Fatalf("%+v can't be encoded again: %v", m, err)
		}
		if _, err := redisadapter.DecodeStream("u", "/", kind, string(out)); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

func FuzzDecodeSession(f *testing.F) {
	f.Add(nodeSession)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := redisadapter.DecodeSession(text); err == nil && (s.SID == "" || s.PID == "") {
			t.Fatalf("%+v", s)
		}
	})
}
