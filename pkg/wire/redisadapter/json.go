package redisadapter

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

var errDepth = errors.New("nested too deep")

// jsonWriter turns MessagePack into the JSON that JSON.stringify would write,
// with binary values taken out.
type jsonWriter struct {
	dst         []byte
	attachments [][]byte
	inline      bool // leaves binary values in place, as JSON.stringify writes a Buffer
}

// value writes the value that b starts with and returns what follows it.
func (w *jsonWriter) value(b []byte, depth int) ([]byte, error) {
	if len(b) == 0 {
		return nil, msgp.ErrShortBytes
	}
	switch t := msgp.NextType(b); t {
	case msgp.StrType:
		s, rest, err := msgp.ReadStringZC(b)
		if err != nil {
			return nil, err
		}
		w.dst = rawjson.AppendQuote(w.dst, s)
		return rest, nil
	case msgp.IntType, msgp.UintType:
		var err error
		w.dst, b, err = appendInteger(w.dst, b)
		return b, err
	case msgp.Float64Type, msgp.Float32Type:
		f, rest, err := readFloat(b)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			w.dst = append(w.dst, "null"...)
			return rest, nil
		}
		w.dst = appendFloat(w.dst, f)
		return rest, nil
	case msgp.BoolType:
		v, rest, err := msgp.ReadBoolBytes(b)
		w.dst = strconv.AppendBool(w.dst, v)
		return rest, err
	case msgp.NilType:
		w.dst = append(w.dst, "null"...)
		return b[1:], nil
	case msgp.BinType:
		bin, rest, err := msgp.ReadBytesZC(b)
		if err != nil {
			return nil, err
		}
		w.attach(bin)
		return rest, nil
	case msgp.ArrayType:
		return w.array(b, depth)
	case msgp.MapType:
		return w.object(b, depth)
	case msgp.InvalidType:
		return nil, fmt.Errorf("invalid byte %#02x", b[0])
	default: // every kind of extension, msgp's own guesses about it included
		return w.extension(b)
	}
}

func (w *jsonWriter) attach(bin []byte) {
	if w.inline {
		w.dst = append(w.dst, `{"type":"Buffer","data":[`...)
		for i, c := range bin {
			if i > 0 {
				w.dst = append(w.dst, ',')
			}
			w.dst = strconv.AppendUint(w.dst, uint64(c), 10)
		}
		w.dst = append(w.dst, ']', '}')
		return
	}
	w.dst = socketio.AppendPlaceholder(w.dst, len(w.attachments))
	w.attachments = append(w.attachments, bin)
}

func (w *jsonWriter) array(b []byte, depth int) ([]byte, error) {
	if depth == rawjson.MaxDepth {
		return nil, errDepth
	}
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	w.dst = append(w.dst, '[')
	for i := range n {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if b, err = w.value(b, depth+1); err != nil {
			return nil, err
		}
	}
	w.dst = append(w.dst, ']')
	return b, nil
}

func (w *jsonWriter) object(b []byte, depth int) ([]byte, error) {
	if depth == rawjson.MaxDepth {
		return nil, errDepth
	}
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	w.dst = append(w.dst, '{')
	for i := range n {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if b, err = w.key(b); err != nil {
			return nil, err
		}
		w.dst = append(w.dst, ':')
		if b, err = w.value(b, depth+1); err != nil {
			return nil, err
		}
	}
	w.dst = append(w.dst, '}')
	return b, nil
}

// key writes a map key. Peers in JavaScript have strings only; an integer is
// what other languages may send.
func (w *jsonWriter) key(b []byte) ([]byte, error) {
	switch t := msgp.NextType(b); t {
	case msgp.StrType:
		return w.value(b, 0)
	case msgp.IntType, msgp.UintType:
		var err error
		w.dst, b, err = appendInteger(append(w.dst, '"'), b)
		w.dst = append(w.dst, '"')
		return b, err
	default:
		if len(b) == 0 {
			return nil, msgp.ErrShortBytes
		}
		return nil, fmt.Errorf("map key is a %s", t)
	}
}

func appendInteger(dst, b []byte) (out, rest []byte, err error) {
	if msgp.NextType(b) == msgp.UintType {
		u, rest, err := msgp.ReadUint64Bytes(b)
		return strconv.AppendUint(dst, u, 10), rest, err
	}
	i, rest, err := msgp.ReadInt64Bytes(b)
	return strconv.AppendInt(dst, i, 10), rest, err
}

func readFloat(b []byte) (float64, []byte, error) {
	if msgp.NextType(b) == msgp.Float32Type {
		f, rest, err := msgp.ReadFloat32Bytes(b)
		return float64(f), rest, err
	}
	return msgp.ReadFloat64Bytes(b)
}

// appendFloat writes a finite number as JavaScript prints it (ECMAScript,
// Number::toString).
func appendFloat(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0') // -0 too
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// Go writes e-07, JavaScript e-7.
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// Extension types that notepack.io knows: -1 is MessagePack's timestamp; 0 was
// its own mark for undefined, Date and ArrayBuffer before 3.0.
const (
	extTimestamp = -1
	extLegacy    = 0
)

func (w *jsonWriter) extension(b []byte) ([]byte, error) {
	typ, data, rest, err := readExtension(b)
	if err != nil {
		return nil, err
	}
	switch typ {
	case extTimestamp:
		t, ok := parseTimestamp(data)
		if !ok {
			return nil, fmt.Errorf("timestamp of %d bytes", len(data))
		}
		w.dst = appendDate(w.dst, t)
		return rest, nil
	case extLegacy:
		switch b[0] {
		case fixExt1:
			w.dst = append(w.dst, "null"...)
		case fixExt8:
			millis := int64(be64(data))
			w.dst = appendDate(w.dst, time.UnixMilli(millis))
		case ext8, ext16, ext32:
			w.attach(data)
		default:
			return nil, fmt.Errorf("extension 0 of %d bytes", len(data))
		}
		return rest, nil
	}
	// notepack makes [type, bytes] of an extension that it doesn't know.
	w.dst = append(w.dst, '[')
	w.dst = strconv.AppendInt(w.dst, int64(typ), 10)
	w.dst = append(w.dst, ',')
	w.attach(data)
	w.dst = append(w.dst, ']')
	return rest, nil
}

const (
	fixExt1 = 0xd4
	fixExt8 = 0xd7
	ext8    = 0xc7
	ext16   = 0xc8
	ext32   = 0xc9
)

// readExtension reads an extension raw: msgp's own reader wants to know the type
// beforehand.
func readExtension(b []byte) (typ int8, data, rest []byte, err error) {
	var n, head int
	switch c := b[0]; {
	case c >= fixExt1 && c <= 0xd8:
		n, head = 1<<(c-fixExt1), 1
	case c == ext8 && len(b) >= 2:
		n, head = int(b[1]), 2
	case c == ext16 && len(b) >= 3:
		n, head = int(b[1])<<8|int(b[2]), 3
	case c == ext32 && len(b) >= 5:
		n, head = int(b[1])<<24|int(b[2])<<16|int(b[3])<<8|int(b[4]), 5
	case c == ext8 || c == ext16 || c == ext32:
		return 0, nil, nil, msgp.ErrShortBytes
	default:
		return 0, nil, nil, fmt.Errorf("unexpected byte %#02x", c)
	}
	if n > len(b)-head-1 {
		return 0, nil, nil, msgp.ErrShortBytes
	}
	start := head + 1
	return int8(b[head]), b[start : start+n : start+n], b[start+n:], nil
}
