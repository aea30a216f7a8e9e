package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestCanvasText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		x, w    int
		text    string
		want    string // the row of 8 columns
		columns int
	}{
		{"fits", 0, 8, "abc", "abc     ", 3},
		{"fits exactly", 0, 3, "abc", "abc     ", 3},
		{"cut", 0, 3, "abcd", "ab…     ", 3},
		{"clipped at the edge", 6, 8, "abc", "      a…", 2},
		{"no room", 0, 0, "abc", "        ", 0},
		{"off the screen", 9, 3, "abc", "        ", 0},
		{"wide", 1, 6, "日本", " 日本   ", 4},
		{"wide cut on a boundary", 0, 4, "日本語", "日 …    ", 4},
		{"wide cut in between", 0, 3, "日本", "日…     ", 3},
		{"only half a character fits", 0, 1, "日", "…       ", 1},
		{"combining mark", 0, 8, "e\u0301x", "e\u0301x      ", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c canvas
			c.reset(8, 1)
			if got := c.text(tt.x, 0, tt.w, plain, tt.text); got != tt.columns {
				t.Errorf("used %d columns, want %d", got, tt.columns)
			}
			if got := c.render(); got != tt.want {
				t.Errorf("row %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCanvasRender(t *testing.T) {
	t.Parallel()
	var c canvas
	c.reset(6, 2)
	c.text(0, 0, 6, red|attrBold, "ab")
	c.text(2, 0, 6, red|attrBold, "c")
	c.text(0, 1, 6, gray, "xy")
	c.addStyle(0, 1, 1, attrReverse)
	want := "\x1b[0;1;31mabc\x1b[0m   \n\x1b[0;7;90mx\x1b[0;90my\x1b[0m    "
	if got := c.render(); got != want {
		t.Errorf("render() = %q, want %q", got, want)
	}
}

// TestCanvasKeepsItsWidth draws text of any kind at any place and proves that
// no row ever gets wider or narrower than the screen.
func TestCanvasKeepsItsWidth(t *testing.T) {
	t.Parallel()
	var c canvas
	for w := 1; w < 40; w++ {
		for _, text := range []string{"plain text that is long enough to be cut", "日本語日本語日本語日本語", "a日b本c語", "e\u0301e\u0301e\u0301e\u0301"} {
			for x := range w {
				c.reset(w, 3)
				c.box(rect{0, 0, w, 3}, false, []span{{text, title}}, text)
				c.text(x, 1, w, plain, text)
				for _, line := range strings.Split(c.render(), "\n") {
					if got := ansi.StringWidthWc(line); got != w {
						t.Fatalf("%q at %d of %d: the row %q is %d wide", text, x, w, line, got)
					}
				}
			}
		}
	}
}
