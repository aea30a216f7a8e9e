package loadgen

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
)

// exposed is one sample of a metrics page.
type exposed struct {
	name   string
	labels map[string]string // nil for none
	value  float64
}

const maxExposed = 100_000 // samples of a page

// parseMetrics reads the text format of Prometheus or OpenMetrics and calls f
// for each sample that is no comment. Lines that are neither are skipped and
// counted: one that a target gets wrong must not hide the others.
func parseMetrics(page []byte, f func(exposed)) (bad int) {
	n := 0
	for line := range bytes.SplitSeq(page, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if n++; n > maxExposed {
			return bad
		}
		s, ok := parseSample(string(line))
		if !ok {
			bad++
			continue
		}
		if math.IsNaN(s.value) || math.IsInf(s.value, 0) {
			continue // such as a quantile of nothing
		}
		f(s)
	}
	return bad
}

// parseSample reads one line: name{label="value",…} value [time] [# exemplar].
func parseSample(line string) (exposed, bool) {
	end := strings.IndexAny(line, "{ \t")
	if end < 0 || !isMetricName(line[:end]) {
		return exposed{}, false
	}
	s := exposed{name: line[:end]}
	rest := strings.TrimLeft(line[end:], " \t")
	if strings.HasPrefix(rest, "{") {
		var ok bool
		if s.labels, rest, ok = parseLabels(rest[1:]); !ok {
			return s, false
		}
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return s, false
	}
	v, err := strconv.ParseFloat(fields[0], 64)
	s.value = v
	return s, err == nil
}

// maxLabels bounds the labels of a sample.
const maxLabels = 64

// parseLabels reads labels up to the closing brace.
func parseLabels(s string) (labels map[string]string, rest string, ok bool) {
	for {
		s = strings.TrimLeft(s, " \t,")
		if s == "" || len(labels) > maxLabels {
			return nil, "", false
		}
		if s[0] == '}' {
			return labels, s[1:], true
		}
		name, after, found := strings.Cut(s, "=")
		name, after = strings.TrimSpace(name), strings.TrimLeft(after, " \t")
		if !found || !isMetricName(name) || after == "" || after[0] != '"' {
			return nil, "", false
		}
		value, left, closed := unquoteLabel(after[1:])
		if !closed {
			return nil, "", false
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[name], s = value, left
	}
}

// unquoteLabel reads a label's value up to its closing quote.
func unquoteLabel(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			if s[i] == 'n' {
				b.WriteByte('\n')
				continue
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// key tells the samples of a page apart.
func (s *exposed) key() string {
	if len(s.labels) == 0 {
		return s.name
	}
	parts := make([]string, 0, len(s.labels))
	for k, v := range s.labels {
		parts = append(parts, k+"="+strconv.Quote(v))
	}
	slices.Sort(parts)
	return s.name + "{" + strings.Join(parts, ",") + "}"
}
