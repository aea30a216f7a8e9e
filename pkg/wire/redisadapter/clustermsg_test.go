package redisadapter_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

const (
	clusterUID = "8b89a78bf1b7d5df"
	requestID  = "93236ae87492a670"
	asker      = "fde8fde8fde8fde8"
	sid        = "DSEX_2GrXVngtP-8AAAB"
)

type clusterCase struct {
	want       redisadapter.ClusterMessage
	room       string // of the sharded adapter's channel
	decodeOnly bool   // this package writes the same meaning otherwise
}

func socket(data string) redisadapter.Socket {
	return redisadapter.Socket{
		ID: sid, Rooms: []string{sid, "r1"}, Data: []byte(data),
		Handshake: []byte(`{"headers":{"host":"x"},"query":{"EIO":"4"},"auth":{}}`),
	}
}

// clusterMessages are what the lines of testdata/golden_cluster.txt mean; UID
// and, where it is empty, Namespace are added.
func clusterMessages() map[string]clusterCase {
	type m = redisadapter.ClusterMessage
	bin := [][]byte{{1, 2, 3}}
	twenty := strings.Repeat("é", 20)
	cases := map[string]clusterCase{
		"broadcast":    {want: m{Type: 3, Args: []byte(`["ev",1,{"a":true},"é"]`)}},
		"room":         {room: "r1", want: m{Type: 3, Rooms: []string{"r1"}, Args: []byte(`["news","x"]`)}},
		"integer-room": {room: "42", decodeOnly: true, want: m{Type: 3, Rooms: []string{"42"}, Args: []byte(`["news","x"]`)}},
		"sid":          {want: m{Type: 3, Rooms: []string{sid}, Args: []byte(`["news","x"]`)}},
		"twenty":       {want: m{Type: 3, Rooms: []string{twenty}, Args: []byte(`["news","x"]`)}},
		"several": {want: m{
			Type: 3, Rooms: []string{"r1", "r2"}, Except: []string{"r3"}, Volatile: true, NoCompress: true, Args: []byte(`["news","x"]`),
		}},
		"binary": {want: m{Type: 3, Args: []byte(`["bin",` + zero + `]`), Attachments: bin}},
		"binary-nested": {room: "r1", decodeOnly: true, want: m{
			Type: 3, Namespace: "/chat", Rooms: []string{"r1"}, Compress: true,
			Args: []byte(`["bin",{"a":[` + zero + `,1.5,-1,"x",null,"2000-06-13T00:00:00.000Z"]}]`), Attachments: bin,
		}},
		"dates": {want: m{Type: 3, Args: []byte(`["d","2000-06-13T00:00:00.123Z",null,null]`)}},
		"ack": {want: m{
			Type: 3, RequestID: requestID, Rooms: []string{"r1"}, Timeout: time.Second, Args: []byte(`["ask",1]`),
		}},
		"ack-binary": {want: m{
			Type: 3, RequestID: requestID, Timeout: time.Second, Args: []byte(`["ask",` + zero + `]`), Attachments: bin,
		}},
		"join":                         {want: m{Type: 4, Rooms: []string{"r1"}, Targets: []string{"r2", "r3"}}},
		"leave":                        {want: m{Type: 5, Except: []string{"r1"}, Targets: []string{"r2"}}},
		"disconnect":                   {want: m{Type: 6, Rooms: []string{"r1"}, Close: true}},
		"fetch":                        {want: m{Type: 7, RequestID: requestID, Rooms: []string{"r1"}}},
		"server-side":                  {want: m{Type: 9, Args: []byte(`["hello","w"]`)}},
		"server-side-binary":           {want: m{Type: 9, Args: []byte(`["hello",` + zero + `]`), Attachments: bin}},
		"server-side-ack":              {want: m{Type: 9, RequestID: requestID, Args: []byte(`["hello","w"]`)}},
		"fetch-answer":                 {room: asker, want: m{Type: 8, RequestID: requestID, Sockets: []redisadapter.Socket{socket(`{"a":1}`), socket(`{}`)}}},
		"fetch-answer-empty":           {room: asker, want: m{Type: 8, RequestID: requestID}},
		"fetch-answer-binary":          {room: asker, decodeOnly: true, want: m{Type: 8, RequestID: requestID, Sockets: []redisadapter.Socket{socket(`{"b":{"type":"Buffer","data":[1,2,3]}}`)}}},
		"server-side-answer":           {room: asker, want: m{Type: 10, RequestID: requestID, Args: []byte(`"srv-b:w"`)}},
		"server-side-answer-undefined": {room: asker, decodeOnly: true, want: m{Type: 10, RequestID: requestID, Args: []byte(`null`)}},
		"client-count":                 {room: asker, want: m{Type: 11, RequestID: requestID, Clients: 1}},
		"broadcast-ack":                {room: asker, want: m{Type: 12, RequestID: requestID, Args: []byte(`"ok-b"`)}},
		"broadcast-ack-binary":         {room: asker, want: m{Type: 12, RequestID: requestID, Args: []byte(`{"b":` + zero + `}`), Attachments: bin}},
		"broadcast-ack-undefined":      {room: asker, decodeOnly: true, want: m{Type: 12, RequestID: requestID, Args: []byte(`null`)}},
	}
	for name, c := range cases {
		c.want.UID = clusterUID
		if c.want.Namespace == "" {
			c.want.Namespace = "/"
		}
		cases[name] = c
	}
	return cases
}

