package loadgen

import "strconv"

// percentileOf reads an aggregate such as p99.9. Only plain decimal notation
// counts: no sign, no exponent.
func percentileOf(agg string) (float64, bool) {
	if len(agg) < 2 || agg[0] != 'p' {
		return 0, false
	}
	for _, c := range agg[1:] {
		if (c < '0' || c > '9') && c != '.' {
			return 0, false
		}
	}
	p, err := strconv.ParseFloat(agg[1:], 64)
	if err != nil || p < 0 || p > 100 {
		return 0, false
	}
	return p, true
}
