package redisadapter_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// requests are what the requests of testdata/requests.txt mean.
var requests = map[string]struct {
	want redisadapter.Request
	// decodeOnly marks what only older servers, or JavaScript ones, write.
	decodeOnly bool
}{
	"sockets":   {decodeOnly: true, want: redisadapter.Request{Type: redisadapter.RequestSockets, ID: "Wz3uUq", Rooms: []string{"r1"}}},
	"all-rooms": {want: redisadapter.Request{Type: redisadapter.RequestAllRooms, UID: uid, ID: "zYcugu"}},
	"join": {want: redisadapter.Request{
		Type: redisadapter.RequestJoin, UID: uid, Rooms: []string{"r1"}, Targets: []string{"room9", "é\"\n"},
	}},
	"leave": {decodeOnly: true, want: redisadapter.Request{
		Type: redisadapter.RequestLeave, UID: uid, Except: []string{"r1", "42"}, Targets: []string{"42"},
	}},
	"join-emitter": {want: redisadapter.Request{Type: redisadapter.RequestJoin, Rooms: []string{"r1"}, Targets: []string{"q"}}},
	"join-legacy": {decodeOnly: true, want: redisadapter.Request{
		Type: redisadapter.RequestJoin, UID: uid, ID: "Wz3uUq", SID: sid, Targets: []string{"r1"},
	}},
	"disconnect": {want: redisadapter.Request{
		Type: redisadapter.RequestDisconnect, UID: uid, Rooms: []string{"r1"}, Except: []string{"r2"}, Close: true,
	}},
	"disconnect-emitter": {want: redisadapter.Request{Type: redisadapter.RequestDisconnect}},
	"disconnect-legacy": {decodeOnly: true, want: redisadapter.Request{
		Type: redisadapter.RequestDisconnect, UID: uid, ID: "Wz3uUq", SID: sid, Close: true,
	}},
	"fetch":        {want: redisadapter.Request{Type: redisadapter.RequestFetch, UID: uid, ID: "-60Wfa"}},
	"emit":         {want: redisadapter.Request{Type: redisadapter.RequestServerSideEmit, UID: uid, Args: []byte(`["hello","w"]`)}},
	"emit-emitter": {want: redisadapter.Request{Type: redisadapter.RequestServerSideEmit, UID: redisadapter.EmitterUID, Args: []byte(`["hello",1]`)}},
	"emit-ack": {want: redisadapter.Request{
		Type: redisadapter.RequestServerSideEmit, UID: uid, ID: "koEsa2", Args: []byte(`["hello",{"a":[1,null]}]`),
	}},
	"emit-binary": {want: redisadapter.Request{
		Type: redisadapter.RequestServerSideEmit, UID: uid, ID: "koEsa2",
		Args: []byte(`["hello",` + zero + `]`), Attachments: [][]byte{{1, 2, 3}},
	}},
	"broadcast": {want: redisadapter.Request{
		Type: redisadapter.RequestBroadcast, UID: uid, ID: "v5OGS5", Rooms: []string{"r1"}, Except: []string{"r2"},
		Args: []byte(`["ev",1]`), Namespace: "/chat", Timeout: time.Second,
	}},
	"broadcast-binary": {want: redisadapter.Request{
		Type: redisadapter.RequestBroadcast, UID: uid, ID: "v5OGS5", Args: []byte(`["ev",{"b":` + zero + `}]`),
		Attachments: [][]byte{{1, 2, 3}}, Namespace: "/chat", NoCompress: true, Timeout: 5 * time.Second,
	}},
	"broadcast-no-timeout": {decodeOnly: true, want: redisadapter.Request{
		Type: redisadapter.RequestBroadcast, UID: uid, ID: "v5OGS5", Args: []byte(`["ev"]`), Namespace: "/",
	}},
}

