package tui

import (
	"bytes"
	"io"
)

// The renderer below bubbletea scrolls a part of the screen by setting margins
// (DECSTBM, CSI top;bottom r), scrolling, and setting the margins to the whole
// screen again: CSI 1;height r, with the height that it knows. When the
// terminal has grown in the meantime, that leaves margins in the middle of the
// screen, which spoil every later frame and stay after the program. The short
// form, CSI r, means the whole screen whatever its height, so it is written
// instead.

// marginReset replaces the second of each pair of margin settings.
type marginReset struct {
	io.Writer
	set bool // margins are set
	buf []byte
}

var csi = []byte("\x1b[")

func (w *marginReset) Write(p []byte) (int, error) {
	out := w.rewrite(p)
	if _, err := w.Writer.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// rewrite returns p itself when there is nothing to replace, as for most
// frames. The renderer writes a frame at a time, so no sequence is split.
func (w *marginReset) rewrite(p []byte) []byte {
	w.buf = w.buf[:0]
	done := 0
	for at := 0; ; {
		i := bytes.Index(p[at:], csi)
		if i < 0 {
			break
		}
		begin := at + i
		end := begin + len(csi)
		for end < len(p) && (p[end] >= '0' && p[end] <= '9' || p[end] == ';') {
			end++
		}
		at = end
		if end == len(p) || p[end] != 'r' {
			continue
		}
		if w.set && bytes.HasPrefix(p[begin:], []byte("\x1b[1;")) {
			w.buf = append(append(w.buf, p[done:begin]...), csi...)
			done = end
		}
		w.set = !w.set
	}
	if done == 0 {
		return p
	}
	w.buf = append(w.buf, p[done:]...)
	return w.buf
}

// terminal is what bubbletea takes for a terminal.
type terminal interface {
	io.ReadWriteCloser
	Fd() uintptr
}

// terminalReset is a marginReset that is still a terminal.
type terminalReset struct {
	terminal
	*marginReset
}

// Write sends through the marginReset.
func (w terminalReset) Write(p []byte) (int, error) { return w.marginReset.Write(p) }

// resetMargins wraps the output of a program.
func resetMargins(w io.Writer) io.Writer {
	r := &marginReset{Writer: w}
	if t, ok := w.(terminal); ok {
		return terminalReset{t, r}
	}
	return r
}
