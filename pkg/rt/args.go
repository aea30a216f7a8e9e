package rt

// Data returns the first argument of a Socket.IO message, the whole body of
// any other. It is nil when there is none. The slice aliases Body.
func (m *Message) Data() []byte {
	if !m.Multi {
		if len(m.Body) == 0 {
			return nil
		}
		return m.Body
	}
	return m.Arg(0)
}

// Arg returns the i-th argument of a Socket.IO message as raw JSON, nil when
// there are fewer. Other messages have one argument. The slice aliases Body.
func (m *Message) Arg(i int) []byte {
	if !m.Multi {
		if i != 0 || len(m.Body) == 0 {
			return nil
		}
		return m.Body
	}
	rest := m.Body
	for ; len(rest) > 0; i-- {
		end := valueEnd(rest)
		if i == 0 {
			if v := trimSpace(rest[:end]); len(v) > 0 {
				return v
			}
			return nil
		}
		if end == len(rest) {
			return nil
		}
		rest = rest[end+1:]
	}
	return nil
}

// valueEnd returns the index of the comma that ends the first JSON value of a
// comma-separated list, or len(b). It skips strings and nesting; it does not
// validate, which the codec has done before.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
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
