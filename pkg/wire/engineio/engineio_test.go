package engineio_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		frame  string
		binary bool
		want   engineio.Packet
		err    error
	}{
		{name: "open", frame: `0{"sid":"x"}`, want: engineio.Packet{Type: engineio.Open, Data: []byte(`{"sid":"x"}`)}},
		{name: "close", frame: "1", want: engineio.Packet{Type: engineio.Close}},
		{name: "probe", frame: "2probe", want: engineio.Packet{Type: engineio.Ping, Data: []byte("probe")}},
		{name: "pong", frame: "3", want: engineio.Packet{Type: engineio.Pong}},
		{name: "message", frame: "4hello", want: engineio.Packet{Type: engineio.Message, Data: []byte("hello")}},
		{name: "upgrade", frame: "5", want: engineio.Packet{Type: engineio.Upgrade}},
		{name: "noop", frame: "6", want: engineio.Packet{Type: engineio.Noop}},
		{name: "binary", frame: "\x01\x02", binary: true, want: engineio.Packet{Type: engineio.Message, Binary: true, Data: []byte{1, 2}}},
		{name: "empty binary", binary: true, want: engineio.Packet{Type: engineio.Message, Binary: true}},
		{name: "empty text", err: engineio.ErrEmpty},
		{name: "unknown type", frame: "7", err: engineio.ErrPacketType},
		{name: "base64 in a text frame", frame: "bAQID", err: engineio.ErrPacketType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := engineio.Decode([]byte(tt.frame), tt.binary)
			if !errors.Is(err, tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("packet (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		packets []engineio.Packet
		want    string
	}{
		{"one", []engineio.Packet{{Type: engineio.Message, Data: []byte("hello")}}, "4hello"},
		{
			"text, empty and binary",
			[]engineio.Packet{
				{Type: engineio.Message, Data: []byte("hello")},
				{Type: engineio.Ping},
				{Type: engineio.Message, Binary: true, Data: []byte{1, 2, 3, 4}},
			},
			"4hello\x1e2\x1ebAQIDBA==",
		},
		{"empty binary", []engineio.Packet{{Type: engineio.Message, Binary: true}}, "b"},
		{"unicode", []engineio.Packet{{Type: engineio.Message, Data: []byte("é€")}, {Type: engineio.Noop}}, "4é€\x1e6"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var body []byte
			for _, p := range tt.packets {
				body = engineio.AppendRecord(body, p)
			}
			if diff := cmp.Diff(tt.want, string(body)); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			got, err := decodeAll([]byte(tt.want), 0)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.packets, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("packets (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodePayloadRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		max        int
		err        error
		before     int // packets yielded before the error
	}{
		{name: "empty body", body: "", err: engineio.ErrEmpty},
		{name: "empty record", body: "4a\x1e\x1e4b", err: engineio.ErrEmpty, before: 1},
		{name: "trailing separator", body: "4a\x1e", err: engineio.ErrEmpty, before: 1},
		{name: "unknown type", body: "4a\x1e9", err: engineio.ErrPacketType, before: 1},
		{name: "bad base64", body: "b!!", err: engineio.ErrBase64},
		{name: "one too many", body: "4a\x1e4b\x1e4c", max: 2, err: engineio.ErrTooManyPackets, before: 2},
		{name: "Engine.IO 3 framing", body: "2:4a", err: nil, before: 1}, // a ping with data: the caller's rules refuse it
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeAll([]byte(tt.body), tt.max)
			if !errors.Is(err, tt.err) {
				t.Errorf("err = %v, want %v", err, tt.err)
			}
			if len(got) != tt.before {
				t.Errorf("yielded %d packets, want %d", len(got), tt.before)
			}
		})
	}
}

func TestDecodePayloadStopsAtYield(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	n := 0
	err := engineio.DecodePayload([]byte("4a\x1e4b"), 0, func(engineio.Packet) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("err = %v after %d packets, want yield's error after 1", err, n)
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	h := engineio.Handshake{
		SID: "DSEX_2GrXVngtP-8AAAB", Upgrades: []string{"websocket"},
		PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, MaxPayload: 1_000_000,
	}
	const want = `0{"sid":"DSEX_2GrXVngtP-8AAAB","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	got := engineio.AppendOpen(nil, h)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("AppendOpen (-want +got):\n%s", diff)
	}
	back, err := engineio.ParseHandshake(got[1:])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, back); diff != "" {
		t.Errorf("ParseHandshake (-want +got):\n%s", diff)
	}
	h.Upgrades = nil
	if got := string(engineio.AppendOpen(nil, h)); !strings.Contains(got, `"upgrades":[]`) {
		t.Errorf("AppendOpen without upgrades = %s, want an empty array", got)
	}
}

func TestParseHandshakeRefuses(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"empty":          "",
		"not JSON":       `{"sid"`,
		"array":          `[]`,
		"no sid":         `{"pingInterval":25000,"pingTimeout":20000}`,
		"no interval":    `{"sid":"a","pingTimeout":20000}`,
		"negative":       `{"sid":"a","pingInterval":-1,"pingTimeout":20000}`,
		"endless":        `{"sid":"a","pingInterval":1e300,"pingTimeout":20000}`,
		"wrong type":     `{"sid":7,"pingInterval":1,"pingTimeout":20000}`,
		"greedy payload": `{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":1e18}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := engineio.ParseHandshake([]byte(data)); !errors.Is(err, engineio.ErrHandshake) {
				t.Errorf("err = %v, want ErrHandshake", err)
			}
		})
	}
}

func TestHandshakeErrorJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    *engineio.HandshakeError
		status int
		want   string
	}{
		{engineio.ErrTransportUnknown, 400, `{"code":0,"message":"Transport unknown"}`},
		{engineio.ErrSessionUnknown, 400, `{"code":1,"message":"Session ID unknown"}`},
		{engineio.ErrBadMethod, 400, `{"code":2,"message":"Bad handshake method"}`},
		{engineio.ErrBadRequest, 400, `{"code":3,"message":"Bad request"}`},
		{engineio.ErrForbidden, 403, `{"code":4,"message":"Forbidden"}`},
		{engineio.ErrUnsupportedVersion, 400, `{"code":5,"message":"Unsupported protocol version"}`},
	}
	for _, tt := range tests {
		if got := string(tt.err.JSON()); got != tt.want || tt.err.Status != tt.status {
			t.Errorf("%v: %d %s, want %d %s", tt.err, tt.err.Status, got, tt.status, tt.want)
		}
	}
}

func decodeAll(body []byte, maxPackets int) (packets []engineio.Packet, err error) {
	err = engineio.DecodePayload(body, maxPackets, func(p engineio.Packet) error {
		packets = append(packets, p)
		return nil
	})
	return packets, err
}
