package history

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
)

// Offset is a place in the sequence of a log. A log of one process counts in Seq
// and leaves Time 0; one that follows a Redis stream has the ids of its entries.
// The zero Offset is the place before everything.
type Offset struct {
	Time uint64 // milliseconds since 1970
	Seq  uint64
}

// MaxOffsetBytes is the length of the longest text of an offset.
const MaxOffsetBytes = 20 + 1 + 20

// ErrOffset means that a text is not an offset.
var ErrOffset = errors.New("not an offset")

// Compare orders offsets as their log does.
func (o Offset) Compare(p Offset) int {
	if c := cmp.Compare(o.Time, p.Time); c != 0 {
		return c
	}
	return cmp.Compare(o.Seq, p.Seq)
}

// Before reports whether o comes before p.
func (o Offset) Before(p Offset) bool { return o.Compare(p) < 0 }

// Append appends the offset as Redis writes the id of a stream's entry:
// 1795476495675-0.
func (o Offset) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, o.Time, 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, o.Seq, 10)
}

// String returns what Append appends.
func (o Offset) String() string { return string(o.Append(make([]byte, 0, MaxOffsetBytes))) }

// ParseOffset reads what Append wrote, and nothing else. The error is ErrOffset.
func ParseOffset(s string) (o Offset, err error) {
	ms, seq, ok := strings.Cut(s, "-")
	if !ok || len(s) > MaxOffsetBytes {
		return Offset{}, ErrOffset
	}
	var okTime, okSeq bool
	o.Time, okTime = parseUint(ms)
	o.Seq, okSeq = parseUint(seq)
	if !okTime || !okSeq {
		return Offset{}, ErrOffset
	}
	return o, nil
}

// parseUint reads digits without a sign or leading zeros.
func parseUint(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && s[0] != '+'
}
