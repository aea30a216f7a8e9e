package loadgen

import "strings"

// serverPrefix begins the names of metrics that come from the targets
// themselves: server.process_resident_memory_bytes.
const serverPrefix = "server."

// serverMetric describes a metric of the targets, whose names only they know,
// nil when it can't be the name of one.
func serverMetric(name string) *MetricDef {
	bare, ok := strings.CutPrefix(name, serverPrefix)
	if !ok || !isMetricName(bare) {
		return nil
	}
	d := &MetricDef{Name: name, Kind: KindSampled, Labels: []string{LabelTarget}, Doc: "a metric of the targets, see scrape"}
	switch base := strings.TrimSuffix(bare, "_total"); {
	case strings.HasSuffix(base, "_bytes"):
		d.Unit = "B"
	case strings.HasSuffix(base, "_seconds"):
		d.Unit = "s"
	}
	return d
}

// isMetricName tells whether s can be the name of a Prometheus metric.
func isMetricName(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}
