package hardening

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// What is in a message: each of these is answered, or ends its own connection
// with a close code.
func TestBadMessages(t *testing.T) {
	t.Parallel()
	v := attack(t)
	deep := strings.Repeat("[", 400_000) + strings.Repeat("]", 400_000)
	const echo = `421["message-with-ack",`
	for _, tc := range []struct {
		name  string
		send  string
		want  string // prefix of the answer, or
		codes []int  // the close codes that are right
	}{
		{"__proto__", echo + `{"__proto__":{"admin":true},"constructor":{"prototype":{}}}]`, `431[{"__proto__":{"admin":true},"constructor":{"prototype":{}}}]`, nil},
		{"lone surrogate, escaped", echo + `"\ud800"]`, `431["`, nil},
		{"lone surrogate, in bytes", echo + "\"\xed\xa0\x80\"]", "", []int{1007}},
		{"wrong UTF-8", echo + "\"\xff\xfe\"]", "", []int{1007}},
		{"overlong UTF-8", echo + "\"\xc0\xaf\"]", "", []int{1007}},
		{"deep JSON", echo + deep + "]", "431[", []int{0, 1005}},
		{"deep JSON that does not end", echo + deep[:400_000], "", []int{0, 1005}},
		{"not JSON", `421["message-with-ack",{]`, "", []int{0, 1005}},
		{"a reserved event", `421["disconnect"]`, "", []int{0, 1005}},
		{"an unknown packet type", `49["x"]`, "", []int{0, 1005}},
		{"attachments without end", `45999999999-["x"]`, "", []int{0, 1005}},
		{"an acknowledgement nobody waits for", `43999["x"]`, "", nil},
		{"larger than maxPayload", echo + `"` + strings.Repeat("x", 1_100_000) + `"]`, "", []int{1009}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ws := v.join(t, "/")
			write(t, ws, tc.send)
			if tc.want == "" && tc.codes == nil { // ignored: the next message is answered
				write(t, ws, echo+"1]")
				tc.want = "431[1]"
			}
			if got := answerOrEnd(t, ws, tc.want); got != answered {
				for _, c := range tc.codes {
					if got == c {
						return
					}
				}
				t.Errorf("closed with %d, want %q or one of %v", got, tc.want, tc.codes)
			}
		})
	}
	v.unharmed(t)
}

const answered = -1

// answerOrEnd waits for a message with the prefix, or the end and its code.
func answerOrEnd(t *testing.T, ws *websocket.Conn, prefix string) int {
	t.Helper()
	for {
		_, b, err := ws.ReadMessage()
		if e, ok := errors.AsType[*websocket.CloseError](err); ok {
			return e.Code
		}
		if err != nil {
			return ends(t, ws)
		}
		if prefix != "" && strings.HasPrefix(string(b), prefix) {
			return answered
		}
	}
}

// A flood of tiny frames, and one message in tiny fragments, cost the sender its
// own connection or its own time.
func TestTinyFrames(t *testing.T) {
	t.Parallel()
	v := attack(t, "--throttle", "1000/s", "--throttle-strikes", "500")
	const head = "GET " + sioTarget + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	frame := func(first byte, text string) string {
		return string([]byte{first, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text // masked with zeros
	}
	t.Run("tiny events", func(t *testing.T) {
		c := v.raw(t, head+frame(0x81, "40"))
		go func() {
			flood := strings.Repeat(frame(0x81, `42["x"]`), 1000)
			for range 200 {
				if _, err := io.WriteString(c, flood); err != nil {
					return
				}
			}
		}()
		if got := closedWithin(t, c, patience); !strings.Contains(got, "rate_limited") {
			t.Error("no message was told that it is over the rate")
		}
	})
	t.Run("one byte a fragment", func(t *testing.T) {
		c := v.raw(t, head+frame(0x81, "40"))
		go func() {
			flood := strings.Repeat(frame(0x00, "x"), 10_000)
			_, _ = io.WriteString(c, frame(0x01, "4"))
			for range 120 { // 1.2 MB, which is more than maxPayload
				if _, err := io.WriteString(c, flood); err != nil {
					return
				}
			}
		}()
		got := closedWithin(t, c, patience)
		if !strings.Contains(got, "\x03\xf1") { // 1009
			t.Errorf("not closed with 1009: %q", clip([]byte(got)))
		}
	})
	t.Run("pings", func(t *testing.T) {
		c := v.raw(t, head+frame(0x81, "40"))
		_ = c.SetWriteDeadline(time.Now().Add(3 * time.Second))
		flood := strings.Repeat(frame(0x89, "p"), 10_000)
		for range 50 { // nobody reads the pongs: the queue fills and the connection ends
			if _, err := io.WriteString(c, flood); err != nil {
				break
			}
		}
	})
	v.unharmed(t)
}

// The packets of a polling payload are bounded, and so is its text.
func TestPollingPayloads(t *testing.T) {
	t.Parallel()
	v := attack(t)
	for _, tc := range []struct {
		name, body string
		want       int
	}{
		{"100,000 packets", strings.Repeat("3\x1e", 100_000) + "3", http.StatusBadRequest},
		{"empty packets", strings.Repeat("\x1e", 50_000), http.StatusBadRequest},
		{"wrong UTF-8", "4\xff\xfe", http.StatusBadRequest},
		{"larger than maxPayload", "4" + strings.Repeat("x", 1_100_000), http.StatusRequestEntityTooLarge},
		{"not base64", "b!!!!", http.StatusBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, err := http.Post(v.URL+"/socket.io/?EIO=4&transport=polling&sid="+v.polling(t), "text/plain", strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != tc.want || len(b) == 0 || len(b) > 500 {
				t.Errorf("%s %q, want %d with a short text", res.Status, clip(b), tc.want)
			}
		})
	}
	v.unharmed(t)
}

// A message that inflates to far more than it is costs no more than maxPayload.
func TestDeflateBomb(t *testing.T) {
	t.Parallel()
	v := attack(t, "--compression", "1024")
	d := websocket.Dialer{HandshakeTimeout: patience, EnableCompression: true}
	for range 3 {
		ws, res, err := d.Dial("ws://"+v.addr+sioTarget, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		t.Cleanup(func() { _ = ws.Close() })
		if res.Header.Get("Sec-WebSocket-Extensions") == "" {
			t.Fatal("no compression was agreed on")
		}
		_ = ws.SetReadDeadline(time.Now().Add(patience))
		_ = ws.SetCompressionLevel(9)
		ws.EnableWriteCompression(true)
		write(t, ws, "40", `42["message","`+strings.Repeat("x", 8<<20)+`"]`)
		if code := ends(t, ws); code != websocket.CloseMessageTooBig {
			t.Errorf("closed with %d, want %d", code, websocket.CloseMessageTooBig)
		}
	}
	v.unharmed(t)
}
