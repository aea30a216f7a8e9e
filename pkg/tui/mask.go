package tui

import (
	"bytes"
	"regexp"
)

// hidden stands for a secret.
const hidden = "•••"

// secretKeys are JSON keys whose string values are secrets. The match is on
// part of the key, without regard to case, dashes and underscores.
var secretKeys = [][]byte{
	[]byte("token"), []byte("password"), []byte("passwd"), []byte("secret"), []byte("authorization"),
	[]byte("cookie"), []byte("apikey"), []byte("privatekey"), []byte("jwt"), []byte("credential"),
}

// secretShapes are secrets wherever they stand: a JWT (RFC 7519: three
// base64url parts, the first of which is a JSON object and begins with eyJ;
// also one that was cut off), and what follows an HTTP authentication scheme.
var secretShapes = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}|(?i:\b(?:bearer|basic) )[A-Za-z0-9._~+/=-]{8,}`)

// Mask hides secrets in payloads before they are shown. The zero value hides
// by key and by shape; Known adds literal secrets, such as the token that the
// user gave. A nil Mask hides nothing.
type Mask struct{ Known []string }

// Bytes returns b with its secrets replaced; b itself when there are none. JSON
// stays JSON: a masked string keeps its quotes.
func (m *Mask) Bytes(b []byte) []byte {
	if m == nil || len(b) == 0 {
		return b
	}
	for _, k := range m.Known {
		if len(k) >= 4 && bytes.Contains(b, []byte(k)) {
			b = bytes.ReplaceAll(b, []byte(k), []byte(hidden))
		}
	}
	b = maskKeys(b)
	if bytes.Contains(b, []byte("eyJ")) || containsFold(b, "bearer ") || containsFold(b, "basic ") {
		b = secretShapes.ReplaceAll(b, []byte(hidden))
	}
	return b
}

// Text is Bytes for strings.
func (m *Mask) Text(s string) string {
	if m == nil || s == "" {
		return s
	}
	return string(m.Bytes([]byte(s)))
}

// maskKeys replaces the string values of secret keys. It scans strings only,
// so that it also works on payloads that are not quite JSON.
func maskKeys(b []byte) []byte {
	var out []byte // nil until something was replaced
	copied := 0
	for i := 0; i < len(b); {
		if b[i] != '"' {
			i++
			continue
		}
		end := stringEnd(b, i)
		key := b[i+1 : max(end-1, i+1)]
		next := skipSpace(b, end)
		if next >= len(b) || b[next] != ':' || !isSecretKey(key) {
			i = end
			continue
		}
		value := skipSpace(b, next+1)
		if value >= len(b) || b[value] != '"' {
			i = value
			continue
		}
		valueEnd := stringEnd(b, value)
		if valueEnd-value > 2 {
			out = append(out, b[copied:value+1]...)
			out = append(out, hidden...)
			copied = valueEnd
			if b[valueEnd-1] == '"' { // not cut off
				copied--
			}
		}
		i = valueEnd
	}
	if out == nil {
		return b
	}
	return append(out, b[copied:]...)
}

// stringEnd returns the index behind the JSON string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

func isSecretKey(key []byte) bool {
	if len(key) < 3 || len(key) > 64 {
		return false
	}
	var plain [64]byte
	n := 0
	for _, c := range key {
		switch {
		case c == '-' || c == '_':
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		plain[n] = c
		n++
	}
	for _, s := range secretKeys {
		if bytes.Contains(plain[:n], s) {
			return true
		}
	}
	return false
}

// containsFold reports whether b contains want, which is lower-case ASCII,
// without regard to the case of ASCII letters.
func containsFold(b []byte, want string) bool {
	if want == "" {
		return true
	}
	first := want[0]
	upper := first
	if 'a' <= first && first <= 'z' {
		upper -= 'a' - 'A'
	}
	for i := 0; i+len(want) <= len(b); i++ {
		if c := b[i]; (c == first || c == upper) && hasPrefixFold(b[i:], want) {
			return true
		}
	}
	return false
}

func hasPrefixFold(b []byte, want string) bool {
	for j := 1; j < len(want); j++ {
		c := b[j]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != want[j] {
			return false
		}
	}
	return true
}
