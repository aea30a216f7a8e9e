package tui

import (
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// detailView is the JSON pane: one event, laid out, with a cursor and folds.
type detailView struct {
	event *Event
	mask  *Mask
	folds map[int]bool
	lines []textLine // laid out in width columns
	width int
	stale bool
	sel   int
	top   int
	page  int
}

// show makes e the event of the pane. The cursor and the folds start anew
// with another event.
func (d *detailView) show(e *Event, m *Mask) {
	if e != d.event {
		d.event, d.folds, d.sel, d.top = e, nil, 0, 0
		d.stale = true
	}
	if m != d.mask {
		d.mask, d.stale = m, true
	}
}

// layOut lays the event out in w columns, when anything has changed.
func (d *detailView) layOut(w int) {
	if !d.stale && w == d.width {
		return
	}
	d.stale, d.width, d.lines = false, w, nil
	if d.event != nil {
		d.lines = wrapLines(jsonLines(d.event, d.mask, d.folds), w)
	}
	d.move(0)
}

func (d *detailView) move(n int) { d.sel = max(min(d.sel+n, len(d.lines)-1), 0) }

// fold opens or closes the object or array that begins on the cursor's line.
func (d *detailView) fold() {
	if d.sel >= len(d.lines) || d.lines[d.sel].node < 0 {
		return
	}
	if d.folds == nil {
		d.folds = map[int]bool{}
	}
	node := d.lines[d.sel].node
	d.folds[node] = !d.folds[node]
	d.stale = true
}

func (m *inspect) drawDetail(c *canvas, r rect, boxed bool) {
	d := &m.detail
	body := r
	focus := m.focus == paneDetail && !m.typing
	if boxed {
		head := []span{{"JSON", title}}
		if e := d.event; e != nil {
			head = []span{{fmt.Sprintf("#%d %s", e.Seq, printableText(e.label())), title}}
		}
		c.box(r, focus, head, "")
		body = r.inner()
	}
	if body.empty() || d.event == nil {
		return
	}
	if body.h > 6 {
		c.text(body.x+1, body.y+body.h-1, body.w-2, dim, detailFoot(d.event))
		body.h -= 2
	}
	d.layOut(body.w - 2)
	d.page = body.h
	d.top = max(min(d.top, d.sel), d.sel-body.h+1)
	d.top = max(min(d.top, len(d.lines)-body.h), 0)
	for i := range min(body.h, len(d.lines)-d.top) {
		l, y := d.lines[d.top+i], body.y+i
		c.spans(body.x+1+l.indent, y, body.w-2-l.indent, l.runs...)
		if focus && d.top+i == d.sel {
			mark := "▌"
			if l.folded {
				mark = "▸"
			}
			c.text(body.x, y, 1, accent, mark)
		}
	}
	if rest := len(d.lines) - d.top - body.h; rest > 0 && boxed {
		c.right(r.x+1, r.y+r.h-1, r.w-3, dim, fmt.Sprintf(" %d more ", rest))
	}
}

// detailFoot says what the payload does not.
func detailFoot(e *Event) string {
	if e.Dir == rt.Local {
		return "noted by rtk"
	}
	kind := "text"
	if e.Binary || len(e.Attachments) > 0 {
		kind = "binary"
	}
	s := fmt.Sprintf("%s B %s", count(uint64(e.Size)), kind)
	if e.Latency > 0 {
		s += ", after " + duration(e.Latency)
	}
	if e.ID != "" {
		s += ", id " + printableText(e.ID)
	}
	if e.Transport != "" {
		s += ", " + string(e.Transport)
	}
	return s
}
