package ledger

import (
	"bytes"
	"errors"
	"hash/crc32"
	"math"
	"strconv"
)

// Marker identifies one published message. On the wire it is
//
//	rtk1.RUN.PUBLISHER.SEQ.TIME.CHECK
//
// with every field in base 36 and CHECK the CRC-32C of all that stands before
// its dot. It holds no character that JSON or a URL would escape.
type Marker struct {
	Run       uint32
	Publisher uint32
	Seq       uint32
	At        int64 // intended send time, Unix microseconds
}

var (
	prefix    = []byte("rtk1.")
	crcTable  = crc32.MakeTable(crc32.Castagnoli)
	errShort  = errors.New("marker is cut off")
	errDigit  = errors.New("marker holds a character that is no base 36 digit")
	errRange  = errors.New("marker field is out of range")
	errCheck  = errors.New("marker check sum does not match")
	fieldMaxs = [...]uint64{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxInt64, math.MaxUint32}
)

// MaxMarker is the longest marker in bytes.
const MaxMarker = 5 + 7 + 1 + 7 + 1 + 7 + 1 + 13 + 1 + 7

// Append writes the marker to dst.
func (m Marker) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, prefix...)
	dst = strconv.AppendUint(dst, uint64(m.Run), 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(m.Publisher), 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(m.Seq), 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(max(m.At, 0)), 36)
	sum := crc32.Checksum(dst[start:], crcTable)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, uint64(sum), 36)
}

// Find returns the index of the first marker in b, or -1.
func Find(b []byte) int { return bytes.Index(b, prefix) }

// Extent is how many bytes of b, at whose start Find has located a marker, can
// belong to it. It is never 0.
func Extent(b []byte) int {
	n := len(prefix)
	for n < len(b) && n < MaxMarker && (b[n] == '.' || digit(b[n]) < 36) {
		n++
	}
	return n
}

// Parse reads the marker at the start of b, which Find has located. The error
// says what is damaged. It does not allocate.
func Parse(b []byte) (Marker, error) {
	if !bytes.HasPrefix(b, prefix) {
		return Marker{}, errShort
	}
	var fields [len(fieldMaxs)]uint64
	pos, sumEnd := len(prefix), 0
	for i := range fields {
		start := pos
		var v uint64
		for pos < len(b) && pos-start < 14 {
			d := digit(b[pos])
			if d > 35 {
				break
			}
			v = v*36 + uint64(d)
			pos++
		}
		switch {
		case pos == start && pos >= len(b):
			return Marker{}, errShort
		case pos == start:
			return Marker{}, errDigit
		case v > fieldMaxs[i] || pos-start > 13:
			return Marker{}, errRange
		}
		fields[i] = v
		if i == len(fields)-1 {
			break
		}
		if pos >= len(b) {
			return Marker{}, errShort
		}
		if b[pos] != '.' {
			return Marker{}, errDigit
		}
		sumEnd = pos
		pos++
	}
	if crc32.Checksum(b[:sumEnd], crcTable) != uint32(fields[4]) {
		return Marker{}, errCheck
	}
	return Marker{
		Run:       uint32(fields[0]),
		Publisher: uint32(fields[1]),
		Seq:       uint32(fields[2]),
		At:        int64(fields[3]),
	}, nil
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 10
	}
	return 0xff
}
