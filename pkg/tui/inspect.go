package tui

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// inspect is the screen of `rtk watch URL`. It is a plain struct: the app
// calls it with keys and asks it to draw; it does no input or output itself,
// what takes time it returns as a command.
type inspect struct {
	session  *Session
	protocol rt.Protocol
	target   string
	hidden   *Mask // what hides secrets
	mask     *Mask // hidden, or nil while they are shown

	log    *logView
	detail detailView
	state  State
	stats  Stats
	now    time.Time

	focus     pane
	zoom      bool
	help      bool
	helpTop   int
	filtering bool
	typing    bool
	filterBox lineEdit
	sendBox   lineEdit
	history   history
	problem   string // of the last line that was typed
	before    Filter // the filter to return to
}

func newInspect(o Options) *inspect {
	t := o.Session.Target()
	in := &inspect{
		session: o.Session, protocol: t.Protocol, target: displayURL(t), hidden: o.Mask,
		log:       newLogView(o.Session.Source()),
		filterBox: newLineEdit(), sendBox: newLineEdit(),
	}
	if in.hidden == nil {
		in.hidden = &Mask{}
	}
	if !o.ShowSecrets {
		in.mask = in.hidden
	}
	in.log.filter = o.Filter
	return in
}

// displayURL is the target with the scheme that its protocol is known by.
func displayURL(t rt.Target) string {
	s := t.String()
	if t.Protocol == rt.WebSocket {
		s = "ws" + strings.TrimPrefix(s, "http")
	}
	return printableText(s)
}

// refresh takes one frame of data. It reports whether there is more to scan.
func (m *inspect) refresh(now time.Time) (more bool) {
	m.now = now
	m.state = m.session.State()
	m.stats = m.session.Source().Stats(now)
	more = m.log.refresh()
	m.detail.show(m.log.selected(), m.mask)
	return more
}

func (m *inspect) filterText() string {
	s := m.log.filter.String()
	if m.log.faults {
		s = strings.TrimSpace("errors only  " + s)
	}
	return s
}

// handle carries out one key.
func (m *inspect) handle(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(k, keys.Redraw):
		return tea.ClearScreen
	case key.Matches(k, keys.Suspend):
		return tea.Suspend
	case m.filtering:
		return m.handleFilter(k)
	case m.typing:
		return m.handleSend(k)
	case m.help:
		return m.handleHelp(k)
	}
	switch {
	case key.Matches(k, keys.Quit):
		return tea.Quit
	case key.Matches(k, keys.Help):
		m.help, m.helpTop = true, 0
	case key.Matches(k, keys.Pause):
		m.log.togglePause()
	case key.Matches(k, keys.Filter):
		m.filtering, m.before, m.problem = true, m.log.filter, ""
		m.filterBox.set(m.log.filter.String())
	case key.Matches(k, keys.Clear):
		m.log.setFilter(Filter{}, false)
	case key.Matches(k, keys.Faults):
		m.log.setFilter(m.log.filter, !m.log.faults)
	case key.Matches(k, keys.Send):
		if m.protocol == rt.SSE {
			m.problem = "an SSE stream takes no messages"
			return nil
		}
		m.typing, m.problem = true, ""
	case key.Matches(k, keys.Reconnect):
		m.session.Open()
	case key.Matches(k, keys.Privacy):
		if m.mask == nil {
			m.mask = m.hidden
		} else {
			m.mask = nil
		}
	case key.Matches(k, keys.CopyJSON, keys.CopyRaw):
		return m.copy(key.Matches(k, keys.CopyJSON))
	default:
		m.navigate(k)
	}
	return nil
}

// navigate handles the keys that move the focus or a cursor.
func (m *inspect) navigate(k tea.KeyPressMsg) {
	switch {
	case key.Matches(k, keys.Pane):
		m.focus = (m.focus + 1) % paneCount
	case key.Matches(k, keys.Events):
		m.focus = paneEvents
	case key.Matches(k, keys.Detail):
		m.focus = paneDetail
	case key.Matches(k, keys.Conn):
		m.focus = paneConn
	case key.Matches(k, keys.Zoom):
		m.zoom = !m.zoom
	case key.Matches(k, keys.Back):
		m.focus, m.zoom, m.problem = paneEvents, false, ""
	case key.Matches(k, keys.Enter):
		if m.focus == paneDetail {
			m.detail.fold()
		} else {
			m.log.follow = m.log.follow && m.log.selected() == nil
			m.focus = paneDetail
		}
	default:
		m.scroll(k)
	}
}

