package tui

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Schema names the objects of NDJSON output.
const Schema = "rtk.watch/v1"

// appendNDJSON appends e as one JSON object and a line feed:
//
//	schema, seq, at (RFC 3339), dir (in, out, local), kind; then where known
//	transport, namespace, event, ack_id, id, size, latency_s, note, fault;
//	then the payload: args (Socket.IO, an array), data (one JSON value),
//	text (anything else) or binary (base64); attachments (base64)
//
// The payload is the server's, with secrets masked by m; characters that could
// act on a terminal are escaped.
func appendNDJSON(dst []byte, e *Event, m *Mask) []byte {
	dst = append(dst, `{"schema":"`+Schema+`","seq":`...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, `,"at":"`...)
	dst = e.At.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","dir":"`+e.dirName()+`","kind":"`+e.kindName()+`"`...)
	dst = appendStringField(dst, "transport", string(e.Transport))
	dst = appendStringField(dst, "namespace", e.Namespace)
	dst = appendStringField(dst, "event", e.Name)
	if e.AckID != rt.NoAck && (e.Kind == rt.KindEvent || e.Kind == rt.KindAck) {
		dst = append(dst, `,"ack_id":`...)
		dst = strconv.AppendInt(dst, e.AckID, 10)
	}
	dst = appendStringField(dst, "id", m.Text(e.ID))
	if e.Dir != rt.Local {
		dst = append(dst, `,"size":`...)
		dst = strconv.AppendInt(dst, int64(e.Size), 10)
	}
	if e.Latency > 0 {
		dst = append(dst, `,"latency_s":`...)
		dst = strconv.AppendFloat(dst, e.Latency.Seconds(), 'f', -1, 64)
	}
	dst = appendStringField(dst, "note", m.Text(e.Note))
	if e.Fault {
		dst = append(dst, `,"fault":true`...)
	}
	dst = appendPayload(dst, e, m)
	for i, a := range e.Attachments {
		if i == 0 {
			dst = append(dst, `,"attachments":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = appendBase64(dst, a)
		if i == len(e.Attachments)-1 {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}', '\n')
}

func appendPayload(dst []byte, e *Event, m *Mask) []byte {
	body := m.Bytes(e.Body)
	switch {
	case e.Multi:
		args := append(append([]byte{'['}, body...), ']')
		if json.Valid(args) {
			return appendRaw(append(dst, `,"args":`...), args)
		}
	case len(body) == 0:
		return dst
	case e.Binary:
		return appendBase64(append(dst, `,"binary":`...), body)
	case json.Valid(body):
		return appendRaw(append(dst, `,"data":`...), body)
	}
	return appendString(append(dst, `,"text":`...), string(body))
}

func appendStringField(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(append(dst, `,"`+key+`":`...), value)
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

func appendString(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return append(dst, `""`...)
	}
	return appendEscaped(dst, b)
}

// appendRaw appends valid JSON on one line.
func appendRaw(dst, raw []byte) []byte {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil { // the caller has checked
		return append(dst, "null"...)
	}
	return appendEscaped(dst, line.Bytes())
}

// appendEscaped escapes what JSON allows in strings but a terminal may obey:
// C1 controls, DEL, directional marks, and bytes that are not UTF-8.
func appendEscaped(dst, b []byte) []byte {
	for len(b) > 0 {
		if c := b[0]; c < 0x7f {
			dst = append(dst, c)
			b = b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if r != utf8.RuneError && unicode.IsPrint(r) {
			dst = append(dst, b[:n]...)
		} else {
			dst = appendEscape(dst, r)
		}
		b = b[n:]
	}
	return dst
}

func appendEscape(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	if r > 0xffff {
		r -= 0x10000
		dst = appendEscape(dst, 0xd800+(r>>10)) // a surrogate pair, RFC 8259, 7
		return appendEscape(dst, 0xdc00+(r&0x3ff))
	}
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
