package loadgen

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseExpr(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		metric, in string
		want       ThresholdExpr
	}{
		{AckLatency, "p99 < 200ms", ThresholdExpr{Agg: "p99", Op: "<", Value: 0.2, Unit: "s"}},
		{AckLatency, "p99.9<=1m30s", ThresholdExpr{Agg: "p99.9", Op: "<=", Value: 90, Unit: "s"}},
		{AckLatency, "count > 1k", ThresholdExpr{Agg: "count", Op: ">", Value: 1000}},
		{AckLatency, "median > 0", ThresholdExpr{Agg: "p50", Op: ">", Unit: "s"}},
		{DeliveryLost, "count == 0", ThresholdExpr{Agg: "count", Op: "=="}},
		{DeliveryLost, "rate < 0.5%", ThresholdExpr{Agg: "rate", Op: "<", Value: 0.005, Unit: "ratio"}},
		{StepSuccess, "rate >= 99.9%", ThresholdExpr{Agg: "rate", Op: ">=", Value: 0.999, Unit: "ratio"}},
		{MessagesSent, "rate != 10/m", ThresholdExpr{Agg: "rate", Op: "!=", Value: 1.0 / 6, Unit: "/s"}},
		{AcceptedRate, "between 9/s and 12/s", ThresholdExpr{Agg: "value", Op: "between", Low: 9, High: 12, Unit: "/s"}},
		{AcceptedRate, "p50 between 9/s and 12/s", ThresholdExpr{Agg: "p50", Op: "between", Low: 9, High: 12, Unit: "/s"}},
		{AcceptedRate, "within 10% of 20/s", ThresholdExpr{Agg: "value", Op: "within", Value: 20, Low: 18, High: 22, Unit: "/s"}},
		{AcceptedRate, ">= 2 * 10/s", ThresholdExpr{}},
		{DeliveryLatency, "p99 <= same_pod_p99 + 50ms", ThresholdExpr{Agg: "p99", Op: "<=", Value: 0.05, Ref: "same_pod_p99", RefMetric: SamePod, RefAgg: "p99", Unit: "s"}},
		{DeliveryLatency, "max < ack_latency_max", ThresholdExpr{Agg: "max", Op: "<", Ref: "ack_latency_max", RefMetric: AckLatency, RefAgg: "max", Unit: "s"}},
		{DeliveryLatency, "p99 > same_pod_p50-1ms", ThresholdExpr{Agg: "p99", Op: ">", Value: -0.001, Ref: "same_pod_p50", RefMetric: SamePod, RefAgg: "p50", Unit: "s"}},
	} {
		t.Run(tt.metric+" "+tt.in, func(t *testing.T) {
			t.Parallel()
			def, _ := LookupMetric(tt.metric)
			got, err := parseExpr(tt.in, &def)
			if tt.want.Agg == "" {
				if err == nil {
					t.Errorf("taken as %+v", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Text = strings.Join(strings.Fields(tt.in), " ")
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestThresholdHolds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		expr     ThresholdExpr
		got, ref float64
		want     bool
	}{
		{ThresholdExpr{Op: "<", Value: 1}, 1, 0, false},
		{ThresholdExpr{Op: "<=", Value: 1}, 1, 0, true},
		{ThresholdExpr{Op: ">", Value: 1}, 1, 0, false},
		{ThresholdExpr{Op: ">=", Value: 1}, 1, 0, true},
		{ThresholdExpr{Op: "==", Value: 1}, 1, 0, true},
		{ThresholdExpr{Op: "!=", Value: 1}, 1, 0, false},
		{ThresholdExpr{Op: "between", Low: 1, High: 2}, 2, 0, true},
		{ThresholdExpr{Op: "within", Low: 1, High: 2}, 2.1, 0, false},
		{ThresholdExpr{Op: "<=", Ref: "same_pod_p99", Value: 0.05}, 0.14, 0.1, true},
		{ThresholdExpr{Op: "<=", Ref: "same_pod_p99", Value: 0.05}, 0.16, 0.1, false},
		{ThresholdExpr{Op: "<", Value: 1}, math.NaN(), 0, false},
	} {
		if got := tt.expr.Holds(tt.got, tt.ref); got != tt.want {
			t.Errorf("%+v with %v and %v: %t", tt.expr, tt.got, tt.ref, got)
		}
	}
}

func TestLabelMatches(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"from": "a", "to": "b", "event": "say"}
	for _, tt := range []struct {
		m    LabelMatch
		want bool
	}{
		{LabelMatch{Key: "event", Value: "say"}, true},
		{LabelMatch{Key: "event", Value: "say", Not: true}, false},
		{LabelMatch{Key: "from", Other: "to", Not: true}, true},
		{LabelMatch{Key: "from", Other: "to"}, false},
		{LabelMatch{Key: "class", Value: "x"}, false},
		{LabelMatch{Key: "class", Value: "x", Not: true}, true},
	} {
		if got := tt.m.Matches(labels); got != tt.want {
			t.Errorf("%+v: %t", tt.m, got)
		}
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]float64{"p50": 50, "p99.9": 99.9, "p0": 0, "p100": 100, "p101": -1, "p": -1, "p-1": -1, "p1e1": -1, "count": -1, "": -1} {
		got, ok := percentileOf(in)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %v, want %v", in, got, want)
		}
	}
}

// Every metric must be usable: its example is a condition that it takes.
func TestMetricTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range Metrics() {
		if seen[m.Name] || m.Doc == "" {
			t.Errorf("%s is listed twice or has no documentation", m.Name)
		}
		seen[m.Name] = true
		p := exprParser{def: &m}
		if _, err := parseExpr(p.example(), &m); err != nil {
			t.Errorf("%s: %q: %v", m.Name, p.example(), err)
		}
		for _, agg := range m.Kind.aggs() {
			if !m.Kind.hasAgg(agg) {
				t.Errorf("%s: aggregate %s is offered but refused", m.Name, agg)
			}
		}
	}
}

func FuzzThreshold(f *testing.F) {
	for _, s := range []string{"p99 < 200ms", "between 1/s and 2/s", "within 10% of 20/s", "p99 <= same_pod_p99 + 1ms", "count == 0", "p < ", "<>", "rate >= 99.9%", "p99.9.9 < 1s", "within % of"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(30))
	}
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		def := metricTable[int(n)%len(metricTable)]
		x, err := parseExpr(s, &def)
		if err != nil {
			e, ok := errors.AsType[*exprError](err)
			if !ok || e.offset < 0 || e.offset > len(s) || e.msg == "" {
				t.Fatalf("%q: error %#v", s, err)
			}
			return
		}
		if !def.Kind.hasAgg(x.Agg) || x.Op == "" || math.IsNaN(x.Value+x.Low+x.High) || x.Low > x.High {
			t.Fatalf("%q: %+v", s, x)
		}
	})
}
