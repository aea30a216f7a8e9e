package loadgen

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// grouped prints a whole number with commas: 60,431,998.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return grouped(n) + " " + word + "s"
}

// shortDuration prints seconds with three digits and a fitting unit: 850µs,
// 29.7ms, 1.24s, 2m5s.
func shortDuration(s float64) string {
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0):
		return "-"
	case s == 0:
		return "0s"
	case s < 0:
		return "-" + shortDuration(-s)
	case s < 1e-6:
		return digits3(s*1e9) + "ns"
	case s < 1e-3:
		return digits3(s*1e6) + "µs"
	case s < 1:
		return digits3(s*1e3) + "ms"
	case s < 60:
		return digits3(s) + "s"
	case s > 1e9:
		return "-"
	}
	return strings.TrimSuffix(time.Duration(s*float64(time.Second)).Round(time.Second).String(), "0s")
}

// digits3 prints a number below 1000 with at most three digits.
func digits3(f float64) string {
	prec := 0
	switch {
	case f < 9.995:
		prec = 2
	case f < 99.95:
		prec = 1
	}
	s := strconv.FormatFloat(f, 'f', prec, 64)
	if prec > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// decimal prints a rate or share with one digit after the point.
func decimal(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "-"
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
}

// byteSize prints bytes in binary units.
func byteSize(n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, u
	}
	if f >= 1000 { // 1000 to 1023 of a unit
		return strconv.FormatFloat(f, 'f', 0, 64) + " " + unit
	}
	return digits3(f) + " " + unit
}
