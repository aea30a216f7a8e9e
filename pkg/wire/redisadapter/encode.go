package redisadapter

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// eventType is EVENT on the wire even when there is binary: the receiver finds
// out for itself (socket.io-parser, encode).
const eventType = 2

// AppendBroadcast appends b as [uid, {type, data, nsp}, {rooms, except, flags}].
// On error dst comes back as it was.
func AppendBroadcast(dst []byte, b *Broadcast) ([]byte, error) {
	if err := checkArgs(b.Args); err != nil {
		return dst, err
	}
	args := rawjson.Trim(b.Args)
	var countBuf [64]uint32
	e := encoder{src: args, counts: appendCounts(countBuf[:0], args), attachments: b.Attachments}
	if len(b.Attachments) > 0 {
		var err error
		if e.placeholders, err = findPlaceholders(args, len(b.Attachments)); err != nil {
			return dst, err
		}
	}

	out := AppendUID(dst, b.UID)
	out = msgp.AppendMapHeader(out, 3)
	out = msgp.AppendString(out, "type")
	out = append(out, eventType)
	out = msgp.AppendString(out, "data")
	out = e.appendValue(out)
	out = msgp.AppendString(out, "nsp")
	out = msgp.AppendString(out, b.Namespace)
	out = msgp.AppendMapHeader(out, 3)
	out = appendNames(msgp.AppendString(out, "rooms"), b.Rooms)
	if b.UID == EmitterUID { // its keys come in another order
		out = appendFlags(msgp.AppendString(out, "flags"), b)
		return appendNames(msgp.AppendString(out, "except"), b.Except), nil
	}
	out = appendNames(msgp.AppendString(out, "except"), b.Except)
	return appendFlags(msgp.AppendString(out, "flags"), b), nil
}

// AppendUID appends how each broadcast of a publisher begins, so that it knows
// its own by a prefix.
func AppendUID(dst []byte, uid string) []byte {
	return msgp.AppendString(msgp.AppendArrayHeader(dst, 3), uid)
}

func appendNames(dst []byte, names []string) []byte {
	dst = msgp.AppendArrayHeader(dst, uint32(len(names)))
	for _, n := range names {
		dst = msgp.AppendString(dst, n)
	}
	return dst
}

func appendFlags(dst []byte, b *Broadcast) []byte {
	n := uint32(0)
	if b.Volatile {
		n++
	}
	if b.Compress || b.NoCompress {
		n++
	}
	dst = msgp.AppendMapHeader(dst, n)
	if b.Volatile {
		dst = append(msgp.AppendString(dst, "volatile"), mtrue)
	}
	switch {
	case b.NoCompress:
		dst = append(msgp.AppendString(dst, "compress"), mfalse)
	case b.Compress:
		dst = append(msgp.AppendString(dst, "compress"), mtrue)
	}
	return dst
}

// MessagePack's one-byte values.
const (
	mnil   = 0xc0
	mfalse = 0xc2
	mtrue  = 0xc3
)

// encoder turns valid JSON into MessagePack in one pass. The sizes of the
// containers, which MessagePack wants up front, were counted before, in the
// order in which the containers open.
type encoder struct {
	src          []byte
	pos          int
	counts       []uint32
	placeholders []placeholder // by start
	attachments  [][]byte
}

type placeholder struct{ start, end, index int }

// findPlaceholders returns the placeholders of valid JSON in the order of their
// starts.
func findPlaceholders(src []byte, attachments int) (found []placeholder, err error) {
	socketio.Placeholders(src, func(start, end, index int) bool {
		if index < 0 || index >= attachments {
			err = fmt.Errorf("%w: number %d of %d", ErrPlaceholder, index, attachments)
			return false
		}
		found = append(found, placeholder{start, end, index})
		return true
	})
	slices.SortFunc(found, func(a, b placeholder) int { return a.start - b.start })
	return found, err
}

// appendValue encodes the value at e.pos. Its recursion is bounded by
// rawjson.MaxDepth, which the caller has checked.
func (e *encoder) appendValue(dst []byte) []byte {
	e.pos = rawjson.SkipSpace(e.src, e.pos)
	switch c := e.src[e.pos]; c {
	case '{', '[':
		return e.appendContainer(dst, c)
	case '"':
		return e.appendString(dst)
	case 't':
		e.pos += len("true")
		return append(dst, mtrue)
	case 'f':
		e.pos += len("false")
		return append(dst, mfalse)
	case 'n':
		e.pos += len("null")
		return append(dst, mnil)
	default:
		return e.appendNumber(dst)
	}
}

