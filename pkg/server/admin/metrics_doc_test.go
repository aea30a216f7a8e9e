package admin

import (
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// full is a pod of which every metric has a value.
func full() stats.Pod {
	one := map[string]uint64{"x": 1}
	var r stats.Recorder
	r.Observe(3e6)
	return stats.Pod{
		ID: "a", Version: "v", Backplane: &stats.Backplane{},
		Connections: stats.Connections{ClosedByReason: one, HandshakeErrors: one},
		Refusals:    stats.Refusals{AuthByCode: one, ThrottledByLimit: one, WouldThrottle: one, WouldWait: &stats.Waits{BoundsSeconds: []float64{1}, Counts: []uint64{1, 0}}},
		Services:    []stats.Service{{Name: "x"}},
		Latency:     stats.Latency{Handler: r.Snapshot(), Write: r.Snapshot()},
	}
}

// described is a metric as the page or the exposition has it.
type described struct{ Name, Type, Labels string }

var (
	docRow   = regexp.MustCompile("(?m)^\\| `(rtk_[a-z0-9_]+)` \\| (\\w+) \\| ([^|]*)\\|")
	docLabel = regexp.MustCompile("`([a-z_]+)`")
)

func gather(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(newCollector(&gateway{pod: full()}))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// docs/metrics.md and the exposition agree by name, type and labels, both ways.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, exposed []described
	for _, m := range docRow.FindAllStringSubmatch(string(page), -1) {
		// Values of a label follow its name behind a colon or a comma with
		// "such as"; pod_info alone has two labels.
		labels, _, _ := strings.Cut(m[3], ":")
		labels, _, _ = strings.Cut(labels, ", such as")
		labels, _, _ = strings.Cut(labels, " of ")
		var names []string
		for _, l := range docLabel.FindAllStringSubmatch(labels, -1) {
			names = append(names, l[1])
		}
		documented = append(documented, described{m[1], m[2], strings.Join(names, ",")})
	}
	for _, f := range gather(t) {
		var names []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			names = append(names, l.GetName())
		}
		exposed = append(exposed, described{f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(names, ",")})
	}
	for _, s := range [][]described{documented, exposed} {
		sort.Slice(s, func(i, j int) bool { return s[i].Name < s[j].Name })
	}
	if d := cmp.Diff(exposed, documented); d != "" {
		t.Errorf("docs/metrics.md and the exposition differ (-exposed +documented):\n%s", d)
	}
}

func TestHistogramIsNativeAndClassic(t *testing.T) {
	t.Parallel()
	for _, f := range gather(t) {
		if f.GetName() != "rtk_handler_duration_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 1 || h.GetSchema() != stats.HistogramSchema || len(h.GetPositiveSpan()) != 1 {
			t.Errorf("native: %v", h)
		}
		var below, above int
		for _, b := range h.GetBucket() {
			if b.GetUpperBound() < 0.003 && b.GetCumulativeCount() == 0 {
				below++
			}
			if b.GetUpperBound() > 0.003 && b.GetCumulativeCount() == 1 {
				above++
			}
		}
		if below == 0 || above == 0 || below+above != len(classicExponents) {
			t.Errorf("classic: %v", h.GetBucket())
		}
		return
	}
	t.Error("no rtk_handler_duration_seconds")
}