// clusterFrame is one line of what npm's packages sent.
type clusterFrame struct {
	adapter, name, channel string
	payload                []byte
}

func clusterFrames(t testing.TB) (frames []clusterFrame) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden_cluster.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		adapter, name, _ := strings.Cut(fields[0], "/")
		payload, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, clusterFrame{adapter, name, fields[1], payload})
	}
	return frames
}

func TestClusterGolden(t *testing.T) {
	t.Parallel()
	cases := clusterMessages()
	frames := clusterFrames(t)
	if len(frames) != 2*len(cases) {
		t.Errorf("%d frames for %d messages of two adapters", len(frames), len(cases))
	}
	for _, f := range frames {
		t.Run(f.adapter+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			tt, ok := cases[f.name]
			if !ok {
				t.Fatal("no message for this frame")
			}
			got, encoded := f.roundTrip(t, &tt.want)
			if diff := cmp.Diff(&tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			if tt.decodeOnly {
				return
			}
			if diff := cmp.Diff(string(f.payload), string(encoded)); diff != "" {
				t.Errorf("encoded (-want +got):\n%s", diff)
			}
			if strings.HasPrefix(f.channel, "xadd:") {
				return
			}
			if want := redisadapter.ClusterChannel("socket.io", tt.want.Namespace, tt.room); f.adapter == "sharded" && f.channel != want {
				t.Errorf("channel %s, want %s", f.channel, want)
			}
			tail := redisadapter.AppendClusterTail(nil, clusterUID, tt.want.Namespace, f.payload[0] != '{')
			if !strings.HasSuffix(string(f.payload), string(tail)) {
				t.Errorf("frame doesn't end in %q", tail)
			}
		})
	}
}

