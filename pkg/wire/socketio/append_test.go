package socketio_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// TestAppend holds the encoders to the bytes of socket.io-parser 4.2.6.
func TestAppend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"connect", socketio.AppendConnect(nil, "/", []byte(`{"sid":"a"}`)), `0{"sid":"a"}`},
		{"connect, empty", socketio.AppendConnect(nil, "", nil), `0`},
		{"connect to namespace", socketio.AppendConnect(nil, "/chat", nil), `0/chat,`},
		{"connect to namespace with sid", socketio.AppendConnect(nil, "/chat", []byte(`{"sid":"a"}`)), `0/chat,{"sid":"a"}`},
		{"connect error", socketio.AppendConnectError(nil, "/", "not authorized", []byte(`{"code":42}`)), `4{"message":"not authorized","data":{"code":42}}`},
		{"connect error in namespace", socketio.AppendConnectError(nil, "/nope", "Invalid namespace", nil), `4/nope,{"message":"Invalid namespace"}`},
		{"disconnect", socketio.AppendDisconnect(nil, "/"), `1`},
		{"disconnect from namespace", socketio.AppendDisconnect(nil, "/chat"), `1/chat,`},
		{"event", socketio.AppendEvent(nil, "/", socketio.NoID, "ev", []byte(`1,{"a":true},"é"`), 0), `2["ev",1,{"a":true},"é"]`},
		{"event without arguments", socketio.AppendEvent(nil, "/", socketio.NoID, "ev", nil, 0), `2["ev"]`},
		{"event with quotes in its name", socketio.AppendEvent(nil, "/", socketio.NoID, "a\"\n\x01\u2028", nil, 0), `2["a\"\n\u0001` + "\u2028" + `"]`},
		{"event with ack", socketio.AppendEvent(nil, "/chat", 17, "ev", []byte("1"), 0), `2/chat,17["ev",1]`},
		{"binary event", socketio.AppendEvent(nil, "/", 0, "bin", []byte(socketio.Placeholder(0)), 1), `51-0["bin",{"_placeholder":true,"num":0}]`},
		{"binary event in namespace", socketio.AppendEvent(nil, "/chat", socketio.NoID, "bin", []byte(socketio.Placeholder(0)), 1), `51-/chat,["bin",{"_placeholder":true,"num":0}]`},
		{"event array", socketio.AppendEventArray(nil, "/chat", socketio.NoID, []byte(`["ev",1]`), 0), `2/chat,["ev",1]`},
		{"ack", socketio.AppendAck(nil, "/", 5, nil, 0), `35[]`},
		{"ack in namespace", socketio.AppendAck(nil, "/chat", 12, []byte(`"ok"`), 0), `3/chat,12["ok"]`},
		{"binary ack", socketio.AppendAck(nil, "/chat", 12, []byte(socketio.Placeholder(0)), 1), `61-/chat,12[{"_placeholder":true,"num":0}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, string(tt.got)); diff != "" {
				t.Errorf("packet (-want +got):\n%s", diff)
			}
			if _, err := socketio.Parse(tt.got, 0); err != nil {
				t.Errorf("Parse of the same: %v", err)
			}
		})
	}
}

// TestHotPathDoesNotAllocate keeps the promise that the gateway's message path
// is built on.
func TestHotPathDoesNotAllocate(t *testing.T) {
	text := []byte(`2/chat,17["message",{"room":"r1","text":"hello, wörld"}]`)
	dst := make([]byte, 0, 256)
	args := []byte(`{"room":"r1"}`)
	for name, f := range map[string]func(){
		"Parse and SplitEventBytes": func() {
			p, err := socketio.Parse(text, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := socketio.SplitEventBytes(p.Data); err != nil {
				t.Fatal(err)
			}
		},
		"AppendEvent": func() { dst = socketio.AppendEvent(dst[:0], "/chat", 17, "message", args, 0) },
		"AppendAck":   func() { dst = socketio.AppendAck(dst[:0], "/chat", 17, args, 0) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}
