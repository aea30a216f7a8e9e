package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	shownCells = 8   // of a group
	shownBody  = 600 // bytes of one frame
)

// write prints a plan for people.
func (d *dryPlan) write(w io.Writer) {
	file := d.File
	if d.Profile != "" {
		file += ", profile " + d.Profile
	}
	fmt.Fprintf(w, "%s (%s), seed %d\n\n", d.Scenario, file, d.Seed)
	row := func(name, format string, a ...any) { fmt.Fprintf(w, "%-10s %s\n", name, fmt.Sprintf(format, a...)) }
	row("length", "at least %s", time.Duration(d.AtLeast*float64(time.Second)).Round(100*time.Millisecond))
	row("clients", "%s, %s connections", thousands(int64(d.Clients)), thousands(int64(d.Connections)))
	row("messages", "%s", thousands(d.Messages))
	if d.Pairs > 0 {
		row("verify", "%s pairs of publisher and subscriber", thousands(d.Pairs))
	}
	for _, p := range d.Ports {
		sources := "1 source address"
		if p.Sources > 1 {
			sources = fmt.Sprintf("%d source addresses", p.Sources)
		}
		row("ports", "%s to %s, %s at each of %s: %s", thousands(int64(p.Connections)), p.Remote, thousands(int64(p.PerSource)), sources, verdictOf(p.OK, p.Fix))
	}
	limit := "no limit"
	if d.Files.Hard > 0 {
		limit = fmt.Sprintf("soft limit %s, hard limit %s", thousands(int64(d.Files.Soft)), thousands(int64(d.Files.Hard)))
	}
	row("files", "%s, %s: %s", thousands(int64(d.Files.Need)), limit, verdictOf(d.Files.OK, d.Files.Fix))
	for _, t := range d.Thresholds {
		row("threshold", "%s", t)
	}
	for _, x := range d.Warnings {
		row("warning", "%s", x)
	}
	for _, g := range d.Groups {
		g.write(w)
	}
}

func verdictOf(ok bool, fix string) string {
	if ok {
		return "ok"
	}
	return "TOO MANY, " + fix
}

func (g *dryGroup) write(w io.Writer) {
	rate := ""
	if g.Rate != "" {
		rate = ", connects " + g.Rate
	}
	fmt.Fprintf(w, "\n%s: %s clients%s\n", g.Name, thousands(int64(g.Clients)), rate)
	for i, c := range g.Cells {
		if i == shownCells {
			fmt.Fprintf(w, "  … and %d more cells\n", len(g.Cells)-i)
			break
		}
		name := c.Target
		if c.Name != "" && c.Name != c.Target {
			name = c.Name + " at " + c.Target
		}
		fmt.Fprintf(w, "  %s × %s (%s, %s)\n", thousands(int64(c.Clients)), name, c.Protocol, c.URL)
	}
	for _, c := range g.Skipped {
		fmt.Fprintf(w, "  skipped: %s: %s\n", c.Name, c.Reason)
	}
	fmt.Fprintf(w, "  client %d writes\n", g.firstIndex)
	for _, x := range g.Handshake {
		x.write(w)
	}
	for _, s := range g.Steps {
		n := ""
		if s.Messages > 0 {
			n = fmt.Sprintf("   × %s in the group", thousands(s.Messages))
		}
		fmt.Fprintf(w, "    # %s%s\n", s.Line, n)
		for _, x := range s.Writes {
			x.write(w)
		}
	}
}

func (x *dryWrites) write(w io.Writer) {
	if x.Request != "" {
		fmt.Fprintf(w, "    %s\n", x.Request)
		for _, h := range x.Header {
			fmt.Fprintf(w, "      %s\n", h)
		}
	}
	if x.Body == "" {
		return
	}
	body := x.Body
	if len(body) > shownBody {
		body = strings.ToValidUTF8(body[:shownBody], "") + fmt.Sprintf("… (%s bytes)", thousands(int64(len(x.Body))))
	}
	indent := "    "
	if x.Request != "" {
		indent = "      "
	}
	fmt.Fprintf(w, "%s%s\n", indent, body)
}
