package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// WriteOpenMetrics writes the reports in the OpenMetrics 1.0 text format, as
// GitLab's metrics report and the tools of Prometheus read it: latencies as
// histograms in seconds, counters with _total, ratios as two counters (what
// occurred, and with _tried what could have), rates by their extremes.
//
// Labels are scenario, clients, target, from, to, event and outcome; what
// differs in other labels is added up. No label holds a client's id.
func WriteOpenMetrics(w io.Writer, reports []*Report) error {
	o := newOpenMetrics(reports)
	for _, def := range metricTable {
		o.metric(&def)
	}
	o.runs()
	o.b.WriteString("# EOF\n")
	_, err := w.Write(o.b.Bytes())
	return err
}

// openMetricsLabels are the labels that series keep, in the order in which
// they are written. The class of an outcome has the name of the metric.
var openMetricsLabels = []struct{ ours, theirs string }{
	{LabelClients, "clients"},
	{LabelTarget, "target"},
	{LabelFrom, "from"},
	{LabelTo, "to"},
	{LabelEvent, "event"},
	{LabelClass, "outcome"},
}

type openMetrics struct {
	b   bytes.Buffer
	all []openMetricsRun
}

// openMetricsRun is a report and its scenario label. Two runs of one scenario
// would be one series twice, which no reader takes.
type openMetricsRun struct {
	r     *Report
	label string
	t     *textWriter
}

func newOpenMetrics(reports []*Report) *openMetrics {
	o := &openMetrics{}
	seen := map[string]int{}
	for _, r := range reports {
		t := &textWriter{m: newMasker(r.Secrets)}
		name := t.clean(r.Scenario)
		if seen[name]++; seen[name] > 1 {
			name += fmt.Sprintf(" (%d)", seen[name])
		}
		o.all = append(o.all, openMetricsRun{r, `scenario="` + escapeLabel(name) + `"`, t})
	}
	return o
}

// metric writes the families of one metric, with all runs' series.
func (o *openMetrics) metric(def *MetricDef) {
	var series []openMetricsSeries
	for i := range o.all {
		series = append(series, o.all[i].series(def.Name)...)
	}
	if len(series) == 0 {
		return
	}
	name := "rtk_" + strings.TrimPrefix(def.Name, "rtk_")
	switch def.Kind {
	case KindLatency:
		o.family(name+"_seconds", "histogram", "seconds", def.Doc)
		for i := range series {
			o.histogram(name+"_seconds", &series[i])
		}
	case KindCounter, KindRatio:
		o.family(name, "counter", "", def.Doc)
		for _, s := range series {
			o.sample(name+"_total", s.labels, strconv.FormatInt(s.m.Count, 10))
		}
		if def.Kind == KindCounter {
			return
		}
		o.family(name+"_tried", "counter", "", "what "+name+" is counted of")
		for _, s := range series {
			o.sample(name+"_tried_total", s.labels, strconv.FormatInt(s.m.Total, 10))
		}
	default:
		for _, x := range []struct {
			suffix, doc string
			value       func(*Metric) float64
		}{
			{"_min", "the smallest of: ", func(m *Metric) float64 { return m.Min }},
			{"_mean", "the mean of: ", func(m *Metric) float64 { return m.Mean }},
			{"_max", "the largest of: ", func(m *Metric) float64 { return m.Max }},
		} {
			o.family(name+x.suffix, "gauge", "", x.doc+def.Doc)
			for _, s := range series {
				if s.m.Count > 0 {
					o.sample(name+x.suffix, s.labels, number(x.value(s.m)))
				}
			}
		}
	}
}

// openMetricsSeries is what is left of a metric's series that differ only in
// labels that are not written.
type openMetricsSeries struct {
	labels string
	m      *Metric
	sum    float64                 // of a latency, seconds
	hdr    *hdrhistogram.Histogram // of a latency, microseconds
}

