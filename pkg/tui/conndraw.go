package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

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
	if st.Phase == PhaseRefused || st.Phase == PhaseClosed {
		last = append(last, span{"R connects again     ", dim})
	}
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
	if st.Phase != PhaseRefused && st.Phase != PhaseClosed {
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
