package loadgen

import (
	"fmt"
	"strings"
)

// maxMarkdownText bounds one piece of foreign text in a table, in characters.
const maxMarkdownText = 300

// markdownPre makes text safe inside a pre element, where only HTML counts.
var markdownPre = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// markdownCode puts text from outside into a code element, as one line of a
// table cell. Inside of the element GitHub makes neither mentions nor issue
// links; punctuation is written as entities, which never are markup, so that
// nothing closes the element or the cell.
func markdownCode(m *masker, s string) string {
	s = harmless(strings.Join(strings.Fields(m.mask(s)), " "))
	if s == "" {
		return ""
	}
	return "<code>" + markdownEntities(clip(s, maxMarkdownText)) + "</code>"
}

func markdownEntities(s string) string {
	var b strings.Builder
	for i, c := range s {
		plain := c >= 0x80 || c == ' ' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' ||
			strings.ContainsRune(",-/()%=", c) || c == '.'
		// "www." alone begins a link in GitHub's dialect.
		if !plain || (c == 'w' || c == 'W') && len(s) > i+3 && strings.EqualFold(s[i:i+4], "www.") {
			fmt.Fprintf(&b, "&#%d;", c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}