// roundTrip decodes the frame and encodes what it means.
func (f clusterFrame) roundTrip(t *testing.T, want *redisadapter.ClusterMessage) (got *redisadapter.ClusterMessage, encoded []byte) {
	t.Helper()
	var err error
	if strings.HasPrefix(f.channel, "xadd:") {
		got = &redisadapter.ClusterMessage{Type: want.Type, UID: want.UID, Namespace: want.Namespace}
		data := f.payload
		if data[0] != '{' {
			if data, err = base64.StdEncoding.DecodeString(string(data)); err != nil {
				t.Fatal(err)
			}
		}
		if err := redisadapter.DecodeClusterData(got, data); err != nil {
			t.Fatalf("DecodeClusterData: %v", err)
		}
		encoded, packed, err := redisadapter.AppendClusterData(nil, want)
		if err != nil {
			t.Fatalf("AppendClusterData: %v", err)
		}
		if packed {
			encoded = []byte(base64.StdEncoding.EncodeToString(encoded))
		}
		return got, encoded
	}
	if got, err = redisadapter.DecodeCluster(f.payload); err != nil {
		t.Fatalf("DecodeCluster: %v", err)
	}
	encode := redisadapter.AppendCluster
	if f.adapter == "streams" {
		encode = redisadapter.AppendClusterPack
	}
	if encoded, err = encode(nil, want); err != nil {
		t.Fatalf("encode: %v", err)
	}
	return got, encoded
}

func TestDecodeClusterRefuses(t *testing.T) {
	t.Parallel()
	envelope := func(typ, data string) string {
		return `{"type":` + typ + `,"data":` + data + `,"uid":"a","nsp":"/"}`
	}
	for name, msg := range map[string]string{
		"nothing":              "",
		"text":                 "hello",
		"array":                "[]",
		"empty object":         "{}",
		"open":                 `{"type":3`,
		"two":                  envelope("11", `{"requestId":"x","clientCount":1}`) + "{}",
		"type 2":               envelope("2", "{}"),
		"type 13":              envelope("13", "{}"),
		"type -1":              envelope("-1", "{}"),
		"type 259":             envelope("259", "{}"),
		"type text":            envelope(`"3"`, "{}"),
		"no packet":            envelope("3", `{"opts":{}}`),
		"no event":             envelope("3", `{"packet":{"type":2,"data":[]}}`),
		"ack packet":           envelope("3", `{"packet":{"type":3,"data":["e"]}}`),
		"reserved event":       envelope("3", `{"packet":{"type":2,"data":["disconnect"]}}`),
		"rooms of objects":     envelope("4", `{"opts":{"rooms":[{}]},"rooms":["a"]}`),
		"rooms not a list":     envelope("4", `{"opts":{},"rooms":"a"}`),
		"fetch without id":     envelope("7", `{"opts":{}}`),
		"socket without id":    envelope("8", `{"requestId":"x","sockets":[{}]}`),
		"sockets not a list":   envelope("8", `{"requestId":"x","sockets":{"length":9}}`),
		"count below 0":        envelope("11", `{"requestId":"x","clientCount":-1}`),
		"uid not text":         `{"type":6,"data":{},"uid":1,"nsp":"/"}`,
		"bad UTF-8":            envelope("9", "{\"packet\":[\"\xff\"]}"),
		"map of 4294967295":    "\xdf\xff\xff\xff\xff",
		"array of 4294967295":  "\x81\xa4data\x81\xa5rooms\xdd\xff\xff\xff\xff",
		"pack: trailing":       "\x83\xa4type\x0b\xa4data\x82\xa9requestId\xa1x\xabclientCount\x01\xa3uid\xa1a\xc0",
		"pack: many sockets":   "\x82\xa4type\x08\xa4data\x82\xa9requestId\xa1x\xa7sockets\xdd\x00\xff\xff\xff" + strings.Repeat("\x80", 1000),
		"pack: deep":           "\x82\xa4type\x09\xa4data\x81\xa6packet" + strings.Repeat("\x91", 5000) + "\xa1e",
		"pack: type too great": "\x81\xa4type\xcd\x01\x03",
	} {
		if m, err := redisadapter.DecodeCluster([]byte(msg)); err == nil {
			t.Errorf("%s: decoded as %+v", name, m)
		}
	}
}

