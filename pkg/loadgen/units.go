package loadgen

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDuration bounds every duration of a scenario; sums of several still fit
// into a time.Duration.
const maxDuration = 30 * 24 * time.Hour

// maxRate bounds every rate, in events a second.
const maxRate = 1e6

// splitNumber divides "12.5ms" into 12.5 and "ms". The number is plain
// decimal notation without a sign.
func splitNumber(s string) (n float64, unit string, ok bool) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	if err != nil || s[:i] == "." {
		return 0, "", false
	}
	return n, strings.TrimSpace(s[i:]), true
}

// parseDuration reads 200ms, 1.5s, 2m, 1m30s, 8h, 2d. The error says how to
// mend it.
func parseDuration(s string) (time.Duration, error) {
	if n, unit, ok := splitNumber(s); ok && unit == "" {
		if n == 0 {
			return 0, nil
		}
		return 0, fmt.Errorf("bare number, write %sms or %ss", s, s)
	}
	if strings.HasPrefix(s, "-") {
		return 0, errors.New("negative duration")
	}
	var total float64
	for rest := s; rest != ""; {
		i := 0
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '.') {
			i++
		}
		j := i
		for j < len(rest) && (rest[j] < '0' || rest[j] > '9') && rest[j] != '.' {
			j++
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		unit, known := durationUnits[strings.TrimSpace(rest[i:j])]
		if err != nil || !known {
			return 0, fmt.Errorf("not a duration, write for example 200ms, 1.5s or 2m")
		}
		total += n * float64(unit)
		rest = rest[j:]
	}
	if s == "" || math.IsNaN(total) {
		return 0, errors.New("not a duration, write for example 200ms, 1.5s or 2m")
	}
	if total > float64(maxDuration) {
		return 0, errors.New("longer than 30 days")
	}
	return time.Duration(math.Round(total)), nil
}

var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "μs": time.Microsecond,
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// parseRate reads 2/s, 0.5/s, 30/m, 10/100ms and multiples of them (2 * 20/s)
// as events a second.
func parseRate(s string) (float64, error) {
	if factor, rest, ok := strings.Cut(s, "*"); ok {
		n, unit, isNumber := splitNumber(strings.TrimSpace(factor))
		if !isNumber || unit != "" {
			return 0, errors.New("not a rate, write for example 2 * 20/s")
		}
		r, err := parseRate(strings.TrimSpace(rest))
		if err == nil && n*r > maxRate {
			return 0, errors.New("more than a million a second")
		}
		return n * r, err
	}
	num, per, ok := strings.Cut(s, "/")
	num, per = strings.TrimSpace(num), strings.TrimSpace(per)
	n, unit, isNumber := splitNumber(num)
	switch {
	case !ok && isNumber && unit == "":
		return 0, fmt.Errorf("bare number, write %s/s", s)
	case !ok || !isNumber || unit != "":
		return 0, errors.New("not a rate, write for example 2/s, 30/m or 10/100ms")
	}
	window, known := durationUnits[per]
	if !known {
		d, err := parseDuration(per)
		if err != nil || d <= 0 {
			return 0, errors.New("not a rate, write for example 2/s, 30/m or 10/100ms")
		}
		window = d
	}
	r := n / window.Seconds()
	if r > maxRate {
		return 0, errors.New("more than a million a second")
	}
	return r, nil
}

// byteUnits are the suffixes of sizes.
var byteUnits = map[string]float64{
	"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// parseBytes reads 512B, 2MiB, 1.5GB.
func parseBytes(s string) (float64, bool) {
	n, unit, ok := splitNumber(s)
	factor, known := byteUnits[unit]
	return n * factor, ok && known
}

// parsePercent reads 99.9% as 0.999.
func parsePercent(s string) (float64, bool) {
	n, unit, ok := splitNumber(s)
	if !ok || unit != "%" {
		return 0, false
	}
	return n / 100, true
}

// parseCount reads a whole number with an optional k or M.
func parseCount(s string) (int64, error) {
	n, unit, ok := splitNumber(s)
	if !ok {
		return 0, errors.New("not a whole number")
	}
	switch unit {
	case "":
		if len(s) > 1 && s[0] == '0' && !strings.Contains(s, ".") {
			return 0, errors.New("leading zero, which some readers take for octal: leave it out")
		}
	case "k":
		n *= 1e3
	case "M":
		n *= 1e6
	default:
		return 0, fmt.Errorf("not a whole number: unknown suffix %q", unit)
	}
	if n != math.Trunc(n) || n > 1e15 {
		return 0, errors.New("not a whole number")
	}
	return int64(n), nil
}
