package tui

import "charm.land/bubbles/v2/key"

// keyMap is every key of the inspect screen. The help screen and the footer
// are drawn from it, so a key that is not here does not exist.
type keyMap struct {
	Up, Down, PageUp, PageDown, HalfUp, HalfDown, Top, Bottom key.Binding
	Pause, Filter, Faults, Clear                              key.Binding
	Pane, Events, Detail, Conn, Zoom, Enter, Back             key.Binding
	Send, Reconnect, Privacy, CopyJSON, CopyRaw               key.Binding
	Help, Redraw, Suspend, Quit, Interrupt                    key.Binding
}

func bind(help, desc string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(help, desc))
}

var keys = keyMap{
	Up:       bind("k ↑", "up", "k", "up"),
	Down:     bind("j ↓", "down", "j", "down"),
	PageUp:   bind("pgup", "page up", "pgup", "ctrl+b"),
	PageDown: bind("pgdn", "page down", "pgdown", "ctrl+f"),
	HalfUp:   bind("ctrl+u", "half a page up", "ctrl+u"),
	HalfDown: bind("ctrl+d", "half a page down", "ctrl+d"),
	Top:      bind("g", "oldest", "g", "home"),
	Bottom:   bind("G", "newest, and follow", "G", "end"),

	Pause:  bind("space", "pause, resume", "space"),
	Filter: bind("/", "filter", "/"),
	Faults: bind("!", "errors only", "!"),
	Clear:  bind("backspace", "clear the filter", "backspace"),

	Pane:   bind("tab", "next pane", "tab"),
	Events: bind("1", "events", "1"),
	Detail: bind("2", "JSON", "2"),
	Conn:   bind("3", "connection", "3"),
	Zoom:   bind("z", "one pane, all panes", "z"),
	Enter:  bind("enter", "open, fold", "enter"),
	Back:   bind("esc", "back", "esc"),

	Send:      bind("i", "send box", "i"),
	Reconnect: bind("R", "connect now", "R"),
	Privacy:   bind("p", "show, hide secrets", "p"),
	CopyJSON:  bind("y", "copy JSON", "y"),
	CopyRaw:   bind("Y", "copy as received", "Y"),

	Help:      bind("?", "help", "?"),
	Redraw:    bind("ctrl+l", "redraw", "ctrl+l"),
	Suspend:   bind("ctrl+z", "suspend", "ctrl+z"),
	Quit:      bind("q", "quit", "q"),
	Interrupt: bind("ctrl+c", "quit", "ctrl+c"),
}

// groups are the columns of the help screen.
func (k *keyMap) groups() []keyGroup {
	return []keyGroup{
		{"Move", []key.Binding{k.Up, k.Down, k.PageUp, k.PageDown, k.HalfUp, k.HalfDown, k.Top, k.Bottom}},
		{"Log", []key.Binding{k.Pause, k.Filter, k.Clear, k.Faults, k.Privacy, k.CopyJSON, k.CopyRaw}},
		{"Panes", []key.Binding{k.Pane, k.Events, k.Detail, k.Conn, k.Zoom, k.Enter, k.Back}},
		{"Connection", []key.Binding{k.Send, k.Reconnect}},
		{"Program", []key.Binding{k.Help, k.Redraw, k.Suspend, k.Quit, k.Interrupt}},
	}
}

type keyGroup struct {
	name string
	keys []key.Binding
}

// footer is what matters now, in order of priority.
func (k *keyMap) footer(m *inspect) []key.Binding {
	switch {
	case m.help:
		return []key.Binding{bind("esc", "back"), k.Quit}
	case m.filtering:
		return []key.Binding{bind("enter", "apply"), bind("esc", "undo")}
	case m.typing:
		return []key.Binding{bind("enter", "send"), bind("↑", "history"), bind("ctrl+t", "ack"), bind("esc", "leave")}
	}
	pause := bind("space", "pause")
	if m.log.paused() {
		pause = bind("space", "resume")
	}
	return []key.Binding{
		pause, k.Filter, bind("tab", "pane"), bind("enter", "open"), bind("i", "send"),
		bind("z", "zoom"), bind("p", "secrets"), k.Help, k.Quit,
	}
}
