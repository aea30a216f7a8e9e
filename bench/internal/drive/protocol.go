//go:build linux

package drive

import (
	"bytes"
	"fmt"
	"strconv"
)

// Protocol is how a server is spoken to.
type Protocol interface {
	// path is what the WebSocket of a member of room is opened at; room is empty
	// for one that only sends.
	path(room string) string
	// enter makes an opened connection a member of room, or of none when it is
	// empty: say sends a text, hear waits for the next one.
	enter(room string, say func(string) error, hear func() ([]byte, error)) error
	// publish appends the text that sends a payload to a room.
	publish(b []byte, room string, n uint32, payload []byte) []byte
	// pong is the answer to a text that is a ping, or empty.
	pong(p []byte) string
	// ask appends the text that asks for a payload to come back; false if the
	// protocol has no such request.
	ask(b []byte, n uint32, payload []byte) ([]byte, bool)
}

// Plain is WebSocket without a protocol above it, with a server at /ws that
// sends what comes from ?pub=1 to all ?room=1, and anything else back. With Echo
// the subscribers are in no room.
type Plain struct{ Echo bool }

func (p Plain) path(room string) string {
	switch {
	case room == "":
		return "/ws?pub=1"
	case p.Echo:
		return "/ws"
	}
	return "/ws?room=1"
}

func (Plain) enter(string, func(string) error, func() ([]byte, error)) error { return nil }

func (Plain) publish(b []byte, _ string, _ uint32, payload []byte) []byte {
	return append(b, payload...)
}

func (Plain) pong([]byte) string { return "" }

func (p Plain) ask(b []byte, _ uint32, payload []byte) ([]byte, bool) {
	return append(b, payload...), p.Echo
}

// SocketIO speaks Socket.IO 4 over WebSocket with servers that know two events:
// `join ROOM` joins and acks, `send ROOM M` emits m with M to the room; for round
// trips one more, `echo M` acks with M.
type SocketIO struct{}

func (SocketIO) path(string) string { return "/socket.io/?EIO=4&transport=websocket" }

func (SocketIO) enter(room string, say func(string) error, hear func() ([]byte, error)) error {
	if err := expect(hear, "0{"); err != nil {
		return err
	}
	if err := say("40"); err != nil {
		return err
	}
	if err := expect(hear, "40{"); err != nil || room == "" {
		return err
	}
	if err := say(`420["join","` + room + `"]`); err != nil {
		return err
	}
	return expect(hear, "430[]")
}

func (SocketIO) publish(b []byte, room string, _ uint32, payload []byte) []byte {
	b = append(b, `42["send","`...)
	b = append(b, room...)
	b = append(b, `",`...)
	return append(append(b, payload...), ']')
}

func (SocketIO) pong(p []byte) string {
	if len(p) == 1 && p[0] == '2' {
		return "3"
	}
	return ""
}

func (SocketIO) ask(b []byte, n uint32, payload []byte) ([]byte, bool) {
	b = append(b, '4', '2')
	b = strconv.AppendUint(b, uint64(n), 10)
	b = append(b, `["echo",`...)
	return append(append(b, payload...), ']'), true
}

// Centrifugo speaks the JSON protocol of Centrifugo over WebSocket.
type Centrifugo struct{}

func (Centrifugo) path(string) string { return "/connection/websocket" }

func (Centrifugo) enter(room string, say func(string) error, hear func() ([]byte, error)) error {
	if err := say(`{"id":1,"connect":{}}`); err != nil {
		return err
	}
	if err := expect(hear, `{"id":1,"connect":`); err != nil || room == "" {
		return err
	}
	if err := say(`{"id":2,"subscribe":{"channel":"` + room + `"}}`); err != nil {
		return err
	}
	return expect(hear, `{"id":2,"subscribe":`)
}

func (Centrifugo) publish(b []byte, room string, n uint32, payload []byte) []byte {
	return fmt.Appendf(b, `{"id":%d,"publish":{"channel":"%s","data":%s}}`, n+3, room, payload)
}

func (Centrifugo) pong(p []byte) string {
	if len(p) == 2 {
		return "{}"
	}
	return ""
}

func (Centrifugo) ask(b []byte, _ uint32, _ []byte) ([]byte, bool) { return b, false }

func expect(hear func() ([]byte, error), prefix string) error {
	p, err := hear()
	if err == nil && !bytes.HasPrefix(p, []byte(prefix)) {
		err = fmt.Errorf("the server said %.100q, want %q", p, prefix)
	}
	return err
}
