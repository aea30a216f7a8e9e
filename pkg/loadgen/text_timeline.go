package loadgen

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// timelineWidth is how many columns the run over time takes.
const timelineWidth = 64

// timeline draws a run that has phases or faults: what was received, how long
// it took and what was lost, above the names of the parts.
func (t *textWriter) timeline(r *Report) {
	if len(r.Windows) == 0 || len(r.Timeline) < 2 {
		return
	}
	width := min(timelineWidth, t.o.width()-30)
	end := r.Timeline[len(r.Timeline)-1].Elapsed
	if width < 10 || end <= 0 {
		return
	}
	column := func(at time.Duration) int { return min(int(int64(at)*int64(width)/int64(end)), width-1) }
	t.spark("received", r, width, column, func(p *TimelinePoint) float64 { return p.RecvRate }, func(top float64) string { return grouped(int64(top)) + "/s" })
	if r.TimelineMetric != "" {
		t.spark("p99", r, width, column, func(p *TimelinePoint) float64 { return p.P99 }, shortDuration)
	}
	t.spark("lost", r, width, column, func(p *TimelinePoint) float64 { return float64(p.Missed) }, func(top float64) string { return grouped(int64(top)) })
	t.parts("phases", r, "phase", width, column)
	t.parts("faults", r, "fault", width, column)
}

var sparks = []rune("▁▂▃▄▅▆▇█")

// spark draws one line: the largest value in each column, by its share of the
// largest of all. What was nowhere above zero is left out.
func (t *textWriter) spark(label string, r *Report, width int, column func(time.Duration) int, value func(*TimelinePoint) float64, format func(float64) string) {
	columns := make([]float64, width)
	for i := range columns {
		columns[i] = math.NaN()
	}
	top, last := 0.0, -1
	for i := range r.Timeline {
		p := &r.Timeline[i]
		v, at := finite(value(p)), column(p.Elapsed)
		top = max(top, v)
		for k := last + 1; k <= at; k++ { // a point speaks for the time since the one before
			columns[k] = v
		}
		if at <= last {
			columns[at] = max(columns[at], v)
		}
		last = max(last, at)
	}
	if top == 0 {
		return
	}
	var b strings.Builder
	for _, v := range columns {
		switch {
		case math.IsNaN(v) || v <= 0:
			b.WriteByte(' ')
		default:
			b.WriteRune(sparks[min(int(v/top*float64(len(sparks))), len(sparks)-1)])
		}
	}
	t.row(label, b.String()+"  at most "+format(top))
}

// parts draws where the windows of one kind are, in as many lines as it takes
// for them not to touch.
func (t *textWriter) parts(label string, r *Report, kind string, width int, column func(time.Duration) int) {
	var rows [][]rune
	const most = 4
	for _, w := range r.Windows {
		if w.Kind != kind {
			continue
		}
		from := column(w.From)
		to := column(w.To)
		if to == width-1 { // the end of the run
			to = width
		}
		mark := []rune(partMark(t.clean(w.Name), to-from))
		if len(mark) > width-from {
			from = max(width-len(mark), 0)
			mark = mark[:min(len(mark), width)]
		}
		row := 0
		for row < len(rows) && strings.TrimSpace(string(rows[row][from:from+len(mark)])) != "" {
			row++
		}
		if row == most {
			continue // a report file has all of them
		}
		if row == len(rows) {
			rows = append(rows, []rune(strings.Repeat(" ", width)))
		}
		copy(rows[row][from:], mark)
	}
	for i, row := range rows {
		if i > 0 {
			label = ""
		}
		t.row(label, string(row))
	}
}

// partMark is a name within its bounds, or beside its mark if it is longer.
func partMark(name string, width int) string {
	room := width - 2
	if n := utf8.RuneCountInString(name); n > room {
		if width < 3 {
			return "│" + clip(name, 16)
		}
		name = clip(name, room)
	}
	return "├" + name + strings.Repeat("─", room-utf8.RuneCountInString(name)) + "┤"
}
