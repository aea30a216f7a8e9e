package tui

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/charmbracelet/x/ansi"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const (
	maxTextLine  = 4096 // bytes of a line that are looked at
	maxJSONLines = 5000 // lines that one event may have
	maxJSONBytes = 1 << 20
	maxJSONDepth = 500
)

// textLine is one line of the JSON pane.
type textLine struct {
	indent int // levels; after wrapLines, columns
	runs   []span
	node   int  // identity of the object or array that begins here, -1 for none
	folded bool // it is shown as {…}
}

// jsonLines lays the payload of e out for reading: JSON indented and coloured,
// other text as it is, binary data as a hex dump. folds holds the nodes to show
// closed. All text is printable and masked.
func jsonLines(e *Event, m *Mask, folds map[int]bool) []textLine {
	b := &jsonBuilder{folds: folds}
	switch {
	case e.Dir == rt.Local:
		b.text([]byte(m.Text(e.Note)), plain)
	case e.Binary:
		b.hexDump(e.Body)
	case e.Multi:
		b.args(e, m)
	default:
		b.value(m.Bytes(e.Body))
	}
	for i, a := range e.Attachments {
		b.plain(span{fmt.Sprintf("attachment %d  %s", i, binaryText(a)), dim})
		b.hexDump(a)
	}
	if len(b.lines) > maxJSONLines {
		b.lines = append(b.lines[:maxJSONLines], textLine{node: -1, runs: []span{{"… the rest is not shown", warn}}})
	}
	return b.lines
}

// wrapLines breaks lines that are longer than w columns, and turns levels of
// indentation into columns: two a level, but never more than half of w.
func wrapLines(lines []textLine, w int) []textLine {
	w = max(w, 8)
	out := make([]textLine, 0, len(lines))
	for _, l := range lines {
		l.indent = min(2*l.indent, w/2)
		hang := min(l.indent+2, w/2)
		room := w - l.indent
		rest := l.runs
		l.runs = nil
		for i := 0; i < len(rest); i++ {
			for text := rest[i].text; text != ""; {
				part := fit(text, room)
				if part == "" && len(l.runs) == 0 { // a cluster wider than the pane
					part, _ = ansi.FirstGraphemeCluster(text, ansi.WcWidth)
				}
				if part == "" { // the line is full
					out = append(out, l)
					l = textLine{indent: hang, node: -1}
					room = w - l.indent
					continue
				}
				l.runs = append(l.runs, span{part, rest[i].st})
				room -= ansi.StringWidthWc(part)
				text = text[len(part):]
			}
		}
		out = append(out, l)
	}
	return out
}

// fit returns the longest beginning of s that is at most w columns wide.
func fit(s string, w int) string {
	end := 0
	for end < len(s) {
		cluster, n := ansi.FirstGraphemeCluster(s[end:], ansi.WcWidth)
		if w -= n; w < 0 {
			break
		}
		end += len(cluster)
	}
	return s[:end]
}

type jsonBuilder struct {
	lines []textLine
	folds map[int]bool
	src   []byte
	pos   int
}

func (b *jsonBuilder) plain(runs ...span) {
	b.lines = append(b.lines, textLine{runs: runs, node: -1})
}

// args shows the arguments of a Socket.IO message one below the other.
func (b *jsonBuilder) args(e *Event, m *Mask) {
	if e.AckID != rt.NoAck {
		b.plain(span{fmt.Sprintf("ack #%d", e.AckID), dim})
	}
	if len(e.Body) == 0 {
		b.plain(span{"no arguments", dim})
		return
	}
	src := append(append([]byte{'['}, m.Bytes(e.Body)...), ']')
	if len(src) > maxJSONBytes || !json.Valid(src) {
		b.text(src[1:len(src)-1], plain)
		return
	}
	b.src, b.pos = src, 1
	for n := 1; ; n++ {
		if n > 1 {
			b.plain(span{fmt.Sprintf("argument %d", n), dim})
		}
		b.newLine(0)
		b.walk(0)
		b.pos = skipSpace(b.src, b.pos) + 1
		if b.pos >= len(b.src) { // that was the closing bracket
			return
		}
	}
}

