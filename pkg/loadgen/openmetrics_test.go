package loadgen

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// recorded is a latency series of the values.
func recorded(t *testing.T, name string, labels map[string]string, values ...time.Duration) Metric {
	t.Helper()
	set := hist.NewSet(1)
	id := set.Add(hist.Fine)
	for _, v := range values {
		set.Record(0, id, v)
	}
	def, _ := LookupMetric(name)
	m := (&series{def: def, labels: labels, h: set.Read(id)}).report(1)
	return m
}

const (
	omName  = `[a-zA-Z_:][a-zA-Z0-9_:]*`
	omLabel = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`
)

var (
	omSample = regexp.MustCompile(`^(` + omName + `)\{(` + omLabel + `(?:,` + omLabel + `)*)?\} ([^ ]+)$`)
	omPair   = regexp.MustCompile(omLabel)
)

// omFamily is one metric family as it is read.
type omFamily struct {
	name, kind, unit string
	samples          bool
}

// strictOpenMetrics reads an exposition by the rules of OpenMetrics 1.0, of
// which it refuses every breach. It returns the values of the samples by name
// and labels.
func strictOpenMetrics(text string) (map[string]float64, error) {
	body, ok := strings.CutSuffix(text, "# EOF\n")
	if !ok || strings.Contains(body, "# EOF") {
		return nil, fmt.Errorf("not exactly one EOF at the end")
	}
	suffixes := map[string][]string{"counter": {"_total"}, "gauge": {""}, "stateset": {""}, "histogram": {"_bucket", "_sum", "_count"}}
	values := map[string]float64{}
	families := map[string]bool{}
	samples := map[string]bool{} // names of samples of all families
	var f *omFamily
	for n, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s: %s", n+1, fmt.Sprintf(format, args...), line)
		}
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			parts := strings.SplitN(rest, " ", 3)
			if len(parts) < 3 || !regexp.MustCompile(`^`+omName+`$`).MatchString(parts[1]) {
				return nil, fail("metadata")
			}
			switch name := parts[1]; parts[0] {
			case "TYPE":
				if families[name] {
					return nil, fail("a family twice")
				}
				families[name] = true
				f = &omFamily{name: name, kind: parts[2]}
				if suffixes[f.kind] == nil {
					return nil, fail("unknown type")
				}
				for _, s := range suffixes[f.kind] {
					if samples[name+s] {
						return nil, fail("its samples have the names of another family's")
					}
					samples[name+s] = true
				}
			case "UNIT":
				if f == nil || f.name != name || f.samples || f.unit != "" || !strings.HasSuffix(name, "_"+parts[2]) || f.kind == "stateset" {
					return nil, fail("unit")
				}
				f.unit = parts[2]
			case "HELP":
				if f == nil || f.name != name || f.samples || regexp.MustCompile(`\\[^n"\\]`).MatchString(parts[2]) {
					return nil, fail("help")
				}
			default:
				return nil, fail("unknown metadata")
			}
			continue
		}
		m := omSample.FindStringSubmatch(line)
		if m == nil || f == nil {
			return nil, fail("not a sample")
		}
		f.samples = true
		suffix, ok := strings.CutPrefix(m[1], f.name)
		if !ok || !slices.Contains(suffixes[f.kind], suffix) {
			return nil, fail("not of the family %s", f.name)
		}
		labels := map[string]bool{}
		for _, pair := range omPair.FindAllString(m[2], -1) {
			name, value, _ := strings.Cut(pair, "=")
			if labels[name] || value == `""` {
				return nil, fail("label %s", name)
			}
			labels[name] = true
			own := name == "le" && suffix == "_bucket" || name == f.name && f.kind == "stateset"
			if !own && !slices.Contains([]string{"scenario", "clients", "target", "from", "to", "event", "outcome"}, name) {
				return nil, fail("label %s is none of those", name)
			}
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil || math.IsNaN(v) || v < 0 && f.kind != "gauge" {
			return nil, fail("value")
		}
		if f.kind == "stateset" && v != 0 && v != 1 {
			return nil, fail("state")
		}
		key := m[1] + "{" + m[2] + "}"
		if _, twice := values[key]; twice {
			return nil, fail("a series twice")
		}
		values[key] = v
	}
	return values, strictBuckets(body)
}