func (e *encoder) appendContainer(dst []byte, open byte) []byte {
	n := e.counts[0]
	e.counts = e.counts[1:]
	if open == '{' && len(e.placeholders) > 0 && e.placeholders[0].start == e.pos {
		return e.appendAttachment(dst)
	}
	e.pos++
	if open == '{' {
		dst = msgp.AppendMapHeader(dst, n)
	} else {
		dst = msgp.AppendArrayHeader(dst, n)
	}
	for ; n > 0; n-- {
		if open == '{' {
			e.pos = rawjson.SkipSpace(e.src, e.pos)
			dst = e.appendString(dst)
			e.pos = rawjson.SkipSpace(e.src, e.pos) + 1 // the colon
		}
		dst = e.appendValue(dst)
		if n > 1 {
			e.pos = rawjson.SkipSpace(e.src, e.pos) + 1 // the comma
		}
	}
	e.pos = rawjson.SkipSpace(e.src, e.pos) + 1 // the bracket
	return dst
}

// appendAttachment writes the binary value of a placeholder and steps over the
// object, and over the containers and placeholders in it if it has any.
func (e *encoder) appendAttachment(dst []byte) []byte {
	p := e.placeholders[0]
	for i := p.start + 1; i < p.end; {
		switch e.src[i] {
		case '"':
			i, _ = rawjson.StringEnd(e.src, i)
			continue
		case '{', '[':
			e.counts = e.counts[1:]
		}
		i++
	}
	for len(e.placeholders) > 0 && e.placeholders[0].start < p.end {
		e.placeholders = e.placeholders[1:]
	}
	e.pos = p.end
	return msgp.AppendBytes(dst, e.attachments[p.index])
}

func (e *encoder) appendString(dst []byte) []byte {
	end, _ := rawjson.StringEnd(e.src, e.pos)
	text, _ := rawjson.Text(e.src[e.pos:end])
	e.pos = end
	return msgp.AppendStringFromBytes(dst, text)
}

func (e *encoder) appendNumber(dst []byte) []byte {
	start, whole := e.pos, true
	for ; e.pos < len(e.src); e.pos++ {
		switch c := e.src[e.pos]; {
		case '0' <= c && c <= '9' || c == '-' || c == '+':
		case c == '.' || c == 'e' || c == 'E':
			whole = false
		default:
			return appendNumber(dst, e.src[start:e.pos], whole)
		}
	}
	return appendNumber(dst, e.src[start:e.pos], whole)
}

// appendNumber writes a number as notepack does: whole numbers in the smallest
// integer, unsigned unless negative; all others as float64, never float32.
func appendNumber(dst, text []byte, whole bool) []byte {
	if whole {
		if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return appendInt(dst, i)
		}
		if u, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return msgp.AppendUint64(dst, u)
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64) // ±Inf on overflow, as in JavaScript
	switch {
	case f != math.Floor(f) || math.IsInf(f, 0):
	case f >= math.MinInt64 && f < math.MaxInt64:
		return appendInt(dst, int64(f))
	case f > 0 && f < math.MaxUint64:
		return msgp.AppendUint64(dst, uint64(f))
	}
	return msgp.AppendFloat64(dst, f)
}

func appendInt(dst []byte, i int64) []byte {
	if i >= 0 {
		return msgp.AppendUint64(dst, uint64(i))
	}
	return msgp.AppendInt64(dst, i)
}

// appendCounts appends how many elements or members each container of valid
// JSON has, in the order in which the containers open.
func appendCounts(dst []uint32, b []byte) []uint32 {
	var buf [32]int
	open := buf[:0] // indexes in dst
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			i, _ = rawjson.StringEnd(b, i)
			continue
		case '{', '[':
			i = rawjson.SkipSpace(b, i+1)
			n := uint32(1)
			if b[i] == '}' || b[i] == ']' {
				n = 0
			}
			open = append(open, len(dst))
			dst = append(dst, n)
			continue
		case '}', ']':
			open = open[:len(open)-1]
		case ',':
			dst[open[len(open)-1]]++
		}
		i++
	}
	return dst
}
