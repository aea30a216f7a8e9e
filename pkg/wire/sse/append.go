package sse

import (
	"strconv"
	"time"
)

// Event is one event to send. Fields that are zero are left out.
type Event struct {
	ID      string
	Type    string
	Data    []byte        // nil: no data, the event is not dispatched
	Retry   time.Duration // whole milliseconds on the wire
	Comment string
}

// Append appends e, its closing blank line included: event, id, retry, comment,
// data. Data and comment are split into lines at CR, LF and CRLF, each of which
// would end the field; CR, LF and NUL are left out of id and type, where they
// would let a publisher write fields of his own or make browsers ignore the id.
func Append(dst []byte, e *Event) []byte {
	if e.Type != "" {
		dst = append(dst, "event: "...)
		dst = appendField(dst, e.Type)
	}
	if e.ID != "" {
		dst = append(dst, "id: "...)
		dst = appendField(dst, e.ID)
	}
	if e.Retry > 0 {
		dst = append(dst, "retry: "...)
		dst = strconv.AppendInt(dst, e.Retry.Milliseconds(), 10)
		dst = append(dst, '\n')
	}
	if e.Comment != "" {
		dst = appendLines(dst, ": ", e.Comment)
	}
	if e.Data != nil {
		dst = appendLines(dst, "data: ", e.Data)
	}
	return append(dst, '\n')
}

func appendField(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '\r' && c != '\n' && c != 0 {
			dst = append(dst, c)
		}
	}
	return append(dst, '\n')
}

func appendLines[S string | []byte](dst []byte, prefix string, s S) []byte {
	for start := 0; ; {
		end := start
		for end < len(s) && s[end] != '\r' && s[end] != '\n' {
			end++
		}
		dst = append(dst, prefix...)
		dst = append(dst, s[start:end]...)
		dst = append(dst, '\n')
		if end == len(s) {
			return dst
		}
		start = end + 1
		if s[end] == '\r' && start < len(s) && s[start] == '\n' {
			start++
		}
	}
}
