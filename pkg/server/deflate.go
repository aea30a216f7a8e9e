package server

import (
	"bytes"
	"compress/flate"
	"net/http"
	"strings"
	"sync"
)

// permessage-deflate (RFC 7692), without context takeover on either side: each
// message is deflated by itself, so that all recipients of a broadcast share the
// bytes, and no connection keeps a window.

// DefaultCompressionThreshold is a size below which deflating costs more than it
// saves: most of such a message is its names, which no window repeats.
const DefaultCompressionThreshold = 1024

// Compression configures permessage-deflate on WebSocket.
type Compression struct {
	// Threshold is the size in bytes from which messages to clients are
	// deflated; 0 switches the extension off, in both directions.
	Threshold int
	// Level is that of compress/flate, 1 (fast) to 9 (small); 0 is 1.
	Level int
}

func (c Compression) off() bool { return c.Threshold <= 0 }

// deflater makes deflated frames.
type deflater struct {
	threshold int
	tools     sync.Pool
}

type deflateTool struct {
	w   *flate.Writer
	buf bytes.Buffer
}

// newDeflater returns nil when compression is off.
func newDeflater(c Compression) *deflater {
	if c.off() {
		return nil
	}
	d := &deflater{threshold: c.Threshold}
	d.tools.New = func() any {
		t := &deflateTool{}
		t.w, _ = flate.NewWriter(&t.buf, max(c.Level, 1)) // the level has been checked
		return t
	}
	return d
}

// form is f as this link takes it: deflated, when that was negotiated and is
// worth it.
func (l *link) form(f *frame) *frame {
	if !l.deflates.Load() || f.control || f.verbatim || len(f.wire) < l.srv.deflater.threshold {
		return f
	}
	if d := f.deflated.Load(); d != nil {
		return d
	}
	d := l.srv.deflater.frame(f)
	f.deflated.Store(d) // one who was as fast has made the same
	return d
}

// frame deflates a frame, or returns it as it is when it gets no smaller.
func (d *deflater) frame(f *frame) *frame {
	wire := d.appendMessage(make([]byte, 0, len(f.wire)/2), wsText, f.body)
	for _, a := range f.attachments {
		wire = d.appendMessage(wire, wsBinary, a)
	}
	if len(wire) >= len(f.wire) {
		return f
	}
	return &frame{wire: bytes.Clone(wire), body: f.body, attachments: f.attachments, drop: f.drop}
}

// rsv1 marks a deflated message (RFC 7692, 6).
const rsv1 = 0x40

// appendMessage appends one WebSocket message, deflated if it is large enough
// and gets smaller.
func (d *deflater) appendMessage(dst []byte, opcode byte, b []byte) []byte {
	if len(b) >= d.threshold {
		t := d.tools.Get().(*deflateTool)
		defer d.tools.Put(t)
		t.buf.Reset()
		t.w.Reset(&t.buf)
		_, _ = t.w.Write(b) // to memory
		_ = t.w.Flush()
		// The flush ends with an empty block, 00 00 ff ff, which the message goes
		// without (RFC 7692, 7.2.1).
		if out := t.buf.Bytes()[:t.buf.Len()-4]; len(out) < len(b) {
			return append(appendWSHead(dst, opcode|rsv1, len(out)), out...)
		}
	}
	return append(appendWSHead(dst, opcode, len(b)), b...)
}

// offersDeflate reports whether a handshake has an offer of permessage-deflate
// that can be taken as it stands (RFC 7692, 5.1): the answer takes over no
// context and names no window, so one that wants a smaller window of the server
// is declined, like one with a parameter that is unknown or malformed.
func offersDeflate(h http.Header) bool {
	for _, line := range h["Sec-Websocket-Extensions"] {
		for offer := range strings.SplitSeq(line, ",") {
			if deflateOffer(offer) {
				return true
			}
		}
	}
	return false
}

func deflateOffer(offer string) bool {
	name, rest, more := strings.Cut(offer, ";")
	if !strings.EqualFold(strings.TrimSpace(name), "permessage-deflate") {
		return false
	}
	seen := map[string]bool{}
	for more {
		var param string
		param, rest, more = strings.Cut(rest, ";")
		key, value, valued := strings.Cut(strings.TrimSpace(param), "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.Trim(strings.TrimSpace(value), `"`)
		if seen[key] {
			return false
		}
		seen[key] = true
		switch key {
		case "server_no_context_takeover", "client_no_context_takeover":
			if valued {
				return false
			}
		case "client_max_window_bits": // the client may use less, whatever we answer
			if valued && !windowBits(value) {
				return false
			}
		default: // server_max_window_bits: flate has one window, of 15 bits
			return false
		}
	}
	return true
}

// windowBits reports whether a value is 8 to 15, without leading zeros.
func windowBits(v string) bool {
	switch v {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		return true
	}
	return false
}
