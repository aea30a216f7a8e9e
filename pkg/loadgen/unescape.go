package loadgen

import "bytes"

// maxEscapes is how often a value may be JSON within a JSON string: an event
// in a log line in an envelope.
const maxEscapes = 3

// unescapeMarker turns the escapes by which some encoders hide a marker from a
// search (rtk1\u002e…, rtk1\.…) into what they mean, also where JSON stands in
// a JSON string. It returns nil where there is nothing of the kind. Only plain
// characters are turned, so what it returns need not be JSON.
func unescapeMarker(body []byte) []byte {
	for range maxEscapes {
		if bytes.IndexByte(body, '\\') < 0 {
			return nil
		}
		body = unescapeOnce(body)
		if bytes.Contains(body, []byte("rtk1.")) {
			return body
		}
	}
	return nil
}

func unescapeOnce(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		c := body[i]
		if c != '\\' || i+1 >= len(body) {
			out = append(out, c)
			continue
		}
		i++
		switch body[i] {
		case 'u':
			if v, ok := asciiEscape(body[i+1:]); ok {
				out = append(out, v)
				i += 4
				continue
			}
			out = append(out, '\\', 'u')
		case 'n', 'r', 't', 'b', 'f':
			out = append(out, ' ') // no part of a marker
		default: // \\ \" \/ and dots that someone thought to need it
			out = append(out, body[i])
		}
	}
	return out
}

// asciiEscape reads the four digits of a \u escape of a visible ASCII character.
func asciiEscape(b []byte) (byte, bool) {
	if len(b) < 4 || b[0] != '0' || b[1] != '0' {
		return 0, false
	}
	hi, lo := hexValue(b[2]), hexValue(b[3])
	if hi > 15 || lo > 15 || hi < 2 || hi > 7 {
		return 0, false
	}
	return hi<<4 | lo, true
}

func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
