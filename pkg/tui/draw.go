package tui

import (
	"fmt"
	"time"

	"charm.land/bubbles/v2/key"
	"github.com/charmbracelet/x/ansi"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/tui/chart"
)

// cursor is where the terminal's own cursor stands; nil when it is hidden.
type cursor struct{ x, y int }

// draw composes the screen.
func (m *inspect) draw(c *canvas, w, h int) *cursor {
	c.reset(w, h)
	r := layout(w, h, layoutState{focus: m.focus, zoom: m.zoom, typing: m.typing || m.filtering})
	if r.shape == shapeTiny {
		c.text(0, 0, w, plain, "terminal too small")
		return nil
	}
	boxed := r.shape != shapeStrip
	m.drawHeader(c, r)
	m.drawMetrics(c, r.metrics)
	if m.help {
		m.drawHelp(c, rect{0, 1, w, h - 2})
		m.drawFooter(c, r.footer)
		return nil
	}
	if !r.events.empty() {
		m.drawEvents(c, r.events, boxed)
	}
	if !r.detail.empty() {
		m.drawDetail(c, r.detail, boxed)
	}
	if !r.conn.empty() {
		m.drawConn(c, r.conn)
	}
	cur := m.drawInput(c, r.send, boxed)
	m.drawFooter(c, r.footer)
	return cur
}

var phaseMarks = [...]span{
	PhaseConnecting: {"◐", warn},
	PhaseOpen:       {"●", good},
	PhaseWaiting:    {"◐", warn},
	PhaseRefused:    {"✗", bad},
	PhaseClosed:     {"○", dim},
}

// stateSpans say how the connection is. The rtt is the duration of the TCP
// handshake, one round trip.
func (m *inspect) stateSpans(brief bool) []span {
	st := m.state
	mark := phaseMarks[st.Phase]
	text := st.Phase.String()
	switch st.Phase {
	case PhaseOpen:
		text += " " + elapsed(m.now.Sub(st.Since))
		if brief {
			break
		}
		text += "  " + string(st.Info.Transport)
		if rtt := st.Info.Phases.TCP; rtt > 0 {
			text += "  rtt " + duration(rtt)
		}
	case PhaseWaiting:
		text = fmt.Sprintf("retry %d in %.1fs", max(st.Attempt, 1), max(st.RetryAt.Sub(m.now), 0).Seconds())
	case PhaseConnecting:
		text += " " + elapsed(m.now.Sub(st.Since))
	}
	return []span{mark, {" " + text, plain}}
}

func (m *inspect) drawHeader(c *canvas, r regions) {
	w := r.header.w
	state := m.stateSpans(r.shape < shapeNormal)
	need := 2
	for _, s := range state {
		need += ansi.StringWidthWc(s.text)
	}
	left := []span{{" rtk", accent}}
	switch r.shape {
	case shapeStrip:
		left = append(left, span{" " + count(m.stats.Logged) + " events", plain})
	case shapeNarrow:
		for p := range paneCount {
			st := dim
			if p == m.focus {
				st = title | attrUnderline
			}
			left = append(left, span{"  ", plain}, span{fmt.Sprintf("%d %s", int(p)+1, p), st})
		}
	default:
		left = append(left, span{" inspect", title}, span{"  " + string(m.protocol) + "  ", dim}, span{m.target, plain})
		if ns := m.session.Target().Namespace; m.protocol == rt.SocketIO && ns != "" {
			left = append(left, span{"  ns=" + printableText(ns), plain})
		}
	}
	used := c.spans(0, 0, max(w-need-1, 4), left...)
	at := max(w-need+1, used+1)
	if r.shape == shapeWide || r.shape == shapeNormal {
		at = min(at, used+2)
	}
	c.spans(at, 0, w-at, state...)
}