// strictBuckets checks that each histogram's buckets ascend, end with +Inf and
// agree with its count.
func strictBuckets(body string) error {
	bucket := regexp.MustCompile(`(?m)^(\S+)_bucket\{(.*),le="([^"]*)"\} (\d+)$`)
	last := map[string][2]float64{}
	for _, m := range bucket.FindAllStringSubmatch(body, -1) {
		series := m[1] + "{" + m[2] + "}"
		le, err := strconv.ParseFloat(m[3], 64)
		n, _ := strconv.ParseFloat(m[4], 64)
		if was, ok := last[series]; err != nil || ok && (le <= was[0] || n < was[1]) || !strings.ContainsAny(m[3], ".f") {
			return fmt.Errorf("bucket %s of %s", m[3], series)
		}
		last[series] = [2]float64{le, n}
	}
	for series, l := range last {
		name, labels, _ := strings.Cut(series, "{")
		count := fmt.Sprintf("\n%s_count{%s %v\n", name, labels, int64(l[1]))
		if !math.IsInf(l[0], 1) || !strings.Contains(body, count) {
			return fmt.Errorf("%s has no +Inf bucket that is its count", series)
		}
	}
	return nil
}

// TestOpenMetricsIsStrict: whatever is in a report, the exposition keeps the
// rules; and the histograms say what was recorded, added up over the labels
// that are not written.
func TestOpenMetricsIsStrict(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	r := hostileReport()
	r.Metrics = []Metric{
		recorded(t, AckLatency, map[string]string{LabelClients: "a", LabelStep: "one"}, 100*time.Microsecond, 2*ms, 30*ms),
		recorded(t, AckLatency, map[string]string{LabelClients: "a", LabelStep: "two"}, 2*ms, 700*time.Second),
		recorded(t, AckLatency, map[string]string{LabelClients: "b"}),
		{Name: Errors, Kind: "ratio", Labels: map[string]string{LabelClients: "a"}, Total: 50},
		{Name: Errors, Kind: "ratio", Labels: map[string]string{LabelClients: "a", LabelKind: "timeout"}, Count: 2, Total: 50},
		{Name: Errors, Kind: "ratio", Labels: map[string]string{LabelClients: "a", LabelKind: "rejected"}, Count: 1, Total: 50},
		{Name: OutcomeCount, Kind: "ratio", Labels: map[string]string{LabelClass: hostileText + `"\`}, Count: 7, Total: 9},
		{Name: AcceptedRate, Kind: "rate", Count: 2, Min: 19, Mean: 20, Max: 21},
		{Name: SchedulerLag, Kind: "latency"},
	}
	var b bytes.Buffer
	if err := WriteOpenMetrics(&b, []*Report{r, r, passedReport(), {Scenario: "nothing"}}); err != nil {
		t.Fatal(err)
	}
	values, err := strictOpenMetrics(b.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, &b)
	}
	scenario := newOpenMetrics([]*Report{r}).all[0].label
	got := map[string]float64{}
	for key, v := range values {
		if name, labels, _ := strings.Cut(key, "{"); strings.HasPrefix(labels, scenario+`,clients="a"`) {
			got[name+strings.TrimPrefix(labels, scenario+`,clients="a"`)] = v
		}
	}
	want := map[string]float64{
		"rtk_errors_total}": 3, "rtk_errors_tried_total}": 50,
		"rtk_ack_latency_seconds_count}": 5, "rtk_ack_latency_seconds_sum}": 700.0341,
	}
	below := 0.0
	for _, le := range latencyBuckets {
		switch le.text {
		case "0.00025": // the bar of 100 µs may end past it
			below = 1
		case "0.0025":
			below = 3
		case "0.05":
			below = 4
		}
		want[`rtk_ack_latency_seconds_bucket,le="`+le.text+`"}`] = below
	}
	want[`rtk_ack_latency_seconds_bucket,le="0.0001"}`] = got[`rtk_ack_latency_seconds_bucket,le="0.0001"}`]
	want[`rtk_ack_latency_seconds_bucket,le="+Inf"}`] = 5
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })); diff != "" {
		t.Errorf("series of group a (-want +got):\n%s", diff)
	}
	for key := range maps.Keys(values) {
		if strings.Contains(key, "rtk_rtk_") || strings.Contains(key, "\x1b") {
			t.Errorf("series %q", key)
		}
	}
}
