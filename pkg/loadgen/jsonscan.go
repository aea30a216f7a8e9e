package loadgen

import (
	"encoding/json"
	"unicode/utf8"
)

// maxJSONDepth bounds the nesting that the scanner follows; deeper values
// count as no JSON.
const maxJSONDepth = 256

// scanJSON validates the JSON value that begins at b[i], after white space,
// and returns the offsets of its first byte and behind its last one. It
// allocates nothing: acks and events are matched with it as they arrive.
func scanJSON(b []byte, i, depth int) (start, end int, ok bool) {
	i = skipJSONSpace(b, i)
	if i >= len(b) || depth > maxJSONDepth {
		return i, i, false
	}
	switch c := b[i]; {
	case c == '"':
		end, ok = scanJSONString(b, i)
	case c == '{' || c == '[':
		end, ok = scanJSONContainer(b, i, depth)
	case c == '-' || c >= '0' && c <= '9':
		end, ok = scanJSONNumber(b, i)
	default:
		for _, word := range [...]string{"true", "false", "null"} {
			if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
				return i, i + len(word), true
			}
		}
	}
	return i, end, ok
}

func skipJSONSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

func scanJSONString(b []byte, i int) (end int, ok bool) {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			i++
			if i >= len(b) {
				return i, false
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(b) || !isHex(b[i]) {
						return i, false
					}
				}
			default:
				return i, false
			}
		case c < 0x20:
			return i, false
		}
	}
	return i, false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func scanJSONContainer(b []byte, i, depth int) (end int, ok bool) {
	closing, isObject := byte(']'), b[i] == '{'
	if isObject {
		closing = '}'
	}
	if i = skipJSONSpace(b, i+1); i < len(b) && b[i] == closing {
		return i + 1, true
	}
	for i < len(b) {
		if isObject {
			if i = skipJSONSpace(b, i); i >= len(b) || b[i] != '"' {
				return i, false
			}
			if i, ok = scanJSONString(b, i); !ok {
				return i, false
			}
			if i = skipJSONSpace(b, i); i >= len(b) || b[i] != ':' {
				return i, false
			}
			i++
		}
		if _, i, ok = scanJSON(b, i, depth+1); !ok {
			return i, false
		}
		if i = skipJSONSpace(b, i); i >= len(b) {
			return i, false
		}
		switch b[i] {
		case closing:
			return i + 1, true
		case ',':
			i++
		default:
			return i, false
		}
	}
	return i, false
}

func scanJSONNumber(b []byte, i int) (end int, ok bool) {
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return i, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}

// jsonValue returns b without white space around it if all of b is one valid
// JSON value.
func jsonValue(b []byte) ([]byte, bool) {
	start, end, ok := scanJSON(b, 0, 0)
	if !ok || skipJSONSpace(b, end) != len(b) {
		return nil, false
	}
	return b[start:end], true
}

// jsonField returns the value of a key in a valid JSON object, the last one
// if the key is repeated, as JavaScript does. It is nil when there is none.
func jsonField(obj []byte, key string) []byte {
	if len(obj) == 0 || obj[0] != '{' {
		return nil
	}
	var found []byte
	for i := skipJSONSpace(obj, 1); i < len(obj) && obj[i] == '"'; {
		keyEnd, _ := scanJSONString(obj, i)
		name := obj[i:keyEnd]
		i = skipJSONSpace(obj, keyEnd) + 1
		start, end, ok := scanJSON(obj, i, 0)
		if !ok {
			return nil
		}
		if jsonStringEquals(name, key) {
			found = obj[start:end]
		}
		if i = skipJSONSpace(obj, end); i < len(obj) && obj[i] == ',' {
			i = skipJSONSpace(obj, i+1)
		}
	}
	return found
}

// jsonElement returns the n-th element of a valid JSON array, nil when there
// are fewer.
func jsonElement(arr []byte, n int) []byte {
	if len(arr) == 0 || arr[0] != '[' {
		return nil
	}
	for i := skipJSONSpace(arr, 1); i < len(arr) && arr[i] != ']'; n-- {
		start, end, ok := scanJSON(arr, i, 0)
		if !ok {
			return nil
		}
		if n == 0 {
			return arr[start:end]
		}
		if i = skipJSONSpace(arr, end); i < len(arr) && arr[i] == ',' {
			i++
		}
		i = skipJSONSpace(arr, i)
	}
	return nil
}

// jsonStringEquals compares a valid JSON string literal with plain text.
func jsonStringEquals(lit []byte, s string) bool {
	body := lit[1 : len(lit)-1]
	for _, c := range body {
		if c == '\\' {
			return string(jsonUnquote(lit)) == s
		}
	}
	return string(body) == s
}

// jsonUnquote returns the text of a valid JSON string literal. Without
// escapes it aliases the literal.
func jsonUnquote(lit []byte) []byte {
	body := lit[1 : len(lit)-1]
	for _, c := range body {
		if c == '\\' {
			var s string
			if json.Unmarshal(lit, &s) != nil {
				return body
			}
			return []byte(s)
		}
	}
	return body
}

const hexDigits = "0123456789abcdef"

// appendJSONText appends s as the inside of a JSON string: what JSON requires
// to be escaped is, and nothing else.
func appendJSONText[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendJSONString appends s as a JSON string. Invalid UTF-8 is replaced.
func appendJSONString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	dst = append(dst, '"')
	dst = appendJSONText(dst, s)
	return append(dst, '"')
}
