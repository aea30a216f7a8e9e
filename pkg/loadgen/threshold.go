package loadgen

import (
	"cmp"
	"slices"
	"time"
)

// Threshold is a condition on a metric that the verdict depends on.
type Threshold struct {
	Pos    Pos
	Text   string // as written, "ack_latency{event=say}: p99 < 200ms"
	Metric string // a name of the metric table
	Labels []LabelMatch
	Exprs  []ThresholdExpr
	// Warn makes a failure a warning. AllowEmpty lets a metric without
	// samples pass; otherwise no samples fail.
	Warn, AllowEmpty bool
	Advice           string // for the reader of a report in which it fails
	// Window, when set, wants the conditions to hold in each stretch of the
	// run of that length, and not just over all of it.
	Window time.Duration
	// Abort ends the run as soon as a condition does not hold, which is looked
	// at from AbortAfter on.
	Abort      bool
	AbortAfter time.Duration
	// Hold is how long things must be well again for a recovery to count.
	Hold time.Duration

	def *MetricDef
}

// metric describes what the threshold is about.
func (t *Threshold) metric() MetricDef {
	if t.def != nil {
		return *t.def
	}
	def, _ := LookupMetric(t.Metric)
	return def
}

// seriesLabels are the conditions that choose series, not a span of the run.
func (t *Threshold) seriesLabels() []LabelMatch {
	var out []LabelMatch
	for _, l := range t.Labels {
		if !slices.Contains(windowLabels, l.Key) {
			out = append(out, l)
		}
	}
	return out
}

// inPart tells whether the threshold is about a part of the run only.
func (t *Threshold) inPart() bool { return len(t.seriesLabels()) < len(t.Labels) }

// LabelMatch is one condition in braces. Other names a second label, as in
// {from!=to}; then Value is empty.
type LabelMatch struct {
	Key, Value, Other string
	Not               bool
}

// Matches tells whether a series with these labels satisfies the condition. A
// label that the series does not carry equals the empty string.
func (m LabelMatch) Matches(labels map[string]string) bool {
	want := m.Value
	if m.Other != "" {
		want = labels[m.Other]
	}
	return (labels[m.Key] == want) != m.Not
}

// ThresholdExpr is one comparison in base units: seconds, ratios from 0 to 1,
// events a second, plain counts.
type ThresholdExpr struct {
	Text string // "p99 < 200ms"
	// Agg is the left side: count, total, rate, min, mean, max, value or a
	// percentile p0 to p100 such as p50, p99, p99.9.
	Agg string
	Op  string // <, <=, >, >=, ==, !=, between, within
	// Value is the right side. between has Low and High, both inclusive;
	// within P of V has them too, resolved by the parser, with V in Value.
	Value, Low, High float64
	// Ref, when set, is another metric's aggregate on the right side, such as
	// same_pod_p99, or baseline for the same one of a former run. It is taken
	// times Factor, where that is not 0, and Value is added. RefMetric and RefAgg are its parts.
	Ref, RefMetric, RefAgg string
	Factor                 float64
	// Of is, for the aggregate slope, what must not grow or shrink.
	Of string
	// Per, when set, divides the aggregate by the length of the run in that
	// unit: a share of 0.01 % each hour.
	Per  time.Duration
	Unit string // "s", "ratio", "/s", "B", "" and each of them with /h — how to print
}

// refBaseline is the reference to a former run.
const refBaseline = "baseline"

// Holds tells whether the measured value satisfies the comparison; ref is the
// value of the reference and counts only if there is one.
func (e *ThresholdExpr) Holds(got, ref float64) bool {
	want := e.Value
	if e.Ref != "" {
		want += ref * cmp.Or(e.Factor, 1)
	}
	switch e.Op {
	case "<":
		return got < want
	case "<=":
		return got <= want
	case ">":
		return got > want
	case ">=":
		return got >= want
	case "==":
		return got == want
	case "!=":
		return got != want
	}
	return got >= e.Low && got <= e.High
}

// Percentile returns the percentile that the aggregate asks for, 0 to 100.
func (e *ThresholdExpr) Percentile() (float64, bool) { return percentileOf(e.Agg) }