func (m *inspect) scroll(k tea.KeyPressMsg) {
	page := m.log.page
	if m.focus == paneDetail {
		page = m.detail.page
	}
	n := 0
	switch {
	case key.Matches(k, keys.Up):
		n = -1
	case key.Matches(k, keys.Down):
		n = 1
	case key.Matches(k, keys.PageUp):
		n = -page
	case key.Matches(k, keys.PageDown):
		n = page
	case key.Matches(k, keys.HalfUp):
		n = -(page + 1) / 2
	case key.Matches(k, keys.HalfDown):
		n = (page + 1) / 2
	case key.Matches(k, keys.Top):
		n = -1 << 30
	case key.Matches(k, keys.Bottom):
		if m.focus == paneDetail {
			n = 1 << 30
			break
		}
		m.log.bottom()
		return
	default:
		return
	}
	if m.focus == paneDetail {
		m.detail.move(n)
		return
	}
	m.log.move(n)
}

func (m *inspect) handleFilter(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "enter":
		if m.problem != "" {
			return nil
		}
		m.filtering = false
		return nil
	case "esc":
		m.filtering, m.problem = false, ""
		m.log.setFilter(m.before, m.log.faults)
		return nil
	}
	m.filterBox.key(k)
	m.applyFilter()
	return nil
}

// applyFilter filters while the user types. A term that is not finished leaves
// the filter as it was.
func (m *inspect) applyFilter() {
	f, err := ParseFilter(m.filterBox.value())
	m.problem = ""
	if err != nil {
		m.problem = err.Error()
		return
	}
	if f.String() != m.log.filter.String() {
		m.log.setFilter(f, m.log.faults)
	}
}

func (m *inspect) handleHelp(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(k, keys.Quit):
		return tea.Quit
	case key.Matches(k, keys.Back, keys.Help):
		m.help = false
	case key.Matches(k, keys.Up):
		m.helpTop--
	case key.Matches(k, keys.Down):
		m.helpTop++
	case key.Matches(k, keys.PageUp):
		m.helpTop -= m.log.page
	case key.Matches(k, keys.PageDown):
		m.helpTop += m.log.page
	case key.Matches(k, keys.Top):
		m.helpTop = 0
	}
	m.helpTop = max(m.helpTop, 0)
	return nil
}

func (m *inspect) handleSend(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		m.typing, m.problem = false, ""
	case "up":
		m.sendBox.set(m.history.older(m.sendBox.value()))
	case "down":
		m.sendBox.set(m.history.newer())
	case "ctrl+t":
		return m.do(Command{Verb: VerbAck, Ack: !m.state.Acks})
	case "enter", "ctrl+s":
		c, err := ParseCommand(m.sendBox.value(), m.session.Grammar())
		if err != nil {
			m.problem = err.Error()
			return nil
		}
		m.problem = ""
		m.history.add(m.sendBox.value())
		m.sendBox.set("")
		return m.do(c)
	default:
		m.problem = ""
		m.sendBox.key(k)
	}
	return nil
}

// paste puts text into the box that is in use.
func (m *inspect) paste(text string) {
	switch {
	case m.filtering:
		m.filterBox.insert(text)
		m.applyFilter()
	case m.typing:
		m.sendBox.insert(text)
	}
}

// doneMsg is the outcome of a Command.
type doneMsg struct{ err error }

// do carries out c outside of the program's loop: a send may have to wait.
func (m *inspect) do(c Command) tea.Cmd {
	return func() tea.Msg {
		return doneMsg{m.session.Do(context.Background(), c)}
	}
}

// maxClipboard is what OSC 52 carries in common terminals.
const maxClipboard = 74_000

// copy puts the selected payload on the clipboard of the user's terminal
// (OSC 52, which works over ssh): indented JSON, or the bytes as they came.
// What is hidden on the screen is hidden there too.
func (m *inspect) copy(pretty bool) tea.Cmd {
	e := m.log.selected()
	if e == nil {
		return nil
	}
	b := m.mask.Bytes(e.Body)
	if e.Multi {
		b = append(append([]byte{'['}, b...), ']')
	}
	if pretty && json.Valid(b) {
		if indented, err := json.MarshalIndent(json.RawMessage(b), "", "  "); err == nil {
			b = indented
		}
	}
	if len(b) > maxClipboard {
		m.problem = "more than 74 kB, too much for the clipboard"
		return nil
	}
	m.problem = ""
	return tea.SetClipboard(string(b))
}
