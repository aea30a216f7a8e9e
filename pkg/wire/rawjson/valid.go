package rawjson

import (
	"encoding/binary"
	"unicode/utf8"
)

// Valid reports whether b is one JSON value in valid UTF-8, nested no deeper
// than MaxDepth, with optional white space around it. It does not allocate.
func Valid(b []byte) bool {
	i, ok := scanValue(b, skipSpace(b, 0))
	return ok && skipSpace(b, i) == len(b)
}

// scanValue checks the value that starts at b[i] and returns the index after
// it. It keeps its own stack (one bit a level: set for an object) because
// recursion on text of a stranger is bounded by his patience only.
func scanValue(b []byte, i int) (int, bool) {
	var stack [MaxDepth / 64]uint64
	depth := 0
	for {
		// A value is due at b[i].
		if i >= len(b) {
			return i, false
		}
		ok := true
		switch c := b[i]; c {
		case '{', '[':
			if depth == MaxDepth {
				return i, false
			}
			bit := uint64(1) << (depth % 64)
			if c == '{' {
				stack[depth/64] |= bit
			} else {
				stack[depth/64] &^= bit
			}
			depth++
			i = skipSpace(b, i+1)
			if i >= len(b) {
				return i, false
			}
			if b[i] == c+2 { // ']' is '['+2, '}' is '{'+2
				depth--
				i++
				break
			}
			if c == '{' {
				if i, ok = scanKey(b, i); !ok {
					return i, false
				}
			}
			continue
		case '"':
			i, ok = scanString(b, i)
		case 't':
			i, ok = scanLiteral(b, i, "true")
		case 'f':
			i, ok = scanLiteral(b, i, "false")
		case 'n':
			i, ok = scanLiteral(b, i, "null")
		default:
			i, ok = scanNumber(b, i)
		}
		if !ok {
			return i, false
		}
		// A value has ended before b[i]: close what closes, go on after a comma.
		for {
			if depth == 0 {
				return i, true
			}
			i = skipSpace(b, i)
			if i >= len(b) {
				return i, false
			}
			object := stack[(depth-1)/64]>>((depth-1)%64)&1 == 1
			if b[i] == ',' {
				i = skipSpace(b, i+1)
				if object {
					if i, ok = scanKey(b, i); !ok {
						return i, false
					}
				}
				break
			}
			if object && b[i] != '}' || !object && b[i] != ']' {
				return i, false
			}
			depth--
			i++
		}
	}
}

// scanKey checks `"key" :` and returns the index of the value.
func scanKey(b []byte, i int) (int, bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	i, ok := scanString(b, i)
	if !ok {
		return i, false
	}
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return i, false
	}
	return skipSpace(b, i+1), true
}

func scanString(b []byte, i int) (int, bool) {
	i++
	for i < len(b) {
		for i+8 <= len(b) && plain8(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
		}
		if i == len(b) {
			break
		}
		c := b[i]
		switch {
		case c == '"':
			return i + 1, true
		case c < 0x20:
			return i, false
		case c == '\\':
			if i+1 >= len(b) {
				return i, false
			}
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if _, ok := hex4(b, i+2); !ok {
					return i, false
				}
				i += 6
			default:
				return i, false
			}
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return i, false
			}
			i += n
		}
	}
	return i, false
}

// plain8 reports whether none of eight bytes of a string needs a look: no quote,
// backslash, control character or byte of a multi-byte rune. In each term the
// high bit of a byte is set if the byte, or a lower one, is of that sort
// ("Bit Twiddling Hacks", haszero and hasless).
func plain8(x uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^(ones*'"'), x^(ones*'\\')
	odd := (quote - ones) &^ quote
	odd |= (backslash - ones) &^ backslash
	odd |= (x - ones*0x20) &^ x
	return (odd|x)&highs == 0
}

// StringEnd returns the index after the JSON string that starts at b[i].
func StringEnd(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	return scanString(b, i)
}

// SkipSpace returns the index of the first byte of b from i on that is not
// JSON white space, len(b) when there is none.
func SkipSpace(b []byte, i int) int { return skipSpace(b, i) }

func scanNumber(b []byte, i int) (int, bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case i < len(b) && '1' <= b[i] && b[i] <= '9':
		i = skipDigits(b, i)
	default:
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		start := i + 1
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start := i
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	return i, true
}

func scanLiteral(b []byte, i int, word string) (int, bool) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, false
	}
	return i + len(word), true
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