func (b *jsonBuilder) value(src []byte) {
	if len(src) > maxJSONBytes || !json.Valid(src) {
		b.text(src, plain)
		return
	}
	b.src, b.pos = src, 0
	b.newLine(0)
	b.walk(0)
}

// text shows what is not JSON, line by line.
func (b *jsonBuilder) text(src []byte, st style) {
	for len(src) > 0 && len(b.lines) <= maxJSONLines {
		n := 0
		for n < len(src) && n < maxTextLine && src[n] != '\n' {
			n++
		}
		b.plain(span{printable(src[:n], 0), st})
		if n < len(src) && src[n] == '\n' {
			n++
		}
		src = src[n:]
	}
}

func (b *jsonBuilder) hexDump(src []byte) {
	for at := 0; at < len(src) && len(b.lines) <= maxJSONLines; at += 8 {
		row := src[at:min(at+8, len(src))]
		ascii := make([]byte, len(row))
		for i, c := range row {
			if ascii[i] = c; c < ' ' || c > '~' {
				ascii[i] = '.'
			}
		}
		b.plain(span{fmt.Sprintf("%04x ", at), dim}, span{fmt.Sprintf("%-16s ", hex.EncodeToString(row)), jsonNumber}, span{string(ascii), plain})
	}
}

func (b *jsonBuilder) add(text string, st style) {
	l := &b.lines[len(b.lines)-1]
	l.runs = append(l.runs, span{text, st})
}

func (b *jsonBuilder) newLine(indent int) {
	b.lines = append(b.lines, textLine{indent: indent, node: -1})
}

// walk appends the value at b.pos, which is valid JSON. Once there are more
// lines than anybody reads it only skips.
func (b *jsonBuilder) walk(indent int) {
	b.pos = skipSpace(b.src, b.pos)
	switch c := b.src[b.pos]; c {
	case '{', '[':
		b.container(c, indent)
	case '"':
		end := stringEnd(b.src, b.pos)
		b.add(printable(b.src[b.pos:end], maxTextLine), jsonString)
		b.pos = end
	default:
		start := b.pos
		for b.pos < len(b.src) && !isDelimiter(b.src[b.pos]) {
			b.pos++
		}
		st := jsonWord
		if c == '-' || '0' <= c && c <= '9' {
			st = jsonNumber
		}
		b.add(printable(b.src[start:b.pos], maxTextLine), st)
	}
}

func isDelimiter(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

func (b *jsonBuilder) container(open byte, indent int) {
	closing := byte('}')
	if open == '[' {
		closing = ']'
	}
	node := b.pos
	first := skipSpace(b.src, b.pos+1)
	if b.src[first] == closing {
		b.add(string([]byte{open, closing}), plain)
		b.pos = first + 1
		return
	}
	l := &b.lines[len(b.lines)-1]
	l.node = node
	if b.folds[node] || indent > maxJSONDepth || len(b.lines) > maxJSONLines {
		l.folded = true
		b.add(string(open)+"…"+string(closing), dim)
		b.skip()
		return
	}
	b.add(string(open), plain)
	b.pos = first
	for {
		b.newLine(indent + 1)
		if open == '{' {
			end := stringEnd(b.src, b.pos)
			b.add(printable(b.src[b.pos:end], maxTextLine), jsonKey)
			b.add(": ", plain)
			b.pos = skipSpace(b.src, end) + 1 // the colon
		}
		b.walk(indent + 1)
		b.pos = skipSpace(b.src, b.pos)
		more := b.src[b.pos] == ','
		b.pos = skipSpace(b.src, b.pos+1)
		if !more {
			break
		}
		b.add(",", plain)
	}
	b.newLine(indent)
	b.add(string(closing), plain)
}

// skip moves behind the container at b.pos.
func (b *jsonBuilder) skip() {
	depth := 0
	for b.pos < len(b.src) {
		switch b.src[b.pos] {
		case '"':
			b.pos = stringEnd(b.src, b.pos)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		b.pos++
		if depth == 0 {
			return
		}
	}
}
