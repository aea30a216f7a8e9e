package history

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/bits"
)

// Cursor is a position in a log: everything up to Offset has been seen. The
// zero Cursor is no position.
type Cursor struct {
	// Epoch tells logs apart: another process, or another life of this one,
	// has another. Only the low 48 bits count.
	Epoch uint64
	// Offset is the number of the last message that was seen, 0 for none.
	Offset uint64
}

const (
	epochBytes = 6
	// EpochMask has the bits of an epoch that a cursor carries.
	EpochMask = 1<<(8*epochBytes) - 1
	// MaxCursorBytes is the length of the longest encoded cursor.
	MaxCursorBytes = (epochBytes + 8 + 2) / 3 * 4
)

// ErrCursor means that a text is not an encoded cursor.
var ErrCursor = errors.New("not a cursor of this gateway")

// Append appends the cursor in base64url without padding: six bytes of epoch and
// the offset in as few bytes as it needs, at least one.
func (c Cursor) Append(dst []byte) []byte {
	var raw [8 + 8]byte
	binary.BigEndian.PutUint64(raw[:8], c.Epoch&EpochMask)
	n := max((bits.Len64(c.Offset)+7)/8, 1)
	binary.BigEndian.PutUint64(raw[8:], c.Offset)
	copy(raw[8:], raw[16-n:])
	return base64.RawURLEncoding.AppendEncode(dst, raw[8-epochBytes:8+n])
}

// String returns what Append appends.
func (c Cursor) String() string { return string(c.Append(make([]byte, 0, MaxCursorBytes))) }

// ParseCursor reads what Append wrote, and nothing else: each cursor has one
// text. The error is ErrCursor.
func ParseCursor(s string) (Cursor, error) {
	if len(s) > MaxCursorBytes {
		return Cursor{}, ErrCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) <= epochBytes || len(raw) > epochBytes+8 {
		return Cursor{}, ErrCursor
	}
	var c Cursor
	for _, b := range raw[:epochBytes] {
		c.Epoch = c.Epoch<<8 | uint64(b)
	}
	for _, b := range raw[epochBytes:] {
		c.Offset = c.Offset<<8 | uint64(b)
	}
	if raw[epochBytes] == 0 && len(raw) > epochBytes+1 {
		return Cursor{}, ErrCursor
	}
	if c.String() != s { // line breaks that the decoder skips
		return Cursor{}, ErrCursor
	}
	return c, nil
}
