package tui

import "github.com/charmbracelet/x/ansi"

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
