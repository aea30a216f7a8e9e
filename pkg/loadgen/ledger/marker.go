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
//
// The long form carries a payload, so that damage to the rest of a message is
// found as well:
//
//	rtk1.RUN.PUBLISHER.SEQ.TIME.LENGTH.HASH.CHECK.PAYLOAD
//
// LENGTH is the payload's in bytes and HASH its CRC-32C. Because CHECK covers
// both, a message that was cut off behind its head does not pass for the short
// form.
type Marker struct {
	Run       uint32
	Publisher uint32
	Seq       uint32
	At        int64 // intended send time, Unix microseconds
}

var (
	prefix     = []byte("rtk1.")
	crcTable   = crc32.MakeTable(crc32.Castagnoli)
	errShort   = errors.New("marker is cut off")
	errDigit   = errors.New("marker holds a character that is no base 36 digit")
	errRange   = errors.New("marker field is out of range")
	errCheck   = errors.New("marker check sum does not match")
	errPayload = errors.New("payload of the marker is damaged")
)

// Lengths of the fixed fields of the long form.
const (
	lengthDigits = 5
	sumDigits    = 7
)

const (
	// MaxMarker is the longest marker in bytes, without a payload.
	MaxMarker = 5 + 7 + 1 + 7 + 1 + 7 + 1 + 13 + 1 + lengthDigits + 1 + sumDigits + 1 + sumDigits
	// MinFilled and MaxFilled bound the size of a marker with a payload.
	MinFilled = MaxMarker + 2
	MaxFilled = 1 << 20
)

// Append writes the marker to dst.
func (m Marker) Append(dst []byte) []byte {
	start := len(dst)
	dst = m.appendHead(dst)
	sum := crc32.Checksum(dst[start:], crcTable)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, uint64(sum), 36)
}

func (m Marker) appendHead(dst []byte) []byte {
	dst = append(dst, prefix...)
	dst = strconv.AppendUint(dst, uint64(m.Run), 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(m.Publisher), 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(m.Seq), 36)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, uint64(max(m.At, 0)), 36)
}

// AppendFilled writes the long form of the marker to dst, size bytes in all,
// of which there are MinFilled to MaxFilled.
func (m Marker) AppendFilled(dst []byte, size int) []byte {
	start := len(dst)
	dst = m.appendHead(dst)
	head := len(dst) - start + 1 + lengthDigits + 2*(1+sumDigits) + 1
	n := max(size-head, 1)
	dst = appendPadded(append(dst, '.'), uint32(n), lengthDigits)
	hashAt := len(dst) + 1
	dst = append(dst, ".0000000"...) // the hash, once there is a payload
	checkAt := len(dst) + 1
	dst = append(dst, ".0000000."...)
	from := len(dst)
	dst = m.appendPayload(dst, n)
	appendPadded(dst[:hashAt], crc32.Checksum(dst[from:], crcTable), sumDigits)
	appendPadded(dst[:checkAt], crc32.Checksum(dst[start:checkAt-1], crcTable), sumDigits)
	return dst
}

// appendPadded appends v in base 36 with leading zeros.
func appendPadded(dst []byte, v uint32, digits int) []byte {
	at := len(dst) + digits
	for range digits {
		dst = append(dst, '0')
	}
	for i := at - 1; v > 0 && i >= at-digits; i-- {
		dst[i] = alphabet[v%36]
		v /= 36
	}
	return dst
}

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"

// appendPayload appends n characters that differ from message to message, so
// that one message's payload in another's place is noticed.
func (m Marker) appendPayload(dst []byte, n int) []byte {
	x := uint64(m.Publisher)<<32 | uint64(m.Seq)
	for n > 0 {
		x += 0x9e3779b97f4a7c15
		word := x
		word = (word ^ word>>30) * 0xbf58476d1ce4e5b9
		word = (word ^ word>>27) * 0x94d049bb133111eb
		for range min(n, 12) { // 5 bits each
			dst = append(dst, alphabet[word&31])
			word >>= 5
		}
		n -= min(n, 12)
	}
	return dst
}

// Find returns the index of the first marker in b, or -1.
func Find(b []byte) int { return bytes.Index(b, prefix) }

// Extent is how many bytes of b, at whose start Find has located a marker, can
// belong to it, without a payload. It is never 0.
func Extent(b []byte) int {
	n := len(prefix)
	for n < len(b) && n < MaxMarker && (b[n] == '.' || digit(b[n]) < 36) {
		n++
	}
	return n
}

// Parse reads the marker at the start of b, which Find has located. The error
// says what is damaged. With errPayload the marker itself is sound. It does
// not allocate.
func Parse(b []byte) (Marker, error) {
	if !bytes.HasPrefix(b, prefix) {
		return Marker{}, errShort
	}
	var m Marker
	pos := len(prefix)
	for i, most := range [...]uint64{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxInt64} {
		v, next, err := field(b, pos, most)
		if err == nil {
			err = dot(b, next)
		}
		if err != nil {
			return Marker{}, err
		}
		switch i {
		case 0:
			m.Run = uint32(v)
		case 1:
			m.Publisher = uint32(v)
		case 2:
			m.Seq = uint32(v)
		default:
			m.At = int64(v)
		}
		pos = next + 1
	}
	sum, next, err := field(b, pos, math.MaxUint32)
	if err != nil {
		return Marker{}, err
	}
	if crc32.Checksum(b[:pos-1], crcTable) == uint32(sum) {
		return m, nil
	}
	if next >= len(b) || b[next] != '.' {
		return Marker{}, errCheck
	}
	return m.parseFilled(b, uint32(sum), next+1)
}

// parseFilled goes on behind the length of the long form.
func (m Marker) parseFilled(b []byte, length uint32, pos int) (Marker, error) {
	hash, next, err := field(b, pos, math.MaxUint32)
	if err == nil {
		err = dot(b, next)
	}
	if err != nil {
		return Marker{}, errCheck // a short form whose check sum is wrong
	}
	sum, end, err := field(b, next+1, math.MaxUint32)
	if err != nil || crc32.Checksum(b[:next], crcTable) != uint32(sum) {
		return Marker{}, errCheck
	}
	if end >= len(b) || b[end] != '.' || uint64(len(b)-end-1) < uint64(length) {
		return m, errPayload
	}
	if crc32.Checksum(b[end+1:end+1+int(length)], crcTable) != uint32(hash) {
		return m, errPayload
	}
	return m, nil
}

// field reads the base 36 number at b[pos:] and returns where it ends.
func field(b []byte, pos int, most uint64) (v uint64, end int, err error) {
	start := pos
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
		return 0, pos, errShort
	case pos == start:
		return 0, pos, errDigit
	case v > most || pos-start > 13:
		return 0, pos, errRange
	}
	return v, pos, nil
}

// dot checks that a field is followed by another one.
func dot(b []byte, pos int) error {
	switch {
	case pos >= len(b):
		return errShort
	case b[pos] != '.':
		return errDigit
	}
	return nil
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
