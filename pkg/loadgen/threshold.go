package loadgen

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
}

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
	// same_pod_p99; Value is added to it. RefMetric and RefAgg are its parts.
	Ref, RefMetric, RefAgg string
	Unit                   string // "s", "ratio", "/s", "" — how to print
}

// Holds tells whether the measured value satisfies the comparison; ref is the
// value of the reference and counts only if there is one.
func (e *ThresholdExpr) Holds(got, ref float64) bool {
	want := e.Value
	if e.Ref != "" {
		want += ref
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
