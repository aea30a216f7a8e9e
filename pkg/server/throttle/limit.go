package throttle

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxRate is the fastest limit that ParseLimit accepts, in events per second. A
// limit above it would not hold anything back and is most likely a wrong unit.
const MaxRate = 1e6

// MaxBurst is the largest burst that ParseLimit accepts.
const MaxBurst = 1_000_000

// maxRefill bounds burst/rate, the time an emptied bucket needs to fill again.
// Beyond it a limit is a ban, and the fixed-point arithmetic would lose room.
const maxRefill = 30 * 24 * time.Hour

// Limit is a sustained rate and the number of events that may come at once. The
// zero value is off: it refuses nothing. It is a plain value, safe to copy and
// to share between goroutines.
type Limit struct {
	Rate  float64 // events per second; zero or less is off
	Burst int     // events at once; less than one counts as one
}

// Off reports whether the limit refuses nothing.
func (l Limit) Off() bool { return !(l.Rate > 0) } // so written that NaN is off too

// String is the limit as ParseLimit reads it, with the burst behind it.
func (l Limit) String() string {
	if l.Off() {
		return "unlimited"
	}
	return fmt.Sprintf("%s/s burst %d", strconv.FormatFloat(l.Rate, 'g', -1, 64), max(l.Burst, 1))
}

// Validate reports a limit that cannot be kept: a rate that is not finite or is
// above MaxRate, a burst below zero or above MaxBurst, or one that takes more
// than 30 days to refill.
func (l Limit) Validate() error { return l.validate(MaxRate, MaxBurst) }

func (l Limit) validate(maxRate float64, maxBurst int) error {
	switch {
	case math.IsNaN(l.Rate) || l.Rate < 0:
		return fmt.Errorf("throttle rate %v: must be zero (off) or more", l.Rate)
	case l.Rate > maxRate:
		return fmt.Errorf("throttle rate %v/s: at most %.0f/s", l.Rate, maxRate)
	case l.Burst < 0 || l.Burst > maxBurst:
		return fmt.Errorf("throttle burst %d: must be 0 to %d", l.Burst, maxBurst)
	case l.Rate > 0 && float64(max(l.Burst, 1))/l.Rate > maxRefill.Seconds():
		return fmt.Errorf("throttle %v: takes more than 30 days to refill", l)
	}
	return nil
}

var units = map[string]time.Duration{
	"us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond,
	"s": time.Second, "sec": time.Second, "m": time.Minute, "min": time.Minute,
	"h": time.Hour, "d": 24 * time.Hour,
}

const rateHint = `want COUNT/PERIOD such as "20/s", "100/m" or "10/100ms" (units ms, s, m, h, d), or "unlimited"`

// ParseLimit reads a rate such as "20/s", "100/m", "0.5/s" or "10/100ms"; "",
// "off" and "unlimited" are the zero Limit. A burst of zero takes the count of
// the rate, so that "100/m" lets one minute's worth through at once. Errors name
// the bad text and say what is accepted.
func ParseLimit(rate string, burst int) (Limit, error) {
	return parseLimit(rate, burst, MaxRate, MaxBurst)
}

func parseLimit(rate string, burst int, maxRate float64, maxBurst int) (Limit, error) {
	if burst < 0 || burst > maxBurst {
		return Limit{}, fmt.Errorf("throttle burst %d: must be 0 (one period's worth) to %d", burst, maxBurst)
	}
	text := strings.TrimSpace(rate)
	switch strings.ToLower(text) {
	case "", "off", "unlimited":
		return Limit{}, nil
	}
	countText, periodText, found := strings.Cut(text, "/")
	if !found {
		return Limit{}, fmt.Errorf("throttle rate %q: no period: %s", clip(rate), rateHint)
	}
	count, err := strconv.ParseFloat(strings.TrimSpace(countText), 64)
	if err != nil || math.IsNaN(count) || math.IsInf(count, 0) {
		return Limit{}, fmt.Errorf("throttle rate %q: %q is not a count: %s", clip(rate), clip(countText), rateHint)
	}
	if count <= 0 {
		return Limit{}, fmt.Errorf("throttle rate %q: the count must be above zero; write \"unlimited\" for no limit", clip(rate))
	}
	period, ok := parsePeriod(strings.TrimSpace(periodText))
	if !ok {
		return Limit{}, fmt.Errorf("throttle rate %q: %q is not a period: %s", clip(rate), clip(periodText), rateHint)
	}
	l := Limit{Rate: count / period.Seconds(), Burst: burst}
	if burst == 0 {
		l.Burst = int(min(max(count, 1), float64(maxBurst)))
	}
	if err := l.validate(maxRate, maxBurst); err != nil {
		return Limit{}, err
	}
	return l, nil
}

// parsePeriod reads an optional whole number before a unit: "s", "100ms".
func parsePeriod(text string) (time.Duration, bool) {
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	unit, ok := units[text[digits:]]
	if !ok {
		return 0, false
	}
	if digits == 0 {
		return unit, true
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || n <= 0 || n > int64(maxRefill/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// clip keeps a pasted wall of text out of an error message.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
