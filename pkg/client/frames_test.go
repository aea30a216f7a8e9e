package client

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wsFrame builds a server's frame. head is the first byte, FIN and opcode.
func wsFrame(head byte, payload string) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n > 0xffff:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	case n > 125:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = append(b, byte(n))
	}
	return append(b, payload...)
}

func deflated(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, s)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// chunks is a connection that delivers its bytes in pieces of a size.
type chunks struct {
	net.Conn
	b    []byte
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(len(c.b), c.size)])
	c.b = c.b[n:]
	return n, nil
}

func (c *chunks) SetReadDeadline(time.Time) error { return nil }

func readerOf(stream []byte, size int, o Options) *frameReader {
	l := newLink(New(o), &chunks{b: stream, size: size}, nil)
	l.handshakeDone()
	return &frameReader{l: l, max: l.d.opt.MaxMessage}
}

type gotFrame struct {
	Op      byte
	Payload string
}

func TestFrames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 5000)
	cat := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	cases := []struct {
		name    string
		stream  []byte
		deflate bool
		want    []gotFrame
		code    int // close code of the protocol error at the end, 0: clean end of stream
		torn    bool
	}{
		{name: "text", stream: wsFrame(0x81, "hi"), want: []gotFrame{{opText, "hi"}}},
		{name: "empty text", stream: wsFrame(0x81, ""), want: []gotFrame{{opText, ""}}},
		{name: "binary need not be text", stream: wsFrame(0x82, "\xff"), want: []gotFrame{{opBinary, "\xff"}}},
		{name: "several", stream: cat(wsFrame(0x81, "a"), wsFrame(0x82, "b"), wsFrame(0x81, "c")), want: []gotFrame{{opText, "a"}, {opBinary, "b"}, {opText, "c"}}},
		{name: "two-byte length", stream: wsFrame(0x81, long[:300]), want: []gotFrame{{opText, long[:300]}}},
		{name: "longer than the buffer", stream: cat(wsFrame(0x81, long), wsFrame(0x81, "x")), want: []gotFrame{{opText, long}, {opText, "x"}}},
		{name: "eight-byte length", stream: wsFrame(0x82, long+long), want: []gotFrame{{opBinary, long + long}}},
		{name: "fragments with a ping between", stream: cat(wsFrame(0x01, "a"), wsFrame(0x89, "p"), wsFrame(0x00, ""), wsFrame(0x80, "b")), want: []gotFrame{{opPing, "p"}, {opText, "ab"}}},
		{name: "rune split over fragments", stream: cat(wsFrame(0x01, "\xc3"), wsFrame(0x80, "\xa9")), want: []gotFrame{{opText, "é"}}},
		{name: "close", stream: wsFrame(0x88, "\x03\xe8bye"), want: []gotFrame{{opClose, "\x03\xe8bye"}}},
		{name: "compressed", deflate: true, stream: cat(wsFrame(0xc1, deflated(t, long)), wsFrame(0xc1, deflated(t, "ok")), wsFrame(0x81, "plain")), want: []gotFrame{{opText, long}, {opText, "ok"}, {opText, "plain"}}},
		{name: "compressed fragments", deflate: true, stream: cat(wsFrame(0x41, deflated(t, "hello")[:3]), wsFrame(0x80, deflated(t, "hello")[3:])), want: []gotFrame{{opText, "hello"}}},

		{name: "invalid UTF-8", stream: wsFrame(0x81, "\xff"), code: closeInvalidText},
		{name: "invalid UTF-8 in fragments", stream: cat(wsFrame(0x01, "\xc3"), wsFrame(0x80, "x")), code: closeInvalidText},
		{name: "masked", stream: []byte{0x81, 0x81, 1, 2, 3, 4, 5}, code: closeProtocol},
		{name: "compressed without negotiation", stream: wsFrame(0xc1, "x"), code: closeProtocol},
		{name: "reserved bit", stream: wsFrame(0xa1, "x"), code: closeProtocol},
		{name: "compressed ping", deflate: true, stream: wsFrame(0xc9, "x"), code: closeProtocol},
		{name: "unknown data opcode", stream: wsFrame(0x83, "x"), code: closeProtocol},
		{name: "unknown control opcode", stream: wsFrame(0x8b, "x"), code: closeProtocol},
		{name: "fragmented ping", stream: wsFrame(0x09, "x"), code: closeProtocol},
		{name: "long ping", stream: wsFrame(0x89, long[:126]), code: closeProtocol},
		{name: "continuation of nothing", stream: wsFrame(0x80, "x"), code: closeProtocol},
		{name: "message inside a message", stream: cat(wsFrame(0x01, "a"), wsFrame(0x81, "b")), code: closeProtocol},
		{name: "announced length too big", stream: []byte{0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, code: closeTooBig},
		{name: "fragments too big together", stream: cat(wsFrame(0x02, long+long), wsFrame(0x80, long+"x")), code: closeTooBig},
		{name: "inflates to too much", deflate: true, stream: wsFrame(0xc2, deflated(t, strings.Repeat("x", 150_001))), code: closeTooBig},
		{name: "damaged compression", deflate: true, stream: wsFrame(0xc2, "\xff\xff\xff"), code: closeInvalidText},
		{name: "torn header", stream: []byte{0x81}, torn: true},
		{name: "torn payload", stream: wsFrame(0x81, "hello")[:4], torn: true},
		{name: "torn long payload", stream: wsFrame(0x81, long)[:30000], torn: true},
	}
	for _, tc := range cases {
		for _, size := range []int{1, 7, 1 << 20} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				f := readerOf(tc.stream, size, Options{ReadBuffer: 512, MaxMessage: 150_000})
				f.deflate = tc.deflate
				var got []gotFrame
				var err error
				for {
					var op byte
					var p []byte
					if op, p, err = f.next(); err != nil {
						break
					}
					got = append(got, gotFrame{op, string(p)})
				}
				f.close()
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Errorf("frames (-want +got):\n%s", d)
				}
				pe, _ := errors.AsType[*protocolError](err)
				switch {
				case tc.code != 0 && (pe == nil || pe.code != tc.code):
					t.Errorf("ended with %v, want close code %d", err, tc.code)
				case tc.torn && !errors.Is(err, io.ErrUnexpectedEOF):
					t.Errorf("ended with %v, want an unexpected end", err)
				case tc.code == 0 && !tc.torn && !errors.Is(err, io.EOF):
					t.Errorf("ended with %v, want a clean end", err)
				}
			})
		}
	}
}

