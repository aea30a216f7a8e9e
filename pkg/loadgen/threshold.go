package loadgen

// Threshold is a condition on a metric that the verdict depends on.
type Threshold struct {
	Pos    Pos
	Text   string // as written, "ack_latency{event=say}: p99 < 200ms"
	Metric string
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

// ThresholdExpr is one comparison in base units: seconds, ratios from 0 to 1,
// events a second, plain counts.
type ThresholdExpr struct {
	Text string // "p99 < 200ms"
	Agg  string // count, rate, min, mean, max, p50, p90, p99, p99.9, sum, value
	Op   string // <, <=, >, >=, ==, !=, between, within
	// Value is the right side. between has Low and High; within P of V has
	// them too, resolved by the parser.
	Value, Low, High float64
	// Ref, when set, is another metric's aggregate on the right side, such as
	// same_pod_p99; Value is added to it.
	Ref  string
	Unit string // "s", "ratio", "/s", "" — how to print
}
