package tui

import (
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

const (
	maxInput   = 64 << 10 // characters of one typed or pasted line
	maxHistory = 200
)

// lineEdit is a line of text being edited. The editing is bubbles/textinput's;
// the drawing is ours, because a screen is made of cells.
type lineEdit struct{ in textinput.Model }

func newLineEdit() lineEdit {
	in := textinput.New()
	in.CharLimit = maxInput
	in.SetVirtualCursor(false)
	in.Focus()
	return lineEdit{in}
}

func (l *lineEdit) value() string { return l.in.Value() }

func (l *lineEdit) set(s string) {
	l.in.SetValue(s)
	l.in.CursorEnd()
}

func (l *lineEdit) key(k tea.KeyPressMsg) { l.in, _ = l.in.Update(k) }
func (l *lineEdit) insert(text string)    { l.in, _ = l.in.Update(tea.PasteMsg{Content: text}) }

// draw shows the part of the line around the cursor in w columns and returns
// the cursor's column.
func (l *lineEdit) draw(c *canvas, x, y, w int, st style) (cursor int) {
	text := []rune(printableText(l.in.Value()))
	pos := min(l.in.Position(), len(text))
	start := 0
	for start < pos && ansi.StringWidthWc(string(text[start:pos])) > w-2 {
		start++
	}
	if start > 0 {
		c.text(x, y, 1, dim, "…")
		x, w = x+1, w-1
		start++
	}
	c.text(x, y, w, st, string(text[start:]))
	return x + ansi.StringWidthWc(string(text[min(start, pos):pos]))
}

// history is what was sent before, the newest last.
type history struct {
	lines []string
	at    int    // index shown, len(lines) for the draft
	draft string // what was being typed
}

func (h *history) add(line string) {
	if line != "" && (len(h.lines) == 0 || h.lines[len(h.lines)-1] != line) {
		if len(h.lines) == maxHistory {
			h.lines = append(h.lines[:0], h.lines[1:]...)
		}
		h.lines = append(h.lines, line)
	}
	h.at, h.draft = len(h.lines), ""
}

func (h *history) older(now string) string {
	if h.at == len(h.lines) {
		h.draft = now
	}
	if h.at == 0 {
		return now
	}
	h.at--
	return h.lines[h.at]
}

func (h *history) newer() string {
	if h.at < len(h.lines) {
		h.at++
	}
	if h.at == len(h.lines) {
		return h.draft
	}
	return h.lines[h.at]
}