// responses are what the answers of testdata/requests.txt mean.
var responses = map[string]struct {
	want       redisadapter.Response
	decodeOnly bool
}{
	"of-sockets":        {want: redisadapter.Response{Type: redisadapter.RequestSockets, ID: "Wz3uUq", Rooms: []string{sid}}},
	"of-all-rooms":      {want: redisadapter.Response{Type: redisadapter.RequestAllRooms, ID: "zYcugu", Rooms: []string{sid, "r1"}}},
	"of-all-rooms-none": {want: redisadapter.Response{Type: redisadapter.RequestAllRooms, ID: "zYcugu"}},
	"of-join":           {want: redisadapter.Response{Type: redisadapter.RequestJoin, ID: "Wz3uUq"}},
	"of-fetch": {want: redisadapter.Response{Type: redisadapter.RequestFetch, ID: "-60Wfa", Sockets: []redisadapter.Socket{{
		ID: sid, Handshake: []byte(`{"headers":{},"xdomain":false}`), Rooms: []string{sid, "r1"}, Data: []byte(`{"user":"ana"}`),
	}}}},
	"of-fetch-none": {want: redisadapter.Response{Type: redisadapter.RequestFetch, ID: "-60Wfa"}},
	"of-fetch-undefined": {decodeOnly: true, want: redisadapter.Response{Type: redisadapter.RequestFetch, ID: "-60Wfa", Sockets: []redisadapter.Socket{{
		ID: "a", Handshake: []byte("{}"), Rooms: []string{"1"}, Data: []byte("{}"),
	}}}},
	"of-emit": {want: redisadapter.Response{Type: redisadapter.RequestServerSideEmit, ID: "koEsa2", Args: []byte(`"srv-b:w"`)}},
	"of-emit-undefined": {decodeOnly: true, want: redisadapter.Response{
		Type: redisadapter.RequestServerSideEmit, ID: "koEsa2", Args: []byte("null"),
	}},
	"of-emit-binary": {want: redisadapter.Response{
		Type: redisadapter.RequestServerSideEmit, ID: "koEsa2", Args: []byte(`{"b":` + zero + `}`), Attachments: [][]byte{{1, 2, 3}},
	}},
	"of-broadcast":     {want: redisadapter.Response{Type: redisadapter.RequestBroadcast, ID: "v5OGS5", Clients: 1}},
	"of-broadcast-ack": {want: redisadapter.Response{Type: redisadapter.RequestBroadcast, ID: "v5OGS5", Args: []byte(`"ok-b"`)}},
	"of-broadcast-ack-binary": {want: redisadapter.Response{
		Type: redisadapter.RequestBroadcast, ID: "v5OGS5", Args: []byte(`[` + zero + `,1.5]`), Attachments: [][]byte{{1, 2, 3}},
	}},
	"of-broadcast-ack-undefined": {decodeOnly: true, want: redisadapter.Response{
		Type: redisadapter.RequestBroadcast, ID: "v5OGS5", Args: []byte("null"),
	}},
}

