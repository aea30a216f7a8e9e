package echo

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t *testing.T, path string) *websocket.Conn {
	t.Helper()
	s, err := server.New(server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	Register(s)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(h.URL, "http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	_ = ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	t.Cleanup(func() {
		ws.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		h.Close()
	})
	return ws
}

// A step of a conversation: "> " is sent, "< " is expected; a frame that begins
// with "#" is binary, the rest its bytes.
func talk(t *testing.T, ws *websocket.Conn, steps ...string) {
	t.Helper()
	for _, step := range steps {
		frame, kind := []byte(step[2:]), websocket.TextMessage
		if rest, ok := bytes.CutPrefix(frame, []byte("#")); ok {
			frame, kind = rest, websocket.BinaryMessage
		}
		if step[0] == '>' {
			if err := ws.WriteMessage(kind, frame); err != nil {
				t.Fatal(err)
			}
			continue
		}
		gotKind, got, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("want %q: %v", frame, err)
		}
		if gotKind != kind || !bytes.Equal(got, frame) {
			t.Fatalf("got %d %q, want %d %q", gotKind, got, kind, frame)
		}
	}
}

func TestSocketIO(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, connect, prefix string // namespace prefix of packets
		auth                  string
		steps                 []string
	}{
		{"main namespace", "40", "", `{}`, []string{
			`> 42["message",1,"2",{"3":[4]}]`, `< 42["message-back",1,"2",{"3":[4]}]`,
			`> 42["message"]`, `< 42["message-back"]`,
			`> 42456["message-with-ack",1,"2",null]`, `< 43456[1,"2",null]`,
		}},
		{"auth payload", `40{"token":"123"}`, "", `{"token":"123"}`, nil},
		{"custom namespace", `40/custom,{"token":"abc"}`, "/custom,", `{"token":"abc"}`, []string{
			`> 42/custom,["message","x"]`, `< 42/custom,["message-back","x"]`,
		}},
		{"binary event", "40", "", `{}`, []string{
			`> 452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "> #\x01\x02\x03", "> #\x04\x05\x06",
			`< 452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "< #\x01\x02\x03", "< #\x04\x05\x06",
		}},
		{"binary ack", "40", "", `{}`, []string{
			`> 452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "> #\x01\x02\x03", "> #\x04\x05\x06",
			`< 462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "< #\x01\x02\x03", "< #\x04\x05\x06",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ws := dial(t, "/socket.io/?EIO=4&transport=websocket")
			if _, open, err := ws.ReadMessage(); err != nil || open[0] != '0' {
				t.Fatalf("%q, %v", open, err)
			}
			talk(t, ws, "> "+tt.connect)
			_, hello, err := ws.ReadMessage()
			if err != nil || !strings.HasPrefix(string(hello), "40"+tt.prefix+`{"sid":"`) {
				t.Fatalf("CONNECT was answered %q, %v", hello, err)
			}
			talk(t, ws, "< 42"+tt.prefix+`["auth",`+tt.auth+"]")
			talk(t, ws, tt.steps...)
		})
	}
}

func TestPlainWebSocket(t *testing.T) {
	t.Parallel()
	ws := dial(t, "/ws")
	talk(t, ws,
		`< {"event":"auth","data":{}}`,
		`> {"event":"message","data":{"x":1}}`, `< {"event":"message-back","data":{"x":1}}`,
		`> {"event":"message"}`, `< {"event":"message-back"}`,
		`> {"event":"message-with-ack","data":[1,2],"id":"q"}`, `< {"event":"ack","id":"q","data":[1,2]}`,
	)
}
