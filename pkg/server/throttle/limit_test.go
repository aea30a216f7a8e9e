package throttle

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		rate  string
		burst int
		want  Limit
	}{
		{"per second", "20/s", 40, Limit{20, 40}},
		{"per minute", "90/m", 10, Limit{1.5, 10}},
		{"minute spelled min", "90/min", 10, Limit{1.5, 10}},
		{"per hour", "7200/h", 1, Limit{2, 1}},
		{"per day", "86400/d", 1, Limit{1, 1}},
		{"several units", "10/100ms", 5, Limit{100, 5}},
		{"fraction", "0.5/s", 3, Limit{0.5, 3}},
		{"spaces", " 20 / s ", 4, Limit{20, 4}},
		{"burst from the count", "100/m", 0, Limit{100.0 / 60, 100}},
		{"burst of at least one", "0.25/s", 0, Limit{0.25, 1}},
		{"empty is off", "", 40, Limit{}},
		{"unlimited", "unlimited", 0, Limit{}},
		{"off in capitals", "OFF", 0, Limit{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseLimit(tt.rate, tt.burst)
			if err != nil {
				t.Fatalf("ParseLimit(%q, %d): %v", tt.rate, tt.burst, err)
			}
			if got != tt.want {
				t.Errorf("ParseLimit(%q, %d) = %+v, want %+v", tt.rate, tt.burst, got, tt.want)
			}
		})
	}
}

func TestParseLimitErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		rate  string
		burst int
		want  string // part of the error
	}{
		{"no period", "20", 0, `"20": no period: want COUNT/PERIOD`},
		{"no count", "/s", 0, `"" is not a count`},
		{"words", "many/s", 0, `"many" is not a count`},
		{"not a number", "NaN/s", 0, `"NaN" is not a count`},
		{"infinite", "Inf/s", 0, `"Inf" is not a count`},
		{"unknown unit", "20/fortnight", 0, `"fortnight" is not a period`},
		{"unit is missing", "20/10", 0, `"10" is not a period`},
		{"zero period", "20/0s", 0, `"0s" is not a period`},
		{"negative period", "20/-1s", 0, `"-1s" is not a period`},
		{"endless period", "20/99999999999999999999s", 0, "is not a period"},
		{"two slashes", "20/s/s", 0, `"s/s" is not a period`},
		{"zero", "0/s", 0, `write "unlimited"`},
		{"negative", "-5/s", 0, "must be above zero"},
		{"too fast", "2000000/s", 0, "at most 1000000/s"},
		{"too slow", "1/30d", 2, "more than 30 days"},
		{"negative burst", "20/s", -1, "throttle burst -1"},
		{"huge burst", "20/s", 2_000_000, "throttle burst 2000000"},
		{"wall of text", strings.Repeat("x", 5000), 0, "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseLimit(tt.rate, tt.burst)
			if err == nil {
				t.Fatalf("ParseLimit(%q, %d) = %+v, want an error", tt.rate, tt.burst, got)
			}
			if !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 300 {
				t.Errorf("ParseLimit(%q, %d) error = %q, want it short and with %q", tt.rate, tt.burst, err, tt.want)
			}
		})
	}
}

func TestLimitString(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]Limit{
		"unlimited":         {},
		"20/s burst 40":     {20, 40},
		"0.5/s burst 1":     {0.5, 0},
		"1e+06/s burst 100": {1e6, 100},
	} {
		if got := l.String(); got != want {
			t.Errorf("%#v.String() = %q, want %q", l, got, want)
		}
	}
}

func TestLimitValidate(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]Limit{
		"not a number": {math.NaN(), 1},
		"negative":     {-1, 1},
		"infinite":     {math.Inf(1), 1},
		"burst":        {1, -1},
		"month":        {1e-7, 1},
	} {
		if err := l.Validate(); err == nil {
			t.Errorf("%s: Validate() of %+v = nil, want an error", name, l)
		}
	}
	if err := (Limit{}).Validate(); err != nil {
		t.Errorf("Validate() of the zero Limit = %v, want nil", err)
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, seed := range []string{"20/s", "100/m", "10/100ms", "unlimited", "1e3/s", "/", "0x1p-2/µs", "20/9223372036854775807d"} {
		f.Add(seed, 0)
		f.Add(seed, 40)
	}
	f.Fuzz(func(t *testing.T, rate string, burst int) {
		l, err := ParseLimit(rate, burst)
		if err != nil {
			if l != (Limit{}) {
				t.Errorf("ParseLimit(%q, %d) = %+v along with %v", rate, burst, l, err)
			}
			return
		}
		if err := l.Validate(); err != nil {
			t.Errorf("ParseLimit(%q, %d) = %+v, which is not valid: %v", rate, burst, l, err)
		}
		var b Bucket
		now := time.Duration(1)
		if ok, _ := b.Allow(l, now); !ok {
			t.Errorf("limit %v: refused the first event", l)
		}
	})
}
