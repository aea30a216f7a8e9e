package loadgen

import (
	"fmt"
	"strings"
	"time"
)

// FaultReport is what became of one fault of the scenario.
type FaultReport struct {
	Name, Kind, What string
	Counts           bool // it is one that hits connections: Hit and Of mean something
	Times            int
	Hit, Of          int          // connections, of those that were open, over all times
	Events           []FaultEvent // at most 200, and those that failed
}

// FaultEvent is one occurrence of a fault, in time since the start of the run.
type FaultEvent struct {
	Start, End time.Duration // the same for what has no length
	Hit, Of    int
	Undo       string // UndoDone, what went wrong, or "" when there was nothing to undo
	Error      string // why it could not be carried out
	Output     string // of the command
}

// faults prints each fault with its occurrences, those of the same kind of
// outcome in one line.
func (t *textWriter) faults(r *Report) {
	for i := range r.Faults {
		f := &r.Faults[i]
		s := t.clean(f.What)
		if f.Times == 0 {
			s += "   never happened"
		}
		t.row(label(i == 0, "faults"), t.clean(f.Name)+"   "+clip(s, max(t.o.width()-16, 60)))
		for _, line := range f.timesText() {
			t.row("", t.paint(dim, "  "+clip(t.clean(line), max(t.o.width()-16, 60))))
		}
	}
}

func label(first bool, s string) string {
	if first {
		return s
	}
	return ""
}

// maxTimesText is how many occurrences of a fault a text lists.
const maxTimesText = 6

// timesText is a line for each occurrence.
func (f *FaultReport) timesText() []string {
	var out []string
	for i := range f.Events {
		if i == maxTimesText {
			out = append(out, fmt.Sprintf("and %d more", f.Times-i))
			break
		}
		out = append(out, f.eventText(&f.Events[i]))
	}
	return out
}

func (f *FaultReport) eventText(ev *FaultEvent) string {
	s := []string{at1(ev.Start)}
	if ev.End > ev.Start {
		s = append(s, "for "+shortDuration((ev.End-ev.Start).Seconds()))
	}
	if f.Counts {
		s = append(s, fmt.Sprintf("hit %s of %s", grouped(int64(ev.Hit)), plural(int64(ev.Of), "connection")))
	}
	switch {
	case ev.Undo == UndoDone:
		s = append(s, "undone")
	case ev.Undo != "":
		s = append(s, "NOT UNDONE: "+ev.Undo)
	}
	if ev.Error != "" {
		s = append(s, "failed: "+ev.Error)
	}
	return strings.Join(s, "   ")
}

type (
	jsonFault struct {
		Name   string           `json:"name" doc:"Name of the fault."`
		Kind   string           `json:"kind" doc:"dropConnections, proxy, exec or kill."`
		What   string           `json:"what" doc:"What it does, in words."`
		Counts bool             `json:"counts" doc:"It hits connections: hit and of mean something."`
		Times  int              `json:"times" doc:"How often it happened."`
		Hit    int              `json:"hit" doc:"Connections that it hit, over all times."`
		Of     int              `json:"of" doc:"Connections that were open, over all times."`
		Events []jsonFaultEvent `json:"events" doc:"The occurrences: the first 200, and those that failed."`
	}
	jsonFaultEvent struct {
		Start  float64 `json:"start_s" doc:"Since the beginning of the run."`
		End    float64 `json:"end_s" doc:"The same as start_s for what has no length."`
		Hit    int     `json:"hit" doc:"Connections that it hit."`
		Of     int     `json:"of" doc:"Connections that were open."`
		Undo   string  `json:"undo" doc:"done, what went wrong, or empty when there was nothing to undo."`
		Error  string  `json:"error" doc:"Why it could not be carried out."`
		Output string  `json:"output" doc:"What its command printed, the end of it."`
	}
)

func newJSONFaults(r *Report, m *masker) []jsonFault {
	out := []jsonFault{}
	for _, f := range r.Faults {
		x := jsonFault{f.Name, f.Kind, m.mask(f.What), f.Counts, f.Times, f.Hit, f.Of, []jsonFaultEvent{}}
		for _, ev := range f.Events {
			x.Events = append(x.Events, jsonFaultEvent{
				ev.Start.Seconds(), ev.End.Seconds(), ev.Hit, ev.Of, m.mask(ev.Undo), m.mask(ev.Error), m.mask(ev.Output),
			})
		}
		out = append(out, x)
	}
	return out
}

// markdownFaults is the table of the faults.
func markdownFaults(r *Report, m *masker) string {
	if len(r.Faults) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n| fault | what | when | hit | undone |\n|---|---|---|---|---|\n")
	for i := range r.Faults {
		f := &r.Faults[i]
		for j := range f.Events {
			if j == maxTimesText {
				fmt.Fprintf(&b, "| %s | and %d more | | | |\n", markdownCode(m, f.Name), f.Times-j)
				break
			}
			x := newFaultRow(f, &f.Events[j])
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", markdownCode(m, f.Name), markdownCode(m, f.What), x.When, x.Hit, markdownCode(m, x.Undo))
		}
		if f.Times == 0 {
			fmt.Fprintf(&b, "| %s | %s | never happened | | |\n", markdownCode(m, f.Name), markdownCode(m, f.What))
		}
	}
	return b.String()
}

// faultRow is an occurrence in a table.
type faultRow struct{ Name, What, When, Hit, Undo string }

func newFaultRow(f *FaultReport, ev *FaultEvent) faultRow {
	row := faultRow{Name: f.Name, What: f.What, When: at1(ev.Start)}
	if ev.End > ev.Start {
		row.When += " for " + shortDuration((ev.End - ev.Start).Seconds())
	}
	if f.Counts {
		row.Hit = fmt.Sprintf("%s of %s", grouped(int64(ev.Hit)), grouped(int64(ev.Of)))
	}
	if row.Undo = ev.Undo; ev.Error != "" {
		row.Undo = "failed: " + ev.Error
		if ev.Undo != "" {
			row.Undo += "; undo: " + ev.Undo
		}
	}
	return row
}

// htmlFaults are the rows of the page's table.
func htmlFaults(r *Report, t *textWriter) []faultRow {
	var out []faultRow
	for i := range r.Faults {
		f := &r.Faults[i]
		for j := range f.Events {
			x := newFaultRow(f, &f.Events[j])
			out = append(out, faultRow{t.clean(x.Name), t.clean(x.What), x.When, x.Hit, t.clean(x.Undo)})
		}
		if f.Times == 0 {
			out = append(out, faultRow{t.clean(f.Name), t.clean(f.What), "never happened", "", ""})
		}
	}
	return out
}
