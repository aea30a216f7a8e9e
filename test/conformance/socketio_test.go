package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestNamespaces is Socket.IO 5, "Connection to a namespace".
func TestNamespaces(t *testing.T) {
	t.Parallel()
	e := endpoints(serve(t, "--ping-interval", "20s"))["socket.io"]
	for _, tc := range []struct{ name, connect, prefix, auth string }{
		{"main", "40", "40", `42["auth",{}]`},
		{"main with a payload", `40{"token":"123"}`, "40", `42["auth",{"token":"123"}]`},
		{"custom", "40/custom,", "40/custom,", `42/custom,["auth",{}]`},
		{"custom without a comma", "40/custom", "40/custom,", `42/custom,["auth",{}]`},
		{"custom with a payload", `40/custom,{"token":"abc"}`, "40/custom,", `42/custom,["auth",{"token":"abc"}]`},
	} {
		t.Run("joined: "+tc.name, func(t *testing.T) {
			t.Parallel()
			s, _ := e.websocket(t)
			s.send(tc.connect)
			_, hello := s.next()
			var sid string
			if n, err := fmt.Sscanf(strings.TrimPrefix(string(hello), tc.prefix), `{"sid":%q}`, &sid); n != 1 || err != nil || len(sid) != 20 {
				t.Fatalf("CONNECT was answered %q", hello)
			}
			s.want(tc.auth)
		})
	}
	t.Run("unknown namespace", func(t *testing.T) {
		t.Parallel()
		s, _ := e.websocket(t)
		s.send("40/random")
		s.want(`44/random,{"message":"Invalid namespace"}`)
	})
	t.Run("no namespace in time", func(t *testing.T) {
		t.Parallel()
		s, _ := e.websocket(t)
		begin := time.Now()
		s.closed()
		if after := time.Since(begin); after < connectTimeout-100*time.Millisecond {
			t.Errorf("closed after %v already", after)
		}
	})
	t.Run("a refused namespace does not stop the clock", func(t *testing.T) {
		t.Parallel()
		s, _ := e.websocket(t)
		s.send("40/random")
		s.closed()
	})
}

// joined is a client of the main namespace.
func joined(t *testing.T, e endpoint) *socket {
	t.Helper()
	s, _ := e.websocket(t)
	s.send("40")
	s.next()
	s.want(`42["auth",{}]`)
	return s
}

// TestViolations is Socket.IO 5, "Packet encoding": a client that breaks the
// protocol is closed, without a reason.
func TestViolations(t *testing.T) {
	t.Parallel()
	e := endpoints(serve(t, "--ping-interval", "20s", "--connect-timeout", "20s"))["socket.io"]
	for _, tc := range []struct {
		name   string
		joined bool
		send   []any
	}{
		{"no packet at all, before CONNECT", false, []any{"4abc"}},
		{"EVENT before CONNECT", false, []any{`42["x"]`}},
		{"ACK before CONNECT", false, []any{`431[]`}},
		{"DISCONNECT before CONNECT", false, []any{"41"}},
		{"EVENT for a namespace not joined", true, []any{`42/custom,["x"]`}},
		{"second CONNECT", true, []any{"40"}},
		{"unknown packet type", true, []any{"4abc"}},
		{"packet type 7", true, []any{`47["x"]`}},
		{"CONNECT_ERROR from a client", true, []any{`44{"message":"x"}`}},
		{"EVENT with an object", true, []any{"42{}"}},
		{"EVENT without a name", true, []any{"42[]"}},
		{"EVENT with a bad acknowledgement id", true, []any{`42abc["message-with-ack",1,"2",{"3":[false]}]`}},
		{"EVENT with bad JSON", true, []any{`42["x",`}},
		{"reserved event name", true, []any{`42["disconnect"]`}},
		{"attachment without an announcement", true, []any{[]byte{1}}},
		{"text in place of an attachment", true, []any{`451-["x",{"_placeholder":true,"num":0}]`, `42["y"]`}},
		{"eleven attachments", true, []any{`4511-["x"]`}},
		{"attachment count without a dash", true, []any{`451["x"]`}},
		{"engine packet of an unknown type", true, []any{"9"}},
		{"ping from a client", true, []any{"2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var s *socket
			if tc.joined {
				s = joined(t, e)
			} else {
				s, _ = e.websocket(t)
			}
			s.send(tc.send...)
			if before := s.closed(); len(before) > 0 {
				t.Errorf("got %q before the close", before)
			}
		})
	}
}

// TestDisconnect is Socket.IO 5, "Disconnection from a namespace".
func TestDisconnect(t *testing.T) {
	t.Parallel()
	e := endpoints(serve(t))["socket.io"]
	t.Run("the connection stays", func(t *testing.T) {
		t.Parallel()
		s := joined(t, e)
		s.send("41")
		if _, b, err := s.ws.ReadMessage(); err != nil || string(b) != "2" {
			t.Fatalf("%q, %v, want a ping", b, err)
		}
	})
	t.Run("other namespaces stay", func(t *testing.T) {
		t.Parallel()
		s := joined(t, e)
		s.send("40/custom")
		s.next()
		s.want(`42/custom,["auth",{}]`)
		s.send("41/custom", `42["message","to the main namespace"]`)
		s.want(`42["message-back","to the main namespace"]`)
	})
	t.Run("one may come back", func(t *testing.T) {
		t.Parallel()
		s := joined(t, e)
		s.send("41", "40")
		s.next()
		s.want(`42["auth",{}]`)
	})
}

// TestEvents is Socket.IO 5, "Sending and receiving data" and "Acknowledgement".
func TestEvents(t *testing.T) {
	t.Parallel()
	e := endpoints(serve(t, "--ping-interval", "20s"))["socket.io"]
	two := `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`
	a, b := []byte{1, 2, 3}, []byte{4, 5, 6}
	for _, tc := range []struct {
		name       string
		send, want []any
	}{
		{"text", []any{`42["message",1,"2",{"3":[true]}]`}, []any{`42["message-back",1,"2",{"3":[true]}]`}},
		{"attachments", []any{`452-["message",` + two + `]`, a, b}, []any{`452-["message-back",` + two + `]`, a, b}},
		{"text acknowledged", []any{`42456["message-with-ack",1,"2",{"3":[false]}]`}, []any{`43456[1,"2",{"3":[false]}]`}},
		{"attachments acknowledged", []any{`452-789["message-with-ack",` + two + `]`, a, b}, []any{`462-789[` + two + `]`, a, b}},
		{"an acknowledgement that nobody waits for", []any{`43999[1]`, `421["message-with-ack"]`}, []any{`431[]`}},
		{"ten attachments", tenAttachments("message"), tenAttachments("message-back")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := joined(t, e)
			s.send(tc.send...)
			s.want(tc.want...)
		})
	}
}

func tenAttachments(event string) []any {
	frames := make([]any, 1, 11)
	placeholders := make([]string, 10)
	for i := range placeholders {
		placeholders[i] = fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i)
		frames = append(frames, []byte{byte(i)})
	}
	frames[0] = fmt.Sprintf(`4510-[%q,%s]`, event, strings.Join(placeholders, ","))
	return frames
}