// FuzzFrames feeds whatever a server may send.
func FuzzFrames(f *testing.F) {
	f.Add(wsFrame(0x81, "hello"), uint8(3), false)
	f.Add(append(wsFrame(0x01, "a"), wsFrame(0x80, "b")...), uint8(1), false)
	f.Add(wsFrame(0xc1, deflated(f, "hello hello")), uint8(200), true)
	f.Add([]byte{0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint8(9), false)
	f.Fuzz(func(t *testing.T, stream []byte, size uint8, deflate bool) {
		const limit = 4096
		r := readerOf(stream, int(size)+1, Options{ReadBuffer: 512, MaxMessage: limit})
		r.deflate = deflate
		for {
			_, p, err := r.next()
			if err != nil {
				break
			}
			if len(p) > limit {
				t.Fatalf("message of %d bytes passed the limit of %d", len(p), limit)
			}
		}
		r.close()
	})
}

// TestHandshakeReadsNoFrame holds the link to its promise: whatever the pieces,
// the reader of the response header gets no byte of what follows.
func TestHandshakeReadsNoFrame(t *testing.T) {
	t.Parallel()
	for _, eol := range []string{"\r\n", "\n"} {
		head := strings.Join([]string{"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "", ""}, eol)
		for size := 1; size < len(head)+10; size++ {
			l := newLink(New(Options{}), &chunks{b: []byte(head + "\x81\x02hi\x81\x01x"), size: size}, nil)
			var got []byte
			buf := make([]byte, 16)
			for len(got) < len(head) {
				n, err := l.Read(buf)
				if err != nil {
					t.Fatalf("pieces of %d: %v after %q", size, err, got)
				}
				got = append(got, buf[:n]...)
			}
			if string(got) != head {
				t.Fatalf("pieces of %d: header is %q", size, got)
			}
			l.handshakeDone()
			f := &frameReader{l: l, max: 100}
			if _, p, err := f.next(); err != nil || string(p) != "hi" {
				t.Fatalf("pieces of %d: first frame %q, %v", size, p, err)
			}
		}
	}
}

func TestHandshakeHeaderIsBounded(t *testing.T) {
	t.Parallel()
	l := newLink(New(Options{}), &chunks{b: bytes.Repeat([]byte("x: y\r\n"), maxHead/4), size: 1 << 20}, nil)
	if _, err := io.Copy(io.Discard, l); !errors.Is(err, errHeadTooLong) {
		t.Fatalf("endless header: %v, want %v", err, errHeadTooLong)
	}
}
