package rawjson

// Trim returns b without JSON white space around it.
func Trim(b []byte) []byte {
	b = b[skipSpace(b, 0):]
	for len(b) > 0 {
		switch b[len(b)-1] {
		case ' ', '\n', '\t', '\r':
			b = b[:len(b)-1]
		default:
			return b
		}
	}
	return b
}

// Next splits the first value off b, which must begin with the value or with
// white space. It returns the value and what follows it, both aliases of b;
// ok is false when no valid value is there.
func Next(b []byte) (value, rest []byte, ok bool) {
	start := skipSpace(b, 0)
	end, ok := scanValue(b, start)
	if !ok {
		return nil, b, false
	}
	return b[start:end:end], b[end:], true
}

// Elements calls yield with each element of the JSON array b until yield
// returns false. It reports whether b is an array that was valid as far as it
// was walked. Elements are aliases of b.
func Elements(b []byte, yield func(element []byte) bool) bool {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '[' {
		return false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return true
	}
	for {
		end, ok := scanValue(b, i)
		if !ok {
			return false
		}
		if !yield(b[i:end:end]) {
			return true
		}
		i = skipSpace(b, end)
		if i >= len(b) || b[i] != ',' {
			return i < len(b) && b[i] == ']'
		}
		i = skipSpace(b, i+1)
	}
}

// Members calls yield with each member of the JSON object b until yield
// returns false. key is the quoted key as it stands in b: compare it with
// KeyIs. It reports whether b is an object that was valid as far as it was
// walked.
func Members(b []byte, yield func(key, value []byte) bool) bool {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return true
	}
	for {
		keyStart := i
		if i >= len(b) || b[i] != '"' {
			return false
		}
		keyEnd, ok := scanString(b, i)
		if !ok {
			return false
		}
		if i, ok = scanKey(b, keyStart); !ok {
			return false
		}
		end, ok := scanValue(b, i)
		if !ok {
			return false
		}
		if !yield(b[keyStart:keyEnd:keyEnd], b[i:end:end]) {
			return true
		}
		i = skipSpace(b, end)
		if i >= len(b) || b[i] != ',' {
			return i < len(b) && b[i] == '}'
		}
		i = skipSpace(b, i+1)
	}
}

// Member returns the value of the member key of the JSON object b, the last
// one when the key is repeated (as JSON.parse takes it). ok is false when b is
// not an object or has no such member.
func Member(b []byte, key string) (value []byte, ok bool) {
	valid := Members(b, func(k, v []byte) bool {
		if KeyIs(k, key) {
			value, ok = v, true
		}
		return true
	})
	return value, ok && valid
}
