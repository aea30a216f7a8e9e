package loadgen

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// csvHeader names the columns. One value a line is what spreadsheets pivot and
// data frames read without a description of their own.
var csvHeader = []string{"scenario", "run_id", "scope", "time", "elapsed_s", "metric", "labels", "aggregate", "unit", "value"}

// WriteCSV writes the reports as comma-separated values, one value
// a line: with scope "timeline" the run over time, with scope "total" each
// series' aggregates over the whole run. Durations are seconds. A text that a
// spreadsheet would take for a formula begins with an apostrophe.
func WriteCSV(w io.Writer, reports []*Report) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvHeader); err != nil {
		return err
	}
	for _, r := range reports {
		c := csvRun{r: r, t: &textWriter{m: newMasker(r.Secrets)}, w: out}
		c.timeline()
		for i := range r.Metrics {
			c.totals(&r.Metrics[i])
		}
	}
	out.Flush()
	return out.Error()
}

type csvRun struct {
	r *Report
	t *textWriter
	w *csv.Writer
}

func (c *csvRun) line(scope string, elapsed time.Duration, metric, labels, aggregate, unit, value string) {
	// Errors stay in the writer until it is flushed.
	_ = c.w.Write([]string{
		c.text(c.r.Scenario), c.text(c.r.RunID), scope, c.r.Started.Add(elapsed).UTC().Format("2006-01-02T15:04:05.000Z"),
		strconv.FormatFloat(elapsed.Seconds(), 'f', 3, 64), metric, c.text(labels), aggregate, unit, value,
	})
}

// text makes foreign text harmless, also to spreadsheets.
func (c *csvRun) text(s string) string {
	s = c.t.clean(s)
	if s != "" && strings.ContainsRune("=+-@\t", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (c *csvRun) timeline() {
	for _, p := range c.r.Timeline {
		at := func(metric, aggregate, unit, value string) {
			c.line("timeline", p.Elapsed, metric, "", aggregate, unit, value)
		}
		at("connections", "value", "", strconv.Itoa(p.Open))
		at("messages_sent", "count", "", strconv.FormatInt(p.Sent, 10))
		at("messages_sent", "rate", "/s", number(p.SentRate))
		at("events_received", "count", "", strconv.FormatInt(p.Received, 10))
		at("events_received", "rate", "/s", number(p.RecvRate))
		at("errors", "count", "", strconv.FormatInt(p.Errors, 10))
		at("delivery_lost", "count", "", strconv.FormatInt(p.Lost, 10))
		if c.r.TimelineMetric != "" {
			at(c.r.TimelineMetric, "p99", "s", number(p.P99))
		}
	}
}

func (c *csvRun) totals(m *Metric) {
	at := func(aggregate, unit, value string) {
		c.line("total", c.r.Duration, m.Name, strings.Trim(labelText(m.Labels), "{}"), aggregate, unit, value)
	}
	at("count", "", strconv.FormatInt(m.Count, 10))
	switch MetricKind(m.Kind) {
	case KindCounter:
		at("rate", "/s", number(m.Rate))
		return
	case KindRatio:
		at("total", "", strconv.FormatInt(m.Total, 10))
		at("rate", "ratio", number(m.Rate))
		return
	}
	if m.Count == 0 {
		return
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"min", m.Min}, {"mean", m.Mean}, {"p50", m.P50}, {"p90", m.P90}, {"p99", m.P99}, {"p99.9", m.P999}, {"max", m.Max}} {
		at(x.name, m.Unit, number(x.value))
	}
}