func (m *inspect) drawMetrics(c *canvas, r rect) {
	if r.empty() {
		return
	}
	s := m.stats
	width := 15
	if r.w >= wideColumns {
		width = 30
	} else if r.w < normalColumns {
		width = 0 // the sparklines need the room that the figures need more
	}
	x := r.x + 1
	x += c.spans(x, r.y, r.w-x, span{"in ", dim}, span{count(s.In), bold}, span{"  " + count(uint64(s.InRate)) + "/s ", plain},
		span{chart.Spark(s.InSpark, width), incoming}, span{"  out ", dim}, span{count(s.Out), bold}, span{"  " + count(uint64(s.OutRate)) + "/s ", plain},
		span{chart.Spark(s.OutSpark, width), outgoing})
	if s.Acks > 0 {
		x += c.spans(x, r.y, r.w-x, span{"  ack p50 ", dim}, span{duration(s.AckP50), plain}, span{" p99 ", dim}, span{duration(s.AckP99), plain})
	}
	var buf []span
	if r.w >= normalColumns {
		buf = append(buf, span{"  buf ", dim}, span{short(s.Held) + "/" + short(s.Limit), plain})
	}
	if s.Evicted > 0 {
		buf = append(buf, span{" dropped " + count(s.Evicted), warn})
	}
	if s.Faults > 0 {
		buf = append(buf, span{"  ! " + count(s.Faults), bad})
	}
	c.spans(x, r.y, r.w-x, buf...)
}

// elapsed is a duration in whole seconds or more, for clocks on the screen.
func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 0))
	}
	return duration(d)
}

// drawInput draws the send box, or the filter while one is typed.
func (m *inspect) drawInput(c *canvas, r rect, boxed bool) *cursor {
	if r.empty() {
		return nil
	}
	head, note, box := m.sendHead()
	active := m.typing || m.filtering
	body := r
	if boxed {
		c.box(r, active, head, note)
		body = r.inner()
	} else if m.filtering {
		body.x += c.text(body.x, body.y, 1, accent, "/")
	} else {
		body.x += c.text(body.x, body.y, 1, accent, "▸")
	}
	if !active {
		text := "i to send   " + commandHelp[0][0]
		switch {
		case m.problem != "":
			c.text(body.x+1, body.y, body.w-2, bad, printableText(m.problem))
			return nil
		case m.protocol == rt.SSE:
			text = "a stream of Server-Sent Events takes no messages"
		case m.session.Grammar() == GrammarRaw:
			text = "i to send a frame"
		}
		c.text(body.x+1, body.y, body.w-2, dim, text)
		return nil
	}
	if m.problem != "" && !boxed {
		c.text(body.x, body.y, body.w, bad, printableText(m.problem))
		return nil
	}
	return &cursor{box.draw(c, body.x+1, body.y, body.w-2, plain), body.y}
}

// sendHead is the title, the note and the content of the input box.
func (m *inspect) sendHead() (head []span, note string, box *lineEdit) {
	if m.filtering {
		head = []span{{"Filter", title}}
		note = "ev: dir: room: size>1k /regex/ -not"
		box = &m.filterBox
	} else {
		head = []span{{"Send", title}}
		box = &m.sendBox
		if c, err := ParseCommand(box.value(), m.session.Grammar()); err == nil && c.Event != "" {
			head = append(head, span{" ▸ " + printableText(c.Event), accent})
		}
		if m.session.canAck() {
			note = "ack off"
			if m.state.Acks {
				note = "ack on"
			}
		}
	}
	if m.problem != "" && (m.typing || m.filtering) {
		head, note = append(head, span{"  " + printableText(m.problem), bad}), ""
	}
	return head, note, box
}

func (m *inspect) drawFooter(c *canvas, r rect) {
	if r.empty() {
		return
	}
	width := func(b key.Binding) int {
		return ansi.StringWidthWc(b.Help().Key) + 1 + ansi.StringWidthWc(b.Help().Desc)
	}
	bindings := keys.footer(m)
	always := 0 // the last two, help and quit, have their place at any width
	for _, b := range bindings[max(len(bindings)-2, 0):] {
		always += width(b) + 2
	}
	x := r.x + 1
	for i, b := range bindings {
		room := r.x + r.w - x
		if i < len(bindings)-2 {
			room -= always
		}
		if n := width(b); n <= room {
			c.spans(x, r.y, n, span{b.Help().Key, keyName}, span{" " + b.Help().Desc, dim})
			x += n + 2
		}
	}
}
