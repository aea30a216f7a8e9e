package loadgen

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"200ms": 200 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "2m": 2 * time.Minute, "1m30s": 90 * time.Second,
		"8h": 8 * time.Hour, "2d": 48 * time.Hour, "10µs": 10 * time.Microsecond, "5 s": 5 * time.Second, "0": 0, "0s": 0,
	} {
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "200", "-1s", "1x", "s", "1s1", "1e3s", "NaN", "inf", "1..2s", ".s", "31d", "99999999999999999999h"} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("%q is taken for %v", in, got)
		}
	}
}

func TestParseRate(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]float64{"2/s": 2, "0.5/s": 0.5, "30/m": 0.5, "10/100ms": 100, "2 * 20/s": 40, "1 / 2s": 0.5, "3600/h": 1, "0/s": 0} {
		if got, err := parseRate(in); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "2", "/s", "2/", "2/0s", "2/x", "x/s", "2ms/s", "1e9/s", "2000000/s", "100 * 100000/s", "* 2/s", "2 * 2", "-1/s"} {
		if got, err := parseRate(in); err == nil {
			t.Errorf("%q is taken for %v", in, got)
		}
	}
}

func TestParseCount(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"0": 0, "500": 500, "5k": 5000, "1.5k": 1500, "2M": 2000000} {
		if got, err := parseCount(in); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "1.5", "012", "1_000", "1e3", "-1", "5x", "99999999999999999999"} {
		if got, err := parseCount(in); err == nil {
			t.Errorf("%q is taken for %v", in, got)
		}
	}
}

func TestShortDuration(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{
		0: "0s", 5e-9: "5ns", 8.5e-4: "850µs", 0.0297: "29.7ms", 0.00999: "9.99ms", 0.99996: "1000ms", 1.25: "1.25s", 9.996: "10s",
		59.99: "60s", 63.2: "1m3s", 120: "2m", 3661: "1h1m1s", -1: "-1s",
	} {
		if got := shortDuration(in); got != want {
			t.Errorf("%v is %s, want %s", in, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for in, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 60431998: "60,431,998", -1234: "-1,234"} {
		if got := grouped(in); got != want {
			t.Errorf("%d is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 43 << 20: "43 MiB", 1 << 40: "1 TiB"} {
		if got := byteSize(in); got != want {
			t.Errorf("%d is %s, want %s", in, got, want)
		}
	}
}
