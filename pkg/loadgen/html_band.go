package loadgen

import (
	"slices"
	"time"
	"unicode/utf8"
)

// chartBand is a part of the run behind the lines of a chart.
type chartBand struct {
	Class             string
	X, Width          string
	TextX, TextY      string
	Text, Description string
}

// letterWidth is about how wide a letter of a chart is.
const letterWidth = 6.5

// bands are the phases and faults of a run. Names that don't fit are in the
// description, which a pointer shows.
func (r *Report) bands(x axis) []chartBand {
	var out []chartBand
	phases, faults := 0, 0
	for _, w := range r.Windows {
		from, to := x.at(w.From.Seconds()), x.at(w.To.Seconds())
		name := harmless(w.Name)
		b := chartBand{
			X: pixel(from), Width: pixel(max(to-from, 1.5)), TextX: pixel(from + 4), Text: name,
			Description: w.Kind + " " + name + ", " + shortDuration(w.From.Seconds()) + " to " + shortDuration(w.To.Seconds()),
		}
		width := letterWidth*float64(utf8.RuneCountInString(name)) + 4
		if w.Kind == windowFault.String() {
			b.Class, b.TextY = "fault", pixel(float64(chartTop+24+12*(faults%3)))
			if w.From == w.To {
				b.Class = "fault point"
			}
			if faults++; faults > 24 || from+width > x.to {
				b.Text = ""
			}
		} else {
			b.Class, b.TextY = []string{"phase", "phase odd"}[phases%2], pixel(chartTop+11)
			if phases++; width > to-from {
				b.Text = ""
			}
		}
		out = append(out, b)
	}
	return out
}

// maxServerCharts bounds the charts of the targets' own metrics.
const maxServerCharts = 8

// serverCharts draw the targets' own metrics, a chart for each with a line for
// each page.
func (r *Report) serverCharts() []chart {
	var names []string
	for i := range r.Scrapes {
		for _, s := range r.Scrapes[i].Series {
			if !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	var out []chart
	for _, name := range names[:min(len(names), maxServerCharts)] {
		var curves []curve
		for i := range r.Scrapes {
			if c := r.Scrapes[i].curve(name); len(c.x) > 1 && len(curves) < len(lineClasses) {
				curves = append(curves, c)
			}
		}
		if len(curves) == 0 {
			continue
		}
		unit := serverMetric(serverPrefix + name).unit()
		out = append(out, r.timeChart("server."+name, 0, func(v float64) string { return formatServer(v, unit) }, curves...))
	}
	return out
}

func (d *MetricDef) unit() string {
	if d == nil {
		return ""
	}
	return d.Unit
}

func formatServer(v float64, unit string) string {
	switch unit {
	case "B":
		return byteSize(int64(v))
	case "s":
		return shortDuration(v)
	}
	return formatNumber(v)
}

// curve adds up the series of a metric.
func (s *ScrapeReport) curve(name string) curve {
	sums := map[float64]float64{}
	for _, x := range s.Series {
		if x.Name == name {
			for i, at := range x.At {
				sums[at] += x.V[i]
			}
		}
	}
	c := curve{name: harmless(s.Name)}
	for at := range sums {
		c.x = append(c.x, at)
	}
	slices.Sort(c.x)
	for _, at := range c.x {
		c.y = append(c.y, finite(sums[at]))
	}
	return c
}

// chartEnd is the last instant of the timeline and of what is drawn on it.
func (r *Report) chartEnd() time.Duration {
	end := r.Timeline[len(r.Timeline)-1].Elapsed
	for _, w := range r.Windows {
		end = max(end, w.To)
	}
	return end
}