func TestRecordedRequests(t *testing.T) {
	t.Parallel()
	recorded := recorded(t, "testdata/requests.txt")
	if len(recorded) != len(requests)+len(responses) {
		t.Errorf("%d messages recorded, %d requests and %d answers told", len(recorded), len(requests), len(responses))
	}
	for name, tt := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := redisadapter.DecodeRequest(recorded[name])
			if err != nil {
				t.Fatalf("DecodeRequest: %v", err)
			}
			if tt.want.Namespace == "" {
				tt.want.Namespace = "/"
			}
			if diff := cmp.Diff(tt.want, *got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("DecodeRequest (-want +got):\n%s", diff)
			}
			if tt.decodeOnly {
				return
			}
			msg, err := redisadapter.AppendRequest(nil, &tt.want)
			if err != nil {
				t.Fatalf("AppendRequest: %v", err)
			}
			if diff := cmp.Diff(string(recorded[name]), string(msg)); diff != "" {
				t.Errorf("AppendRequest (-want +got):\n%s", diff)
			}
		})
	}
	for name, tt := range responses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := redisadapter.DecodeResponse(recorded[name], tt.want.Type)
			if err != nil {
				t.Fatalf("DecodeResponse: %v", err)
			}
			if diff := cmp.Diff(tt.want, *got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("DecodeResponse (-want +got):\n%s", diff)
			}
			if id, ok := redisadapter.PeekResponseID(recorded[name]); !ok || id != tt.want.ID {
				t.Errorf("PeekResponseID = %q, %v; want %q", id, ok, tt.want.ID)
			}
			if tt.decodeOnly {
				return
			}
			msg, err := redisadapter.AppendResponse(nil, &tt.want)
			if err != nil {
				t.Fatalf("AppendResponse: %v", err)
			}
			if diff := cmp.Diff(string(recorded[name]), string(msg)); diff != "" {
				t.Errorf("AppendResponse (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	t.Parallel()
	for name, msg := range map[string]string{
		"nothing":                      "",
		"text":                         "hello",
		"truncated":                    `{"type":1,"requestId":"x"`,
		"an array":                     "\x91\x01",
		"no type":                      `{"requestId":"x"}`,
		"unknown type":                 `{"requestId":"x","type":99}`,
		"type of an answer":            `{"requestId":"x","type":9}`,
		"negative type":                `{"requestId":"x","type":-1}`,
		"type is text":                 `{"requestId":"x","type":"1"}`,
		"rooms without requestId":      `{"type":1}`,
		"requestId is an object":       `{"type":1,"requestId":{}}`,
		"fetch without opts":           `{"type":5,"requestId":"x"}`,
		"opts is text":                 `{"type":5,"requestId":"x","opts":"all"}`,
		"opts is null":                 `{"type":4,"opts":null}`,
		"opts.rooms is an object":      `{"type":5,"requestId":"x","opts":{"rooms":{}}}`,
		"opts.rooms has a null":        `{"type":5,"requestId":"x","opts":{"rooms":[null]}}`,
		"join without rooms":           `{"type":2,"opts":{"rooms":[]}}`,
		"join of nobody":               `{"type":2,"rooms":["a"]}`,
		"disconnect of nobody":         `{"type":4,"close":true}`,
		"emit without data":            `{"type":6}`,
		"emit without a name":          `{"type":6,"data":[]}`,
		"emit of an object":            `{"type":6,"data":{"a":1}}`,
		"broadcast without packet":     `{"type":7,"requestId":"x","opts":{}}`,
		"broadcast of an ack packet":   `{"type":7,"requestId":"x","opts":{},"packet":{"type":3,"data":["e"]}}`,
		"broadcast of a reserved name": `{"type":7,"requestId":"x","opts":{},"packet":{"type":2,"data":["disconnect"]}}`,
		"huge map":                     "\xdf\xff\xff\xff\xff",
		"huge array":                   "\x81\xa4type\xdd\xff\xff\xff\xff",
		"deep":                         strings.Repeat("\x91", 5000),
		"trailing bytes":               "\x82\xa4type\x01\xa9requestId\xa1x\x00",
		"not UTF-8":                    "{\"type\":1,\"requestId\":\"\xff\"}",
		"100 kB of nothing":            strings.Repeat("\x00", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r, err := redisadapter.DecodeRequest([]byte(msg)); !errors.Is(err, redisadapter.ErrRequest) {
				t.Errorf("DecodeRequest = %+v, %v; want ErrRequest", r, err)
			}
		})
	}
}

