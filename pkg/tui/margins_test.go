package tui

import (
	"bytes"
	"testing"
)

func TestMarginReset(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		writes []string
		want   string
	}{
		{"no margins", []string{"a\x1b[31mb\x1b[2;3Hc\x1b["}, "a\x1b[31mb\x1b[2;3Hc\x1b["},
		{"a pair", []string{"a\x1b[2;13r\x1bM\x1b[1;15rb"}, "a\x1b[2;13r\x1bM\x1b[rb"},
		{"from the first row", []string{"\x1b[1;13r\n\x1b[1;15r"}, "\x1b[1;13r\n\x1b[r"},
		{"two pairs", []string{"\x1b[2;5rx\x1b[1;9ry\x1b[3;5rz\x1b[1;9r."}, "\x1b[2;5rx\x1b[ry\x1b[3;5rz\x1b[r."},
		{"a pair in two writes", []string{"\x1b[2;5rx", "\x1b[1;9ry"}, "\x1b[2;5rx\x1b[ry"},
		{"private modes are none", []string{"\x1b[?1;2r\x1b[1;2r"}, "\x1b[?1;2r\x1b[1;2r"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			w := resetMargins(&out)
			for _, s := range tt.writes {
				if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
			}
			if out.String() != tt.want {
				t.Errorf("wrote %q, want %q", out.String(), tt.want)
			}
		})
	}
}
