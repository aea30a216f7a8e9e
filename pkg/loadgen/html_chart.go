package loadgen

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Size and margins of a chart, in the units of its viewBox.
const (
	chartWidth, chartHeight                      = 900, 240
	chartLeft, chartRight, chartTop, chartBottom = 64, 30, 12, 26
)

// chart is a line chart as the page draws it.
type chart struct {
	Title          string
	Width, Height  int
	XTicks, YTicks []chartTick
	Lines          []chartLine
	Bands          []chartBand
}

type chartTick struct {
	At, TextAt string
	Text       string
}

// chartLine is one line; Class is its colour and dashes, Key what it looks like
// in the legend: not everybody sees colours.
type chartLine struct{ Class, Key, Name, Points string }

// The lines of a chart, at most as many.
var (
	lineClasses = []string{"a", "b", "c", "d"}
	lineKeys    = []string{"—", "┄", "···", "─·─"}
)

// curve is a line in the units of what was measured.
type curve struct {
	name string
	x, y []float64
}

// axis maps values from lo to hi to a range of pixels.
type axis struct {
	lo, hi   float64
	from, to float64
	log      bool
}

func (a axis) at(v float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(max(v, a.lo))
	}
	if hi <= lo {
		return a.from
	}
	share := min(max((v-lo)/(hi-lo), 0), 1)
	return a.from + share*(a.to-a.from)
}

func pixel(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func newChart(title string, x, y axis, xTicks, yTicks []chartTick, curves []curve) chart {
	c := chart{Title: title, Width: chartWidth, Height: chartHeight, XTicks: xTicks, YTicks: yTicks}
	for i, line := range curves {
		var points []string
		for j := range line.x {
			points = append(points, pixel(x.at(line.x[j]))+","+pixel(y.at(line.y[j])))
		}
		c.Lines = append(c.Lines, chartLine{
			Class: lineClasses[i], Key: lineKeys[i], Name: line.name, Points: strings.Join(points, " "),
		})
	}
	return c
}

func horizontal(lo, hi float64) axis {
	return axis{lo: lo, hi: hi, from: chartLeft, to: chartWidth - chartRight}
}

func vertical(lo, hi float64) axis {
	return axis{lo: lo, hi: hi, from: chartHeight - chartBottom, to: chartTop}
}

func yTick(y axis, v float64, text string) chartTick {
	at := y.at(v)
	return chartTick{At: pixel(at), TextAt: pixel(at + 4), Text: text}
}

// charts are the latency by percentile, and the run over time.
func (r *Report) charts() []chart {
	var out []chart
	if c, ok := r.percentileChart(); ok {
		out = append(out, c)
	}
	if len(r.Timeline) < 2 {
		return out
	}
	count := func(v float64) string { return grouped(int64(math.Round(v))) }
	pick := func(name string, value func(*TimelinePoint) float64) curve {
		c := curve{name: name}
		for i := range r.Timeline {
			c.x = append(c.x, r.Timeline[i].Elapsed.Seconds())
			c.y = append(c.y, finite(value(&r.Timeline[i])))
		}
		return c
	}
	out = append(out, r.timeChart("Events a second", 1, count,
		pick("sent", func(p *TimelinePoint) float64 { return p.SentRate }), pick("received", func(p *TimelinePoint) float64 { return p.RecvRate })))
	if r.TimelineMetric != "" {
		out = append(out, r.timeChart("Latency over time", 0, shortDuration, pick(r.TimelineMetric+", p99 of the moment", func(p *TimelinePoint) float64 { return p.P99 })))
	}
	out = append(out, r.timeChart("Connections", 1, count, pick("open", func(p *TimelinePoint) float64 { return float64(p.Open) })))
	if last := r.Timeline[len(r.Timeline)-1]; last.Errors > 0 || last.Lost > 0 {
		out = append(out, r.timeChart("Errors and losses so far", 1, count,
			pick("errors", func(p *TimelinePoint) float64 { return float64(p.Errors) }), pick("lost", func(p *TimelinePoint) float64 { return float64(p.Lost) })))
	}
	if slices.ContainsFunc(r.Timeline, func(p TimelinePoint) bool { return p.Missed > 0 }) {
		out = append(out, r.timeChart("Losses by the time of publishing", 1, count, pick("lost deliveries", func(p *TimelinePoint) float64 { return float64(p.Missed) })))
	}
	return append(out, r.serverCharts()...)
}

func (r *Report) timeChart(title string, finest float64, format func(float64) string, curves ...curve) chart {
	top := 0.0
	for _, c := range curves {
		for _, v := range c.y {
			top = max(top, v)
		}
	}
	end := r.chartEnd().Seconds()
	x := horizontal(0, end)
	step := max(niceStep(top/4), finest)
	y := vertical(0, max(step*math.Ceil(top/step), step))
	var xTicks, yTicks []chartTick
	for v, dx := 0.0, niceStep(end/8); v <= end; v += dx {
		xTicks = append(xTicks, chartTick{At: pixel(x.at(v)), Text: shortDuration(v)})
	}
	for i := 0; float64(i)*step <= y.hi*1.0001; i++ {
		yTicks = append(yTicks, yTick(y, float64(i)*step, format(float64(i)*step)))
	}
	c := newChart(title, x, y, xTicks, yTicks, curves)
	c.Bands = r.bands(x)
	return c
}

// niceStep is the next 1, 2 or 5 times a power of ten, 1 for nothing.
func niceStep(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= v*0.9999 {
			return n * power
		}
	}
	return 10 * power
}

// percentileChart has the latencies by percentile, the axis of which gives
// each nine the same room: what matters is in the last percent.
func (r *Report) percentileChart() (chart, bool) {
	marks := []float64{0, 50, 90, 99, 99.9, 99.99}
	place := func(p float64) float64 { return -math.Log10(1 - p/100) }
	x := horizontal(0, place(marks[len(marks)-1]))
	var curves []curve
	lo, hi := math.Inf(1), 0.0
	for _, l := range headlineLatencies {
		h, _ := r.latencies(l.metric, func(map[string]string) bool { return true })
		if h == nil || h.TotalCount() == 0 || len(curves) == 2 {
			continue
		}
		c := curve{name: l.metric}
		for at := 0.0; at <= x.hi; at += x.hi / 120 {
			v := max(float64(h.ValueAtPercentile(100*(1-math.Pow(10, -at))))/1e6, 1e-6)
			c.x, c.y = append(c.x, at), append(c.y, v)
			lo, hi = min(lo, v), max(hi, v)
		}
		curves = append(curves, c)
	}
	if len(curves) == 0 {
		return chart{}, false
	}
	first, last := math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	y := vertical(math.Pow(10, first), math.Pow(10, max(last, first+1)))
	y.log = true
	var xTicks, yTicks []chartTick
	for _, p := range marks {
		xTicks = append(xTicks, chartTick{At: pixel(x.at(place(p))), Text: "p" + strconv.FormatFloat(p, 'f', -1, 64)})
	}
	for e := first; e <= max(last, first+1); e++ {
		yTicks = append(yTicks, yTick(y, math.Pow(10, e), shortDuration(math.Pow(10, e))))
	}
	return newChart("Latency by percentile", x, y, xTicks, yTicks, curves), true
}