// TestDecodeResponseRefuses has among others what npm's adapter counts and then
// waits for: an answer without its list.
func TestDecodeResponseRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, msg string
		asked     redisadapter.RequestType
	}{
		{"nothing", "", redisadapter.RequestFetch},
		{"no requestId", `{"sockets":[]}`, redisadapter.RequestFetch},
		{"no sockets", `{"requestId":"x"}`, redisadapter.RequestFetch},
		{"sockets is an object", `{"requestId":"x","sockets":{}}`, redisadapter.RequestFetch},
		{"socket is text", `{"requestId":"x","sockets":["a"]}`, redisadapter.RequestFetch},
		{"socket without id", `{"requestId":"x","sockets":[{}]}`, redisadapter.RequestFetch},
		{"no rooms", `{"requestId":"x","sockets":[]}`, redisadapter.RequestAllRooms},
		{"no count", `{"requestId":"x","type":8}`, redisadapter.RequestBroadcast},
		{"negative count", `{"requestId":"x","type":8,"clientCount":-1}`, redisadapter.RequestBroadcast},
		{"endless count", `{"requestId":"x","type":8,"clientCount":1e15}`, redisadapter.RequestBroadcast},
		{"neither count nor ack", `{"requestId":"x","type":6,"data":1}`, redisadapter.RequestBroadcast},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if r, err := redisadapter.DecodeResponse([]byte(tt.msg), tt.asked); !errors.Is(err, redisadapter.ErrResponse) {
				t.Errorf("DecodeResponse = %+v, %v; want ErrResponse", r, err)
			}
		})
	}
	for _, msg := range []string{"", "x", "{}", `{"requestId":1}`, "\x80", "\x83\xa4type", "\xdf\xff\xff\xff\xff", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"requestId":"x"}`} {
		if id, ok := redisadapter.PeekResponseID([]byte(msg)); ok {
			t.Errorf("PeekResponseID(%q) = %q, want none", msg, id)
		}
	}
}

func TestAppendRequestRefuses(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]redisadapter.Request{
		"no arguments":          {Type: redisadapter.RequestServerSideEmit},
		"invalid arguments":     {Type: redisadapter.RequestServerSideEmit, Args: []byte(`["a",]`)},
		"placeholder of none":   {Type: redisadapter.RequestBroadcast, Args: []byte(`["a",` + one + `]`), Attachments: [][]byte{{1}}},
		"a type of older peers": {Type: redisadapter.RequestSockets, ID: "x"},
	} {
		if msg, err := redisadapter.AppendRequest([]byte("before"), &r); err == nil || string(msg) != "before" {
			t.Errorf("%s: AppendRequest = %q, %v; want an error and dst as it was", name, msg, err)
		}
	}
	for name, r := range map[string]redisadapter.Response{
		"no value":        {Type: redisadapter.RequestServerSideEmit, ID: "x"},
		"invalid ack":     {Type: redisadapter.RequestBroadcast, ID: "x", Args: []byte("{")},
		"socket of no id": {Type: redisadapter.RequestFetch, ID: "x", Sockets: []redisadapter.Socket{{}}},
		"invalid data":    {Type: redisadapter.RequestFetch, ID: "x", Sockets: []redisadapter.Socket{{ID: "a", Data: []byte("{")}}},
		"unknown type":    {Type: 77, ID: "x"},
	} {
		if msg, err := redisadapter.AppendResponse([]byte("before"), &r); err == nil || string(msg) != "before" {
			t.Errorf("%s: AppendResponse = %q, %v; want an error and dst as it was", name, msg, err)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for name, msg := range recorded(f, "testdata/requests.txt") {
		if _, ok := requests[name]; ok {
			f.Add(msg)
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		r, err := redisadapter.DecodeRequest(bytes.Clone(msg))
		if err != nil || r.SID != "" || r.Type == redisadapter.RequestSockets {
			return
		}
		// What was decoded can be sent on, and then means the same.
		frame, err := redisadapter.AppendRequest(nil, r)
		if err != nil {
			return
		}
		again, err := redisadapter.DecodeRequest(frame)
		if err != nil {
			t.Fatalf("own request %q: %v", frame, err)
		}
		if bytes.Contains(r.Args, []byte("_placeholder")) || len(r.Attachments) > 0 || again.Type == redisadapter.RequestBroadcast {
			return // attachments that nothing points to, numbers in other spellings
		}
		r.Args, again.Args = nil, nil
		if r.Type != redisadapter.RequestBroadcast {
			r.Namespace, r.Compress, r.NoCompress, r.Timeout = "/", false, false, 0
		}
		ignored := cmpopts.IgnoreFields(redisadapter.Request{}, "ID", "Close", "Rooms", "Except", "Targets")
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty(), ignored); diff != "" {
			t.Errorf("came back changed (-want +got):\n%s", diff)
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	for name, msg := range recorded(f, "testdata/requests.txt") {
		if r, ok := responses[name]; ok {
			f.Add(msg, uint8(r.want.Type))
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte, asked uint8) {
		r, err := redisadapter.DecodeResponse(bytes.Clone(msg), redisadapter.RequestType(asked))
		if err != nil {
			return
		}
		frame, err := redisadapter.AppendResponse(nil, r)
		if err != nil {
			return
		}
		again, err := redisadapter.DecodeResponse(frame, r.Type)
		if err != nil {
			t.Fatalf("own answer %q: %v", frame, err)
		}
		if again.ID != r.ID || len(again.Sockets) != len(r.Sockets) || len(again.Rooms) != len(r.Rooms) || again.Clients != r.Clients {
			t.Errorf("came back changed: %+v, was %+v", again, r)
		}
	})
}