func (run *openMetricsRun) series(name string) []openMetricsSeries {
	var keys []string
	merged := map[string]bool{}
	for i := range run.r.Metrics {
		m := &run.r.Metrics[i]
		if key := run.labelsOf(m.Labels); m.Name == name && !merged[key] {
			merged[key] = true
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var out []openMetricsSeries
	for _, key := range keys {
		ours := func(labels map[string]string) bool { return run.labelsOf(labels) == key }
		m := run.r.totalOf(name, ours)
		if name == Errors {
			m.Total = run.r.totalOf(name, func(labels map[string]string) bool {
				// Those of a kind repeat what the one without a kind says.
				return ours(labels) && labels[LabelKind] == ""
			}).totalOrZero()
		}
		s := openMetricsSeries{labels: key, m: m}
		if m.Kind == string(KindLatency) {
			if m.Count == 0 {
				continue
			}
			s.hdr, s.sum = run.r.latencies(name, ours)
		}
		out = append(out, s)
	}
	return out
}

func (m *Metric) totalOrZero() int64 {
	if m == nil {
		return 0
	}
	return m.Total
}

func (run *openMetricsRun) labelsOf(labels map[string]string) string {
	s := run.label
	for _, l := range openMetricsLabels {
		if v := labels[l.ours]; v != "" {
			s += "," + l.theirs + `="` + escapeLabel(run.t.clean(v)) + `"`
		}
	}
	return s
}

// runs writes what there is one of for each run.
func (o *openMetrics) runs() {
	for _, x := range []struct {
		name, unit, doc string
		value           func(r *Report) float64
	}{
		{"rtk_run_duration_seconds", "seconds", "how long the run took", func(r *Report) float64 { return r.Duration.Seconds() }},
		{"rtk_run_checks_failed", "", "checks that the server failed", func(r *Report) float64 { return float64(r.countOf(CheckFail)) }},
		{"rtk_run_checks_passed", "", "checks that held", func(r *Report) float64 { return float64(r.countOf(CheckPass)) }},
		{"rtk_generator_cpu_seconds", "seconds", "processor time of the load generator", func(r *Report) float64 { return r.Generator.CPUSeconds }},
		{"rtk_generator_resident_bytes", "bytes", "largest resident memory of the load generator", func(r *Report) float64 { return float64(r.Generator.PeakRSS) }},
	} {
		o.family(x.name, "gauge", x.unit, x.doc)
		for _, run := range o.all {
			o.sample(x.name, run.label, number(x.value(run.r)))
		}
	}
	const verdict = "rtk_run_verdict"
	o.family(verdict, "stateset", "", "the verdict of the run")
	for _, run := range o.all {
		for _, v := range []Verdict{Pass, Fail, Inconclusive, Unreachable, Interrupted, TimedOut} {
			is := "0"
			if run.r.Verdict == v {
				is = "1"
			}
			o.sample(verdict, run.label+","+verdict+`="`+string(v)+`"`, is)
		}
	}
}

func (r *Report) countOf(status CheckStatus) int {
	n := 0
	for i := range r.Checks {
		if r.Checks[i].Status == status {
			n++
		}
	}
	return n
}

func (o *openMetrics) family(name, kind, unit, doc string) {
	fmt.Fprintf(&o.b, "# TYPE %s %s\n", name, kind)
	if unit != "" {
		fmt.Fprintf(&o.b, "# UNIT %s %s\n", name, unit)
	}
	fmt.Fprintf(&o.b, "# HELP %s %s\n", name, escapeLabel(doc))
}

func (o *openMetrics) sample(name, labels, value string) {
	fmt.Fprintf(&o.b, "%s{%s} %s\n", name, labels, value)
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func escapeLabel(s string) string { return labelEscapes.Replace(s) }

// number prints a float with what it takes to read it back.
func number(f float64) string { return strconv.FormatFloat(finite(f), 'g', -1, 64) }
