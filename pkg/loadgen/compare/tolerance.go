package compare

import (
	"fmt"
	"strconv"
	"strings"
)

// Tolerance is how much worse head may be. Of several that fit a row, the one
// that says the most counts, and of equal ones the last.
type Tolerance struct {
	Metric string // a metric, with or without labels, "" for any
	Agg    string // p99 and the like, "" for any
	// Amount is a share: of base's percentile, or of what was tried.
	Amount float64
}

// DefaultTolerance is how much worse a percentile may be when nothing says.
const DefaultTolerance = 0.10

// ParseTolerance reads 10%, p99=10%, ack_latency=5%, ack_latency.p99=20% or
// delivery_lost=0.1%.
func ParseTolerance(s string) (Tolerance, error) {
	t := Tolerance{}
	amount := s
	// The last = divides: labels may hold others.
	if i := strings.LastIndexByte(s, '='); i >= 0 {
		t.Metric, t.Agg = Split(s[:i])
		amount = s[i+1:]
	}
	number, ok := strings.CutSuffix(strings.TrimSpace(amount), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !ok || err != nil || !(v >= 0 && v <= 1000) {
		return t, fmt.Errorf("tolerance %q: want a percentage, as in 10%%, p99=10%% or ack_latency.p99=20%%", s)
	}
	t.Amount = v / 100
	return t, nil
}

// Split divides ack_latency{event=say}.p99 into the metric with its labels and
// the aggregate; either may be missing.
func Split(s string) (metric, agg string) {
	s = strings.TrimSpace(s)
	if _, ok := percentileOf(s); ok {
		return "", s
	}
	tail := strings.LastIndexByte(s, '}') + 1
	if i := strings.IndexByte(s[tail:], '.'); i >= 0 {
		return s[:tail+i], s[tail+i+1:]
	}
	return s, ""
}

// percentileOf reads p99.9 as 0.999.
func percentileOf(agg string) (float64, bool) {
	number, ok := strings.CutPrefix(agg, "p")
	if !ok || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	p, err := strconv.ParseFloat(number, 64)
	return p / 100, err == nil && p > 0 && p < 100
}

// fits tells whether the tolerance speaks of a row, and how exactly.
func (t *Tolerance) fits(k key, agg string) (weight int, ok bool) {
	if t.Agg != "" {
		if t.Agg != agg {
			return 0, false
		}
		weight++
	}
	switch t.Metric {
	case "":
		// Without a metric it is for latencies: shares of failures are another
		// thing, and a common 10 % would hide them.
		return weight, agg != rate
	case k.String():
		return weight + 4, true
	case k.metric:
		return weight + 2, true
	}
	return 0, false
}

func (o *Options) tolerance(k key, agg string) float64 {
	amount, best := DefaultTolerance, -1
	if agg == rate {
		amount = 0
	}
	for _, t := range o.Tolerances {
		if w, ok := t.fits(k, agg); ok && w >= best {
			amount, best = t.Amount, w
		}
	}
	return amount
}
