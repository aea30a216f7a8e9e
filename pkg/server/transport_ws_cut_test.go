package server

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// maskedFrame is a client's frame with the given first byte.
func maskedFrame(first byte, payload string) []byte {
	key := []byte{0x9f, 0x01, 0x7e, 0xa3}
	b := appendWSHead(nil, first&0xf, len(payload))
	b[0], b[1] = first, b[1]|0x80
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// TestCutFrame is which frames the shortcut takes, and that it takes them whole.
func TestCutFrame(t *testing.T) {
	t.Parallel()
	const text, binary = 0x81, 0x82
	long := strings.Repeat("long ", 800)
	unmasked := appendWSHead(nil, wsText, 4)
	type cut struct {
		Opcode  byte
		Message string
		Rest    int
		Taken   bool
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want cut
	}{
		{"empty text", maskedFrame(text, ""), cut{wsText, "", 0, true}},
		{"text", maskedFrame(text, `42["echo",1]`), cut{wsText, `42["echo",1]`, 0, true}},
		{"binary", maskedFrame(binary, "\x00\xff"), cut{wsBinary, "\x00\xff", 0, true}},
		{"16-bit length", maskedFrame(text, long), cut{wsText, long, 0, true}},
		{"with something behind it", append(maskedFrame(text, "a"), 0x89, 0x80), cut{wsText, "a", 2, true}},
		{"64-bit length", maskedFrame(text, strings.Repeat("x", 1<<16)), cut{}},
		{"nothing", nil, cut{}},
		{"half a header", maskedFrame(text, "abc")[:5], cut{}},
		{"half a payload", maskedFrame(text, "abc")[:8], cut{}},
		{"half a 16-bit length", maskedFrame(text, long)[:3], cut{}},
		{"not masked", append(unmasked, "text"...), cut{}},
		{"not final", maskedFrame(0x01, "a"), cut{}},
		{"continuation", maskedFrame(0x80, "a"), cut{}},
		{"compressed", maskedFrame(0xc1, "a"), cut{}},
		{"ping", maskedFrame(0x89, "a"), cut{wsPing, "a", 0, true}},
		{"pong", maskedFrame(0x8a, ""), cut{wsPong, "", 0, true}},
		{"long ping", maskedFrame(0x89, strings.Repeat("a", 126)), cut{}},
		{"ping in parts", maskedFrame(0x09, "a"), cut{}},
		{"close", maskedFrame(0x88, "\x03\xe8"), cut{}},
		{"reserved opcode", maskedFrame(0x83, "a"), cut{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opcode, message, rest := cutFrame(bytes.Clone(tt.b))
			got := cut{opcode, string(message), len(rest), message != nil}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzCutFrame is that what is taken is the frame that was sent: encoded again it
// gives the same bytes, up to a length that was written too long.
func FuzzCutFrame(f *testing.F) {
	f.Add(maskedFrame(0x81, `42["echo",1]`))
	f.Add(maskedFrame(0x82, strings.Repeat("ab", 100)))
	f.Add(append(maskedFrame(0x81, ""), maskedFrame(0x81, "b")...))
	f.Add([]byte{0x81, 0xfe, 0x00, 0x01, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, sent []byte) {
		opcode, message, rest := cutFrame(bytes.Clone(sent))
		if message == nil {
			return
		}
		frame := sent[:len(sent)-len(rest)]
		key := frame[len(frame)-len(message)-4:][:4]
		again := appendWSHead(nil, opcode, len(message))
		again[1] |= 0x80
		again = append(again, key...)
		for i, c := range message {
			again = append(again, c^key[i%4])
		}
		if tooLong := frame[1] == 0xfe && len(message) < 126; tooLong {
			again = append([]byte{frame[0], frame[1], 0, byte(len(message))}, again[2:]...)
		}
		if !bytes.Equal(frame, again) {
			t.Errorf("% x was taken for % x", frame, again)
		}
	})
}
