package tui

import (
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// columns says which columns of the log fit. Size goes first, then the
// namespace, then the milliseconds.
type columns struct {
	millis   bool
	ns, name int // widths, 0 for none
	size     bool
}

func logColumns(w int, namespaces bool) columns {
	c := columns{millis: w >= 44, name: 12, size: w >= 60}
	if w >= 52 && namespaces {
		c.ns = 7
	}
	if w >= 90 {
		c.name = 18
		if namespaces {
			c.ns = 12
		}
	}
	return c
}

func (m *inspect) drawEvents(c *canvas, r rect, boxed bool) {
	l := m.log
	body := r
	if boxed {
		head := []span{{"Events", title}}
		if f := m.filterText(); f != "" {
			head = append(head, span{"  / " + f, accent})
		}
		note := count(m.stats.Logged)
		if m.filterText() != "" {
			note = count(uint64(len(l.rows))) + " of " + note
		}
		c.box(r, m.focus == paneEvents && !m.typing, head, note)
		body = r.inner()
	}
	if body.empty() {
		return
	}
	cols := logColumns(body.w, m.protocol == rt.SocketIO)
	if boxed && body.h > 4 {
		drawLogHead(c, body, cols)
		body.y, body.h = body.y+1, body.h-1
	}
	status := m.logStatus()
	if status != nil {
		body.h--
	}
	rows := l.window(body.h)
	for i, e := range rows {
		m.drawRow(c, rect{body.x, body.y + i, body.w, 1}, cols, e, l.top+i == l.sel)
	}
	if len(rows) == 0 && body.h > 0 {
		text := "no events yet"
		if m.filterText() != "" {
			text = "no event matches, backspace clears the filter"
		}
		c.text(body.x+2, body.y, body.w-4, dim, text)
	}
	if status != nil {
		y := body.y + body.h
		c.fill(body.x, y, body.w, warn, "─")
		c.text(body.x+2, y, body.w-4, warn, " "+status[0]+" ")
		if body.w > len(status[0])+len(status[1])+12 {
			c.right(body.x, y, body.w-1, warn, " "+status[1]+" ")
		}
	}
}

// logStatus is the line below a log that does not follow: what happened, and
// the key that goes on.
func (m *inspect) logStatus() []string {
	l := m.log
	switch {
	case l.paused():
		return []string{fmt.Sprintf("paused at #%d, %s newer", l.until-1, count(l.newer())), "space to resume"}
	case !l.follow:
		return []string{count(l.newer()) + " newer", "G to follow"}
	}
	return nil
}

func drawLogHead(c *canvas, r rect, cols columns) {
	x := r.x + 2
	tw := 8
	if cols.millis {
		tw = 12
	}
	c.text(x, r.y, tw, dim, "time")
	x += tw + 3
	if cols.ns > 0 {
		c.text(x, r.y, cols.ns, dim, "ns")
		x += cols.ns + 1
	}
	c.text(x, r.y, cols.name, dim, "event")
	x += cols.name + 1
	if cols.size {
		c.right(x, r.y, 5, dim, "size")
		x += 7
	}
	c.text(x, r.y, r.x+r.w-x, dim, "preview")
}

func (m *inspect) drawRow(c *canvas, r rect, cols columns, e *Event, selected bool) {
	arrow, tint := "←", incoming
	switch {
	case e.Dir == rt.Out:
		arrow, tint = "→", outgoing
	case e.Dir == rt.Local || !e.isMessage():
		arrow, tint = "∙", dim
	}
	text := plain
	if !e.isMessage() {
		text = dim
	}
	if e.Fault {
		tint, text = bad, red
	}
	mark := r.x
	if selected {
		mark += c.text(r.x, r.y, 1, accent, "▌")
	}
	if e.Fault {
		c.text(mark, r.y, 1, bad, "!")
	}
	x := r.x + 2
	stamp, tw := "15:04:05", 8
	if cols.millis {
		stamp, tw = "15:04:05.000", 12
	}
	c.text(x, r.y, tw, dim, e.At.Format(stamp))
	x += tw + 1
	c.text(x, r.y, 1, tint, arrow)
	x += 2
	if cols.ns > 0 {
		c.text(x, r.y, cols.ns, dim, printableText(e.Namespace))
		x += cols.ns + 1
	}
	c.text(x, r.y, cols.name, tint, printableText(e.label()))
	x += cols.name + 1
	if cols.size {
		if e.Dir == rt.Local {
			c.right(x, r.y, 5, dim, "-")
		} else {
			c.right(x, r.y, 5, dim, short(e.Size))
		}
		x += 7
	}
	c.text(x, r.y, r.x+r.w-x, text, e.preview(m.mask, previewBytes))
	if selected {
		c.addStyle(r.x, r.y, r.w, attrBold)
	}
}
