package tui

import (
	"errors"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// isRefusal reports whether err is a server's explicit no that will not
// change by asking again. 408, 425, 429 and 5xx ask to be tried again.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*rt.Error](err)
	if !ok || e.Kind != rt.KindRejected {
		return rt.KindOf(err) == rt.KindUsage
	}
	switch {
	case e.Status == 408, e.Status == 425, e.Status == 429, e.Status >= 500:
		return false
	}
	return true
}

// causeText is err without the parts that the screen shows anyway: the
// operation and the target.
func causeText(err error) string {
	e, ok := errors.AsType[*rt.Error](err)
	if !ok {
		return err.Error()
	}
	short := *e
	short.Op, short.Target = string(e.Stage), ""
	if short.Op == "" {
		short.Op = e.Kind.String()
	}
	return short.Error()
}

// duration writes d for people: 850µs, 4.1ms, 38ms, 1.5s, 4m12s.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + duration(-d)
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + "µs"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) + "ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m" + strconv.Itoa(int(d.Seconds())%60) + "s"
	}
	return strconv.Itoa(int(d.Hours())) + "h" + strconv.Itoa(int(d.Minutes())%60) + "m"
}

// count writes n with thousands separators up to a million, then 1.2M.
func count(n uint64) string {
	if n >= 1e6 {
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
	}
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	tail := strconv.FormatUint(n%1000+1000, 10)[1:]
	return strconv.FormatUint(n/1000, 10) + "," + tail
}

// short writes n in at most four characters or so: 218, 1.2k, 3.4M.
func short(n int) string {
	switch {
	case n < 1000:
		return strconv.Itoa(n)
	case n < 10_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + "k"
	case n < 1_000_000:
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
}
