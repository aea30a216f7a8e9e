package socketio_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// packet is socketio.Packet with text instead of bytes, for readable tables.
type packet struct {
	Type        socketio.Type
	Attachments int
	Namespace   string
	ID          int64
	Data        string
}

func TestParse(t *testing.T) {
	t.Parallel()
	none := int64(socketio.NoID)
	tests := []struct {
		name, text string
		want       packet
	}{
		{"connect", "0", packet{socketio.Connect, 0, "/", none, ""}},
		{"connect with auth", `0{"token":"t"}`, packet{socketio.Connect, 0, "/", none, `{"token":"t"}`}},
		{"connect to namespace", "0/chat,", packet{socketio.Connect, 0, "/chat", none, ""}},
		{"connect to namespace, no comma", "0/chat", packet{socketio.Connect, 0, "/chat", none, ""}},
		{"connect to namespace with auth", `0/chat,{"a":1}`, packet{socketio.Connect, 0, "/chat", none, `{"a":1}`}},
		{"disconnect", "1/chat,", packet{socketio.Disconnect, 0, "/chat", none, ""}},
		{"event", `2["hello",1]`, packet{socketio.Event, 0, "/", none, `["hello",1]`}},
		{"event with ack", `2/chat,17["hello",{"a":"é"}]`, packet{socketio.Event, 0, "/chat", 17, `["hello",{"a":"é"}]`}},
		{"numeric event", `2[42]`, packet{socketio.Event, 0, "/", none, `[42]`}},
		{"ack", `30[]`, packet{socketio.Ack, 0, "/", 0, `[]`}},
		{"ack in namespace", `3/chat,9007199254740993["ok"]`, packet{socketio.Ack, 0, "/chat", 9007199254740993, `["ok"]`}},
		{"connect error", `4{"message":"not authorized","data":{"code":42}}`, packet{socketio.ConnectError, 0, "/", none, `{"message":"not authorized","data":{"code":42}}`}},
		{"connect error text", `4"Not authorized"`, packet{socketio.ConnectError, 0, "/", none, `"Not authorized"`}},
		{"binary event", `51-["bin",{"_placeholder":true,"num":0}]`, packet{socketio.BinaryEvent, 1, "/", none, `["bin",{"_placeholder":true,"num":0}]`}},
		{"binary event in namespace", `52-/chat,3["bin",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]`, packet{socketio.BinaryEvent, 2, "/chat", 3, `["bin",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]`}},
		{"binary event, no attachments", `50-["bin"]`, packet{socketio.BinaryEvent, 0, "/", none, `["bin"]`}},
		{"binary ack", `61-5[{"_placeholder":true,"num":0}]`, packet{socketio.BinaryAck, 1, "/", 5, `[{"_placeholder":true,"num":0}]`}},
		{"reserved word as an argument", `2["a","connect"]`, packet{socketio.Event, 0, "/", none, `["a","connect"]`}},
		{"query in namespace", `0/chat?a=1,`, packet{socketio.Connect, 0, "/chat?a=1", none, ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := socketio.Parse([]byte(tt.text), 0)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			got := packet{p.Type, p.Attachments, string(p.Namespace), p.ID, string(p.Data)}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("packet (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		err        error
	}{
		{"empty", "", socketio.ErrEmpty},
		{"unknown type", `7["a"]`, socketio.ErrType},
		{"letter", `abc`, socketio.ErrType},
		{"connect with array", `0[]`, socketio.ErrPayload},
		{"connect with text", `0"x"`, socketio.ErrPayload},
		{"disconnect with data", `1{}`, socketio.ErrPayload},
		{"event without data", `2`, socketio.ErrPayload},
		{"event with object", `2{}`, socketio.ErrPayload},
		{"event without name", `2[]`, socketio.ErrPayload},
		{"event name null", `2[null]`, socketio.ErrPayload},
		{"event name object", `2[{"toString":"x"}]`, socketio.ErrPayload},
		{"event name bool", `2[true]`, socketio.ErrPayload},
		{"event cut short", `2["a",`, socketio.ErrPayload},
		{"text after the data", `2["a"]x`, socketio.ErrPayload},
		{"bad id", `2abc["message-with-ack",1]`, socketio.ErrPayload},
		{"negative id", `2-1["a"]`, socketio.ErrPayload},
		{"id out of range", `299999999999999999999["a"]`, socketio.ErrID},
		{"white space for an id", `2 ["a"]`, socketio.ErrPayload},
		{"ack with object", `31{}`, socketio.ErrPayload},
		{"ack without data", `31`, socketio.ErrPayload},
		{"connect error with bool", `4true`, socketio.ErrPayload},
		{"invalid UTF-8", "2[\"a\",\"\xff\"]", socketio.ErrPayload},
		{"invalid UTF-8 in namespace", "0/\xff,", socketio.ErrNamespace},
		{"no attachment count", `5["a"]`, socketio.ErrAttachments},
		{"empty attachment count", `5-["a"]`, socketio.ErrAttachments},
		{"attachment count without dash", `51["a"]`, socketio.ErrAttachments},
		{"attachment count 1e1", `51e1-["a"]`, socketio.ErrAttachments},
		{"negative attachments", `5-1-["a"]`, socketio.ErrAttachments},
		{"too many attachments", `511-["a"]`, socketio.ErrTooManyAttachments},
		{"endless attachment count", `5` + strings.Repeat("9", 400) + `-["a"]`, socketio.ErrTooManyAttachments},
		{"placeholder beyond attachments", `51-["a",{"_placeholder":true,"num":1}]`, socketio.ErrPlaceholder},
		{"placeholder without number", `51-["a",{"_placeholder":true}]`, socketio.ErrPlaceholder},
		{"placeholder negative", `51-["a",{"_placeholder":true,"num":-1}]`, socketio.ErrPlaceholder},
		{"placeholder with text for a number", `51-["a",{"_placeholder":true,"num":"splice"}]`, socketio.ErrPlaceholder},
		{"placeholder with an escaped key", `51-["a",{"\u005fplaceholder":true,"num":7}]`, socketio.ErrPlaceholder},
		{"reserved connect", `2["connect"]`, socketio.ErrReserved},
		{"reserved connect_error", `2["connect_error"]`, socketio.ErrReserved},
		{"reserved disconnect", `2["disconnect"]`, socketio.ErrReserved},
		{"reserved disconnecting", `2["disconnecting"]`, socketio.ErrReserved},
		{"reserved newListener", `2["newListener"]`, socketio.ErrReserved},
		{"reserved removeListener", `51-["removeListener",{"_placeholder":true,"num":0}]`, socketio.ErrReserved},
		{"reserved in disguise", `2["\u0064isconnect"]`, socketio.ErrReserved},
		{"nested too deep", `2["a",` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `]`, socketio.ErrPayload},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := socketio.Parse([]byte(tt.text), 10); !errors.Is(err, tt.err) {
				t.Errorf("Parse(%.40q) err = %v, want %v", tt.text, err, tt.err)
			}
		})
	}
}

func TestSplitEvent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		data, name, args string
		err              error
	}{
		{`["ev",1,2]`, "ev", "1,2", nil},
		{`["ev"]`, "ev", "", nil},
		{`[ "ev" , {"a":[1,"]"]} ]`, "ev", `{"a":[1,"]"]}`, nil},
		{`["\u00e9\"v",null]`, `é"v`, "null", nil},
		{`[42,1]`, "42", "1", nil},
		{`[]`, "", "", socketio.ErrPayload},
		{`[null]`, "", "", socketio.ErrPayload},
		{`{}`, "", "", socketio.ErrPayload},
		{``, "", "", socketio.ErrPayload},
		{`["ev" 1]`, "", "", socketio.ErrPayload},
	}
	for _, tt := range tests {
		name, args, err := socketio.SplitEvent([]byte(tt.data))
		if name != tt.name || string(args) != tt.args || !errors.Is(err, tt.err) {
			t.Errorf("SplitEvent(%s) = %q, %q, %v; want %q, %q, %v", tt.data, name, args, err, tt.name, tt.args, tt.err)
		}
	}
}

