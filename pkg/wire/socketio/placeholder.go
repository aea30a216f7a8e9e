package socketio

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// Placeholder returns the JSON that stands for attachment i.
func Placeholder(i int) string {
	return string(AppendPlaceholder(nil, i))
}

// AppendPlaceholder appends the JSON that stands for attachment i,
// {"_placeholder":true,"num":0}.
func AppendPlaceholder(dst []byte, i int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(i), 10)
	return append(dst, '}')
}

// CheckPlaceholders reports an error when a placeholder of data, which must be
// valid JSON, points beyond the attachments: JavaScript peers close the
// connection on such a packet.
func CheckPlaceholders(data []byte, attachments int) error {
	var err error
	Placeholders(data, func(_, _, i int) bool {
		if i < 0 || i >= attachments {
			err = fmt.Errorf("%w: number %d of %d", ErrPlaceholder, i, attachments)
		}
		return err == nil
	})
	return err
}

// Placeholders calls yield for each object of data, which must be valid JSON,
// that is a placeholder: data[start:end] stands for attachment index, which is
// -1 when it has no usable number. Objects come in the order of their ends.
//
// It takes one pass, however deep the data is nested.
func Placeholders(data []byte, yield func(start, end, index int) bool) {
	// Most data has no placeholder; an escaped spelling of the key is still
	// the key for JSON.parse.
	if !bytes.Contains(data, []byte("_placeholder")) && !bytes.Contains(data, []byte(`\u`)) {
		return
	}
	type container struct {
		start, index int
		marked       bool
	}
	var stack [rawjson.MaxDepth]container
	depth := 0
	for i := 0; i < len(data); {
		switch data[i] {
		case '{', '[':
			if depth == len(stack) {
				return
			}
			stack[depth] = container{start: i, index: -1}
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return
			}
			depth--
			i++
			if c := stack[depth]; c.marked && !yield(c.start, i, c.index) {
				return
			}
		case '"':
			end, ok := rawjson.StringEnd(data, i)
			if !ok {
				return
			}
			key := data[i:end]
			i = rawjson.SkipSpace(data, end)
			if depth == 0 || i == len(data) || data[i] != ':' {
				continue // a value, not a key
			}
			i = rawjson.SkipSpace(data, i+1)
			switch top := &stack[depth-1]; {
			case rawjson.KeyIs(key, "_placeholder"):
				top.marked = bytes.HasPrefix(data[i:], []byte("true"))
			case rawjson.KeyIs(key, "num"):
				top.index = leadingIndex(data[i:])
			}
		default:
			i++
		}
	}
}

// leadingIndex returns the whole number that b begins with, or -1.
func leadingIndex(b []byte) int {
	n, i := 0, 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		if n = n*10 + int(b[i]-'0'); n > math.MaxInt32 {
			return -1
		}
	}
	if i == 0 || i < len(b) && (b[i] == '.' || b[i] == 'e' || b[i] == 'E') {
		return -1
	}
	return n
}
