package tui

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// style is a foreground colour of the terminal's own palette in the low five
// bits (0 the default, otherwise the palette index plus one) and attributes
// above. Colours are never the only sign of anything, so a monochrome terminal
// loses nothing.
type style uint16

const (
	attrBold style = 1 << (5 + iota)
	attrDim
	attrUnderline
	attrReverse

	colorBits style = 1<<5 - 1
)

const (
	red     style = 1 + 1
	green   style = 2 + 1
	yellow  style = 3 + 1
	blue    style = 4 + 1
	magenta style = 5 + 1
	cyan    style = 6 + 1
	gray    style = 8 + 1
)

// The theme: what things look like.
const (
	plain       style = 0
	dim               = gray
	bold              = attrBold
	border            = gray
	borderFocus       = blue
	title             = attrBold
	accent            = blue | attrBold
	incoming          = cyan
	outgoing          = green
	good              = green
	warn              = yellow
	bad               = red | attrBold
	jsonKey           = blue
	jsonString        = green
	jsonNumber        = yellow
	jsonWord          = magenta
	keyName           = attrBold
)

// sgr appends the sequence that selects s and nothing of what was before.
func (s style) sgr(dst []byte) []byte {
	dst = append(dst, "\x1b[0"...)
	for _, a := range [...]struct {
		bit  style
		code string
	}{{attrBold, ";1"}, {attrDim, ";2"}, {attrUnderline, ";4"}, {attrReverse, ";7"}} {
		if s&a.bit != 0 {
			dst = append(dst, a.code...)
		}
	}
	if c := int(s & colorBits); c > 8 {
		dst = append(dst, ';')
		dst = strconv.AppendInt(dst, int64(90+c-9), 10)
	} else if c > 0 {
		dst = append(dst, ';')
		dst = strconv.AppendInt(dst, int64(30+c-1), 10)
	}
	return append(dst, 'm')
}

// rect is a part of the screen in cells.
type rect struct{ x, y, w, h int }

func (r rect) empty() bool { return r.w <= 0 || r.h <= 0 }

// inner is r without its border.
func (r rect) inner() rect { return rect{r.x + 1, r.y + 1, r.w - 2, r.h - 2} }

// cell is one column of the screen. A wide character fills its cell and leaves
// the next one with an empty text.
type cell struct {
	text string
	st   style
}

// canvas is a frame under construction: a grid of cells, drawn on with text
// and rendered as runs of one style. Everything is clipped to its grid, so no
// text can shift a line or leave its pane.
type canvas struct {
	w, h  int
	cells []cell
	out   []byte
}

// reset makes c a blank grid of w by h and keeps its memory.
func (c *canvas) reset(w, h int) {
	c.w, c.h = max(w, 0), max(h, 0)
	n := c.w * c.h
	if cap(c.cells) < n {
		c.cells = make([]cell, n)
	}
	c.cells = c.cells[:n]
	for i := range c.cells {
		c.cells[i] = cell{" ", plain}
	}
}

// text draws s at (x, y), at most w columns of it, with an ellipsis when it is
// cut, and returns the columns used. s must be printable already.
func (c *canvas) text(x, y, w int, st style, s string) int {
	w = min(w, c.w-x)
	if y < 0 || y >= c.h || x < 0 || w <= 0 {
		return 0
	}
	row := c.cells[y*c.w : (y+1)*c.w]
	used := 0
	for len(s) > 0 {
		if s[0] >= ' ' && s[0] < 0x7f && (len(s) == 1 || s[1] < 0x80) {
			if used == w {
				return cut(row[x:], used, w, st)
			}
			row[x+used] = cell{s[:1], st}
			used++
			s = s[1:]
			continue
		}
		cluster, width := ansi.FirstGraphemeCluster(s, ansi.WcWidth)
		s = s[len(cluster):]
		if width <= 0 {
			continue
		}
		if used+width > w {
			return cut(row[x:], used, w, st)
		}
		row[x+used] = cell{cluster, st}
		for i := 1; i < width; i++ {
			row[x+used+i] = cell{"", st}
		}
		used += width
	}
	return used
}

// cut puts an ellipsis behind the used columns of a text of at most w, or on
// their last one, without leaving half of a wide character.
func cut(row []cell, used, w int, st style) int {
	if used == w {
		used--
		if row[used].text == "" {
			row[used-1] = cell{" ", st}
		}
	}
	row[used] = cell{"…", st}
	return used + 1
}

// spans draws runs one after the other and returns the columns used.
func (c *canvas) spans(x, y, w int, runs ...span) int {
	used := 0
	for _, r := range runs {
		used += c.text(x+used, y, w-used, r.st, r.text)
	}
	return used
}

// span is a text of one style.
type span struct {
	text string
	st   style
}

// right draws s so that it ends before column x+w and returns the columns used.
func (c *canvas) right(x, y, w int, st style, s string) int {
	n := min(ansi.StringWidthWc(s), w)
	return c.text(x+w-n, y, n, st, s)
}

// fill repeats one narrow character over a row of r.
func (c *canvas) fill(x, y, w int, st style, ch string) {
	for i := x; i < x+w; i++ {
		if i >= 0 && i < c.w && y >= 0 && y < c.h {
			c.cells[y*c.w+i] = cell{ch, st}
		}
	}
}

// addStyle adds attributes to a row of cells.
func (c *canvas) addStyle(x, y, w int, st style) {
	for i := x; i < x+w; i++ {
		if i >= 0 && i < c.w && y >= 0 && y < c.h {
			c.cells[y*c.w+i].st |= st
		}
	}
}

// box draws the border of r with a title at the left and a note at the right.
func (c *canvas) box(r rect, focus bool, head []span, note string) {
	if r.w < 2 || r.h < 2 {
		return
	}
	st := border
	if focus {
		st = borderFocus
	}
	c.fill(r.x, r.y, r.w, st, "─")
	c.fill(r.x, r.y+r.h-1, r.w, st, "─")
	for y := r.y; y < r.y+r.h; y++ {
		left, right := "│", "│"
		switch y {
		case r.y:
			left, right = "┌", "┐"
		case r.y + r.h - 1:
			left, right = "└", "┘"
		}
		c.text(r.x, y, 1, st, left)
		c.text(r.x+r.w-1, y, 1, st, right)
	}
	room := r.w - 4
	if note != "" && room > ansi.StringWidthWc(note)+8 {
		room -= ansi.StringWidthWc(note) + 3
		c.right(r.x+1, r.y, r.w-3, dim, " "+note+" ")
	}
	if len(head) > 0 && room > 2 {
		n := 1 + c.spans(r.x+2, r.y, room-1, append([]span{{" ", plain}}, head...)...)
		c.text(r.x+1+n, r.y, 1, plain, " ")
	}
}

// render returns the grid as lines of styled runs.
func (c *canvas) render() string {
	c.out = c.out[:0]
	for y := range c.h {
		if y > 0 {
			c.out = append(c.out, '\n')
		}
		now := plain
		for _, cl := range c.cells[y*c.w : (y+1)*c.w] {
			if cl.st != now {
				c.out = cl.st.sgr(c.out)
				now = cl.st
			}
			c.out = append(c.out, cl.text...)
		}
		if now != plain {
			c.out = append(c.out, "\x1b[m"...)
		}
	}
	return string(c.out)
}

// pad repeats a space n times.
func pad(n int) string { return strings.Repeat(" ", max(n, 0)) }
