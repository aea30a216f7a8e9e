package tui

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		limit    int
		want     string
	}{
		{"plain", "hello", 0, "hello"},
		{"escape sequence", "a\x1b[2Jb", 0, "a␛[2Jb"},
		{"null, bell, del", "\x00\a\x7f", 0, "␀␇␡"},
		{"lines and tabs", "a\r\n\tb", 0, "a␍␊␉b"},
		{"C1 control", "\u009b31m", 0, "\ufffd31m"},
		{"right to left override", "a\u202eb", 0, "a\ufffdb"},
		{"broken UTF-8", "a\xff\xc3", 0, "a\ufffd\ufffd"},
		{"wide and accented", "日本 é", 0, "日本 é"},
		{"joiners are dropped", "👩\u200d🚀❤\ufe0f", 0, "👩🚀❤"},
		{"no-break space", "a\u00a0b", 0, "a b"},
		{"limit", "abcdef", 3, "abc"},
		{"limit inside a character", "aé", 2, "a\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := printable([]byte(tt.in), tt.limit); got != tt.want {
				t.Errorf("printable(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if tt.limit == 0 && printableText(tt.in) != tt.want {
				t.Errorf("printableText(%q) = %q, want %q", tt.in, printableText(tt.in), tt.want)
			}
		})
	}
}

// checkSafe fails when text has a character that a terminal may obey.
func checkSafe(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Fatalf("not UTF-8: %q", text)
	}
	if i := strings.IndexFunc(text, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}); i >= 0 {
		t.Fatalf("control character at %d of %q", i, text)
	}
}

// FuzzUntrusted sends whatever a server may send through everything that shows
// it: previews, the JSON pane, lines of text and NDJSON.
func FuzzUntrusted(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u001b[31m"}],"token":"x"}`), true, "message", true)
	f.Add([]byte("\x1b]0;title\x07\x9b31m\u202e"), false, "\x1b[2J", false)
	f.Add([]byte(`"password":"abc`), true, "a\nb", true)
	f.Add([]byte(`[[[[]],{}],"`), false, "", false)
	f.Fuzz(func(t *testing.T, body []byte, multi bool, name string, binary bool) {
		e := &Event{Name: name, Namespace: name, Body: body, Multi: multi, Binary: binary, AckID: rt.NoAck, Attachments: [][]byte{body}}
		m := &Mask{Known: []string{"abcd"}}
		checkSafe(t, e.preview(m, 0))
		checkSafe(t, e.preview(nil, 16))
		for _, l := range wrapLines(jsonLines(e, m, map[int]bool{0: true}), 20) {
			for _, r := range l.runs {
				checkSafe(t, r.text)
			}
		}
		text := string(appendTextLine(nil, e, m, false))
		checkSafe(t, strings.TrimSuffix(text, "\n"))
		line := string(appendNDJSON(nil, e, m))
		checkSafe(t, strings.TrimSuffix(line, "\n"))
		checkJSON(t, line)
	})
}