func TestSplitArgs(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{`[1,2]`: "1,2", ` [ 1 ] `: "1", `[]`: "", `{}`: "", ``: ""} {
		if got := string(socketio.SplitArgs([]byte(data))); got != want {
			t.Errorf("SplitArgs(%s) = %q, want %q", data, got, want)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	type found struct {
		Text  string
		Index int
	}
	tests := []struct {
		name, data string
		want       []found
	}{
		{"none", `["a",{"num":0}]`, nil},
		{"marker false", `[{"_placeholder":false,"num":0}]`, nil},
		{"marker as a value", `["_placeholder",{"num":0}]`, nil},
		{"one", `["a",{"_placeholder":true,"num":0}]`, []found{{`{"_placeholder":true,"num":0}`, 0}}},
		{"other order and spaces", `[{ "num" : 3 , "_placeholder" : true }]`, []found{{`{ "num" : 3 , "_placeholder" : true }`, 3}}},
		{"nested", `{"a":{"b":[{"_placeholder":true,"num":1}]},"c":{"_placeholder":true,"num":0}}`, []found{{`{"_placeholder":true,"num":1}`, 1}, {`{"_placeholder":true,"num":0}`, 0}}},
		{"fraction", `[{"_placeholder":true,"num":0.5}]`, []found{{`{"_placeholder":true,"num":0.5}`, -1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []found
			socketio.Placeholders([]byte(tt.data), func(start, end, index int) bool {
				got = append(got, found{tt.data[start:end], index})
				return true
			})
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("placeholders (-want +got):\n%s", diff)
			}
		})
	}
}
