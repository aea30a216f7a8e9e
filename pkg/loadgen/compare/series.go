package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// series is one metric of one run.
type series struct {
	counts hist.Counts // of a latency
	blocks []Block
	n, of  int64         // of a ratio
	slices []hist.Counts // of an interleaved run, by turn
	spans  bool          // the run was long enough for spans
}

// momentary tells that all samples came within a moment of a run, as those of
// connecting do: what else happened at that moment is in all of them.
func (s *series) momentary() bool { return s.spans && len(s.blocks) < leastBlocks }

// key names a series on both sides: the metric and its labels, but without
// those that name endpoints, which differ between the sides.
type key struct{ metric, labels string }

func (k key) String() string {
	if k.labels == "" {
		return k.metric
	}
	return k.metric + "{" + k.labels + "}"
}

// endpointLabels name targets.
var endpointLabels = []string{"target", "from", "to"}

func keyOf(m *Metric) key {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
		if !slices.Contains(endpointLabels, name) {
			parts = append(parts, name+"="+m.Labels[name])
		}
	}
	return key{m.Name, strings.Join(parts, ",")}
}

// seriesOf puts a run's series together by their keys.
func seriesOf(run *Run) (map[key]*series, error) {
	out := map[key]*series{}
	for i := range run.Metrics {
		m := &run.Metrics[i]
		if m.Kind != "latency" && m.Kind != "ratio" {
			continue
		}
		k := keyOf(m)
		s := out[k]
		if s == nil {
			s = &series{}
			out[k] = s
		}
		s.n += m.Count
		s.of += m.Total
		if m.HDR == "" {
			continue
		}
		c, err := hist.DecodeCounts(m.HDR)
		if err != nil {
			return nil, fmt.Errorf("read report %s: histogram of %s: %w", run.Path, k, err)
		}
		s.counts = s.counts.Add(c)
		s.blocks = joinBlocks(s.blocks, m.Blocks)
	}
	spans := slices.ContainsFunc(run.Metrics, func(m Metric) bool { return len(m.Blocks) >= leastBlocks })
	for _, s := range out {
		s.spans = spans
	}
	return out, nil
}

// joinBlocks puts the spans of two series of a run together, by weight: their
// percentiles can't be merged, but how they vary can.
func joinBlocks(a, b []Block) []Block {
	if a == nil {
		return b
	}
	n := min(len(a), len(b))
	out := make([]Block, n)
	for i := range out {
		x, y := a[i], b[i]
		all := float64(x.Count + y.Count)
		mix := func(u, v float64) float64 { return (u*float64(x.Count) + v*float64(y.Count)) / all }
		out[i] = Block{Count: x.Count + y.Count, P50: mix(x.P50, y.P50), P90: mix(x.P90, y.P90), P99: mix(x.P99, y.P99)}
	}
	return out
}

// better says which direction of a metric is good. Metrics that are neither
// better nor worse, such as how often a limiter said no, are not compared.
type better int8

const (
	neutral better = iota
	lower
	higher
)

var directions = map[string]better{
	"connect_latency":     lower,
	"ack_latency":         lower,
	"publish_latency":     lower,
	"delivery_latency":    lower,
	"auth_reject_latency": lower,
	"sse_first_byte":      lower,
	"resume_time":         lower,
	"reconnect_time":      lower,
	"recovery_time":       lower,

	"connect_failures":      lower,
	"server_unavailable":    lower,
	"disconnects_unplanned": lower,
	"ack_timeouts":          lower,
	"errors":                lower,
	"step_failures":         lower,
	"publish_failures":      lower,
	"delivery_lost":         lower,
	"delivery_duplicated":   lower,
	"delivery_out_of_order": lower,
	"delivery_late":         lower,
	"delivery_unexpected":   lower,
	"delivery_corrupt":      lower,
	"auth_mismatches":       lower,
	"auth_leaks":            lower,
	"resume_gap":            lower,
	"resume_duplicates":     lower,
	"still_disconnected":    lower,
	"duplicate_sessions":    lower,
	"stuck_clients":         lower,

	"state_recovered": higher,
}
