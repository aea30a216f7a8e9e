package chat

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves the chat on a real listener and returns its ws:// URL.
func start(t *testing.T, opts server.Options) string {
	t.Helper()
	s, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	Register(s, New(Options{}))
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		h.Close()
	})
	return "ws" + strings.TrimPrefix(h.URL, "http")
}

// client speaks the frames of one protocol over a WebSocket.
type client struct {
	t    *testing.T
	ws   *websocket.Conn
	sio  bool
	next int
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), url, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	return &client{t: t, ws: ws}
}

func dialWS(t *testing.T, url string) *client { return dial(t, url+"/ws?namespace=/chat") }

func dialSocketIO(t *testing.T, url string) *client {
	c := dial(t, url+"/socket.io/?EIO=4&transport=websocket")
	c.sio = true
	c.read() // OPEN
	c.write("40/chat,")
	if f := c.read(); !strings.HasPrefix(f, `40/chat,{"sid":"`) {
		t.Fatalf("CONNECT was answered %s", f)
	}
	return c
}

func (c *client) write(frame string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() string {
	c.t.Helper()
	_, b, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// call emits an event and returns the acknowledgement as JSON; the next frame
// must be it.
func (c *client) call(event, data string) string {
	c.t.Helper()
	c.next++
	id, _ := json.Marshal(c.next)
	if c.sio {
		c.write("42/chat," + string(id) + `["` + event + `",` + data + "]")
		f := c.read()
		ack, ok := strings.CutPrefix(f, "43/chat,"+string(id)+"[")
		if !ok {
			c.t.Fatalf("%s was answered %s", event, f)
		}
		return strings.TrimSuffix(ack, "]")
	}
	c.write(`{"event":"` + event + `","data":` + data + `,"id":` + string(id) + "}")
	f := c.read()
	ack, ok := strings.CutPrefix(f, `{"event":"ack","id":`+string(id)+`,"data":`)
	if !ok {
		c.t.Fatalf("%s was answered %s", event, f)
	}
	return strings.TrimSuffix(ack, "}")
}

// event reads one event and returns its name and data.
func (c *client) event() (name, data string) {
	c.t.Helper()
	f := c.read()
	if c.sio {
		var args []json.RawMessage
		if err := json.Unmarshal([]byte(strings.TrimPrefix(f, "42/chat,")), &args); err != nil || len(args) != 2 {
			c.t.Fatalf("not an event: %s", f)
		}
		return strings.Trim(string(args[0]), `"`), string(args[1])
	}
	var e struct {
		Event string
		Data  json.RawMessage
	}
	if err := json.Unmarshal([]byte(f), &e); err != nil {
		c.t.Fatalf("not an event: %s", f)
	}
	return e.Event, string(e.Data)
}

// Clients of both protocols meet in one room.
func TestChatOverBothProtocols(t *testing.T) {
	t.Parallel()
	url := start(t, server.Options{})
	a, b, outsider := dialSocketIO(t, url), dialWS(t, url), dialWS(t, url)
	for _, c := range []*client{a, b} {
		if ack := c.call("join", `{"room":"r1"}`); ack != `{"ok":true,"room":"r1"}` {
			t.Fatalf("join: %s", ack)
		}
	}
	if ack := outsider.call("join", `{"room":"r2"}`); ack != `{"ok":true,"room":"r2"}` {
		t.Fatalf("join: %s", ack)
	}

	// The sender's copy is queued before its acknowledgement: both are read.
	a.write(`42/chat,7["message",{"room":"r1","text":"<é> \u003c"}]`)
	var ack, own string
	for range 2 {
		if f := a.read(); strings.HasPrefix(f, "43/chat,7[") {
			ack = f
		} else {
			own = f
		}
	}
	var receipt []struct {
		OK bool
		ID string
		At int64
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(ack, "43/chat,7")), &receipt); err != nil || !receipt[0].OK || receipt[0].ID == "" || receipt[0].At == 0 {
		t.Fatalf("ack %s: %v", ack, err)
	}
	name, data := b.event()
	if name != "message" || !strings.HasPrefix(data, `{"room":"r1","text":"<é> \u003c","from":"anon-`) || !strings.Contains(data, `"id":"`+receipt[0].ID+`"`) {
		t.Errorf("the other member got %s %s", name, data)
	}
	if own != `42/chat,["message",`+data+"]" {
		t.Errorf("the sender got %s", own)
	}

	if ack := b.call("typing", `{"room":"r1"}`); ack != `{"ok":true}` {
		t.Errorf("typing: %s", ack)
	}
	if name, data := a.event(); name != "typing" || !strings.HasPrefix(data, `{"room":"r1","from":"anon-`) {
		t.Errorf("the other member got %s %s", name, data)
	}

	if ack := b.call("leave", `{"room":"r1"}`); ack != `{"ok":true,"room":"r1"}` {
		t.Errorf("leave: %s", ack)
	}
	if ack := b.call("message", `{"room":"r1","text":"x"}`); ack != `{"ok":false,"error":{"code":"not_a_member","message":"join room \"r1\" first"}}` {
		t.Errorf("after leaving: %s", ack)
	}
	// The outsider saw nothing of it: the next frame is its own answer.
	if ack := outsider.call("leave", `{"room":"r2"}`); ack != `{"ok":true,"room":"r2"}` {
		t.Errorf("leave: %s", ack)
	}
}

// With tokens, the sender's name is the subject: nobody can choose it.
func TestChatFromIsTheSubject(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdef0123456789abcdef")
	verifier, err := auth.New(auth.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	url := start(t, server.Options{Auth: verifier})
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ana \"q\"", "exp": time.Now().Add(time.Minute).Unix()}).SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, url+"/ws?namespace=/chat&token="+token)
	if ack := c.call("join", `{"room":"r"}`); ack != `{"ok":true,"room":"r"}` {
		t.Fatalf("join: %s", ack)
	}
	c.write(`{"event":"message","data":{"room":"r","text":"x","from":"eve"}}`)
	if name, data := c.event(); name != "message" || !strings.Contains(data, `"from":"ana \"q\""`) {
		t.Errorf("got %s %s", name, data)
	}
}

func TestChatNonsense(t *testing.T) {
	t.Parallel()
	url := start(t, server.Options{})
	tests := []struct{ name, event, data, code string }{
		{"room as a string", "join", `"lobby"`, CodeInvalidRoom},
		{"room is null", "join", `{"room":null}`, CodeInvalidRoom},
		{"null", "join", `null`, CodeInvalidRoom},
		{"array", "message", `[1,2]`, CodeInvalidRoom},
		{"empty object", "typing", `{}`, CodeInvalidRoom},
		{"not joined", "typing", `{"room":"nowhere"}`, CodeNotAMember},
		{"room with newline", "join", `{"room":"a\nb"}`, CodeInvalidRoom},
		{"unknown event", "shout", `{}`, "unknown_event"},
	}
	for _, dialer := range []func(*testing.T, string) *client{dialSocketIO, dialWS} {
		c := dialer(t, url)
		for _, tt := range tests {
			if ack := c.call(tt.event, tt.data); !strings.HasPrefix(ack, `{"ok":false,"error":{"code":"`+tt.code+`"`) {
				t.Errorf("%s: %s %s was acked %s, want code %s", tt.name, tt.event, tt.data, ack, tt.code)
			}
		}
	}
}
