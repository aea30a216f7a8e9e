//go:build linux

package drive

import "bytes"

// A stamp has a fixed width, so that messages are of one size and a server that
// writes the JSON anew changes nothing of it:
// {"s":"#PPSSSSSSSSSSTTTTTTTTTTTTTTTTTTT","x":"…"}.
const (
	publisherDigits = 2
	sequenceDigits  = 10
	timeDigits      = 19
	stampDigits     = publisherDigits + sequenceDigits + timeDigits
)

var stampMark = []byte(`"s":"#`)

type stamp struct {
	publisher int
	sequence  uint32 // of the publisher in the room
	due       int64  // nanoseconds since the driver's start
}

// appendPayload appends the JSON object of one message, filled up to size bytes.
func appendPayload(b []byte, s stamp, size int) []byte {
	n := len(b)
	b = append(b, '{')
	b = append(b, stampMark...)
	b = appendDigits(b, uint64(s.publisher), publisherDigits)
	b = appendDigits(b, uint64(s.sequence), sequenceDigits)
	b = appendDigits(b, uint64(s.due), timeDigits)
	b = append(b, `","x":"`...)
	for len(b)-n < size-2 {
		b = append(b, '-')
	}
	return append(b, `"}`...)
}

func appendDigits(b []byte, v uint64, width int) []byte {
	for range width {
		b = append(b, '0')
	}
	for i := len(b) - 1; v > 0; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

// nextStamp finds the first stamp of p and returns what follows it.
func nextStamp(p []byte) (s stamp, rest []byte, ok bool) {
	i := bytes.Index(p, stampMark)
	if i < 0 || len(p) < i+len(stampMark)+stampDigits {
		return stamp{}, nil, false
	}
	p = p[i+len(stampMark):]
	s.publisher = int(digits(p[:publisherDigits]))
	p = p[publisherDigits:]
	s.sequence = uint32(digits(p[:sequenceDigits]))
	p = p[sequenceDigits:]
	s.due = digits(p[:timeDigits])
	return s, p[timeDigits:], true
}

func digits(p []byte) (v int64) {
	for _, c := range p {
		v = v*10 + int64(c-'0')
	}
	return v
}