// TestDecodeClusterTakes holds what no npm package writes but what a peer may.
func TestDecodeClusterTakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		msg  string
		want redisadapter.ClusterMessage
	}{
		"other order, white space, unknown keys": {
			` {"x":[{}], "nsp":"/", "data" : {"y":1,"clientCount": 2.0,"requestId":"x"} ,"uid":"a","type" : 11}`[1:],
			redisadapter.ClusterMessage{Type: 11, RequestID: "x", UID: "a", Namespace: "/", Clients: 2},
		},
		"pack: data before type": {
			"\x83\xa4data\x82\xa9requestId\xa1x\xabclientCount\x01\xa4type\x0b\xa3uid\xa1a",
			redisadapter.ClusterMessage{Type: 11, RequestID: "x", UID: "a", Clients: 1},
		},
		"no opts": {
			`{"type":4,"data":{"rooms":[1.5,"a"]},"uid":"a","nsp":"/"}`,
			redisadapter.ClusterMessage{Type: 4, UID: "a", Namespace: "/", Targets: []string{"1.5", "a"}},
		},
		"null for undefined": {
			`{"type":6,"data":{"opts":{"rooms":null,"except":null,"flags":null},"close":null,"requestId":null},"uid":"a","nsp":"/"}`,
			redisadapter.ClusterMessage{Type: 6, UID: "a", Namespace: "/"},
		},
		"timeout beyond a timer": {
			`{"type":3,"data":{"packet":{"type":2,"data":["e"]},"opts":{"flags":{"timeout":1e15}}},"uid":"a","nsp":"/"}`,
			redisadapter.ClusterMessage{Type: 3, UID: "a", Namespace: "/", Args: []byte(`["e"]`), Timeout: (1<<31 - 1) * time.Millisecond},
		},
		"emitter": {
			`{"type":3,"data":{"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":{"rooms":[],"flags":{},"except":[]}},"uid":"emitter","nsp":"/"}`,
			redisadapter.ClusterMessage{Type: 3, UID: "emitter", Namespace: "/", Args: []byte(`["e"]`)},
		},
	} {
		got, err := redisadapter.DecodeCluster([]byte(tt.msg))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(&tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAppendClusterRefuses(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]redisadapter.ClusterMessage{
		"no type":       {},
		"type 13":       {Type: 13},
		"no event":      {Type: 3, Args: []byte(`[]`)},
		"not JSON":      {Type: 9, Args: []byte(`["e"`)},
		"no value":      {Type: 12, RequestID: "x"},
		"no request id": {Type: 7},
		"no attachment": {Type: 3, Args: []byte(`["e",` + one + `]`), Attachments: [][]byte{{1}}},
		"bad data":      {Type: 8, RequestID: "x", Sockets: []redisadapter.Socket{{ID: "a", Handshake: []byte("{}"), Data: []byte("{")}}},
	} {
		if out, err := redisadapter.AppendCluster([]byte("x"), &m); err == nil || string(out) != "x" {
			t.Errorf("%s: AppendCluster = %q, %v", name, out, err)
		}
		if out, err := redisadapter.AppendClusterPack([]byte("x"), &m); err == nil || string(out) != "x" {
			t.Errorf("%s: AppendClusterPack = %q, %v", name, out, err)
		}
		if out, _, err := redisadapter.AppendClusterData([]byte("x"), &m); err == nil || string(out) != "x" {
			t.Errorf("%s: AppendClusterData = %q, %v", name, out, err)
		}
	}
}

func TestLooksLikeSocketID(t *testing.T) {
	t.Parallel()
	for room, want := range map[string]bool{
		sid:                            true,
		sid + "x":                      false,
		sid[1:]:                        false,
		"":                             false,
		strings.Repeat("é", 20):        true,
		strings.Repeat("😀", 10):        true,
		strings.Repeat("😀", 20):        false,
		strings.Repeat("€", 19) + "\t": true,
	} {
		if got := redisadapter.LooksLikeSocketID(room); got != want {
			t.Errorf("LooksLikeSocketID(%q) = %v, want %v", room, got, want)
		}
	}
}
