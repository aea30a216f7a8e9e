package tui

import (
	"fmt"
	"strings"
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
	switch {
	case r.shape == shapeStrip:
		left = append(left, span{" " + count(m.stats.Logged) + " events", plain})
	case r.shape == shapeNarrow:
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

func (m *inspect) drawConn(c *canvas, r rect) {
	st := m.state
	c.box(r, m.focus == paneConn && !m.typing, []span{{"Connection", title}}, fmt.Sprintf("reconnects %d", st.Reconnects))
	body := r.inner()
	lines := m.connLines(body.w - 2)
	for i, l := range lines[:min(len(lines), max(body.h, 0))] {
		c.spans(body.x+1, body.y+i, body.w-2, l...)
	}
}

// connLines are the lines of the Connection pane, the most important first.
func (m *inspect) connLines(w int) [][]span {
	st := m.state
	lines := [][]span{phaseLine(st.Info), m.timeline(w)}
	var last []span
	if st.Err != nil && st.Phase != PhaseOpen {
		last = append(last, span{printableText(m.hidden.Text(causeText(st.Err))) + "     ", red})
	}
	if len(st.Drops) > 0 {
		total, parts := 0, []string{}
		for _, d := range st.Drops {
			total += d.Count
			parts = append(parts, fmt.Sprintf("%s ×%d", printableText(d.Cause), d.Count))
		}
		last = append(last, span{fmt.Sprintf("drops %d: ", total), dim}, span{strings.Join(parts, ", "), warn}, span{"     ", plain})
	}
	switch st.Phase {
	case PhaseRefused, PhaseClosed:
		last = append(last, span{"R connects again", dim})
	default:
		last = append(last, span{"backoff 1s→2s→5s ±50%", dim})
	}
	lines = append(lines, last)
	if st.Info.Remote != "" {
		lines = append(lines,
			[]span{{"remote  ", dim}, {printableText(st.Info.Remote), plain}},
			[]span{{"local   ", dim}, {printableText(st.Info.Local), plain}},
			[]span{{"sid     ", dim}, {printableText(st.Info.SID), plain}})
	}
	return lines
}

// phaseLine is the handshake in parts.
func phaseLine(info rt.ConnInfo) []span {
	var runs []span
	for _, p := range [...]struct {
		name string
		d    time.Duration
	}{{"dns", info.Phases.DNS}, {"tcp", info.Phases.TCP}, {"tls", info.Phases.TLS}, {"http", info.Phases.Upgrade}, {"ns", info.Phases.Namespace}} {
		if p.d <= 0 {
			continue
		}
		if len(runs) > 0 {
			runs = append(runs, span{" ▏", dim})
		}
		runs = append(runs, span{p.name + " ", dim}, span{duration(p.d), plain})
	}
	if info.Phases.Total > 0 {
		runs = append(runs, span{" = ", dim}, span{duration(info.Phases.Total), bold})
	}
	if info.Transport != "" {
		runs = append(runs, span{"      transport ", dim}, span{string(info.Transport), plain})
	}
	if info.Proto != "" {
		runs = append(runs, span{"  " + printableText(info.Proto), dim})
	}
	if info.Ping > 0 {
		runs = append(runs, span{"  heartbeat " + duration(info.Ping), dim})
	}
	if len(runs) == 0 {
		runs = append(runs, span{"no connection yet", dim})
	}
	return runs
}

// timeline shows when there was a connection: ━ for yes, ! and a gap for no.
func (m *inspect) timeline(w int) []span {
	st := m.state
	begin := st.Began
	total := max(m.now.Sub(begin), time.Second)
	label := elapsed(total) + " ago "
	n := w - ansi.StringWidthWc(label) - 5
	if n < 10 {
		return nil
	}
	runs := []span{{label, dim}}
	for i := range n {
		from := begin.Add(total * time.Duration(i) / time.Duration(n))
		to := begin.Add(total * time.Duration(i+1) / time.Duration(n))
		s := span{"━", good}
		for _, b := range st.Breaks {
			end := b.To
			if end.IsZero() {
				end = m.now.Add(time.Hour)
			}
			if b.From.Before(to) && end.After(from) {
				s = span{"·", warn}
				if !b.From.Before(from) {
					s = span{"!", bad}
					break
				}
			}
		}
		if last := &runs[len(runs)-1]; last.st == s.st && len(runs) > 1 {
			last.text += s.text
		} else {
			runs = append(runs, s)
		}
	}
	return append(runs, span{" now", dim})
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

// drawHelp lists the keys, the filter terms and the commands.
func (m *inspect) drawHelp(c *canvas, r rect) {
	c.box(r, true, []span{{"Help", title}}, "j k scroll   esc back")
	body := r.inner()
	var lines [][]span
	section := func(name string) {
		if len(lines) > 0 {
			lines = append(lines, nil)
		}
		lines = append(lines, []span{{name, title}})
	}
	entry := func(name, desc string, width int) {
		lines = append(lines, []span{{"  " + name + pad(width-ansi.StringWidthWc(name)) + " ", keyName}, {desc, dim}})
	}
	for _, g := range keys.groups() {
		section(g.name)
		for _, b := range g.keys {
			entry(b.Help().Key, b.Help().Desc, 10)
		}
	}
	section("Filter terms")
	for _, h := range filterHelp {
		entry(h[0], h[1], 28)
	}
	section("Send box and standard input")
	for _, h := range commandHelp {
		entry(h[0], h[1], 28)
	}
	cols := 1
	if body.w >= 110 {
		cols = 2
	}
	rows := (len(lines) + cols - 1) / cols
	m.helpTop = min(m.helpTop, max(rows-body.h, 0))
	for i, l := range lines {
		col, row := i/rows, i%rows-m.helpTop
		if row >= 0 && row < body.h {
			c.spans(body.x+1+col*(body.w/cols), body.y+row, body.w/cols-2, l...)
		}
	}
}
