package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes bytes from a server safe for a terminal: no byte of the
// result can begin an escape sequence, move the cursor or change the direction
// of writing. Control characters become their pictures (␛, ␀, ␊), other
// characters without a shape become U+FFFD. At most limit bytes of b are read,
// so that a large payload costs no more than a small one; 0 means all.
func printable(b []byte, limit int) string {
	if limit > 0 && len(b) > limit {
		b = b[:limit]
	}
	for i, c := range b {
		if c < ' ' || c >= 0x7f {
			return picture(b, i)
		}
	}
	return string(b)
}

// printableText is printable for strings, unlimited.
func printableText(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return picture([]byte(s), i)
		}
	}
	return s
}

func picture(b []byte, clean int) string {
	var out strings.Builder
	out.Grow(len(b) + 16)
	out.Write(b[:clean])
	for b = b[clean:]; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		switch {
		case r < ' ':
			out.WriteRune(0x2400 + r) // Unicode block "Control Pictures"
		case r == 0x7f:
			out.WriteRune('␡')
		case r == '\u200d', unicode.Is(unicode.Variation_Selector, r):
			// Joiners change the width of what stands before them, and
			// terminals disagree by how much.
		case unicode.IsPrint(r):
			out.WriteRune(r)
		case unicode.Is(unicode.Zs, r):
			out.WriteByte(' ')
		default:
			out.WriteRune(unicode.ReplacementChar)
		}
	}
	return out.String()
}
