package throttle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRulesSet(t *testing.T) {
	t.Parallel()
	var got Rules
	for _, s := range []string{"conn.messages=20/s", "user.messages=100/s:200", "ip.connects=10/s:50", "conn.bytes=64kB/s", "room.bytes=1MB/s:4MB", "user.joins=5/m"} {
		if err := got.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []string{"typing=5/s", "a=b=1/s:3"} {
		if err := got.SetEvent(s); err != nil {
			t.Fatal(err)
		}
	}
	want := Rules{
		Conn:   Rates{Messages: Limit{20, 20}, Bytes: Limit{64e3, 64e3}},
		User:   Rates{Messages: Limit{100, 200}, Joins: Limit{5.0 / 60, 5}},
		IP:     Rates{Connects: Limit{10, 50}},
		Room:   Rates{Bytes: Limit{1e6, 4e6}},
		Events: map[string]Limit{"typing": {5, 5}, "a=b": {1, 3}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func TestRulesSetErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"user.messages":            "want SCOPE.KIND=RATE",
		"messages=1/s":             "want SCOPE.KIND=RATE",
		"users.messages=1/s":       `unknown scope "users"`,
		"user.message=1/s":         `unknown kind "message"`,
		"room.connects=1/s":        "by ip or user",
		"conn.connects=1/s":        "by ip or user",
		"user.messages=1/s:0":      "burst",
		"user.messages=1/s:1.5":    "burst",
		"user.messages=1kB/s":      "not a count",
		"user.bytes=2000000MB/s":   "at most",
		"user.bytes=1/s:2000000GB": "burst",
	} {
		var r Rules
		if err := r.Set(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Set(%q) = %v, want an error with %q", text, err, want)
		}
	}
	var r Rules
	if err := r.SetEvent("=1/s"); err == nil {
		t.Error("SetEvent without a name was accepted")
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h Histogram
	for _, w := range []time.Duration{time.Microsecond, time.Millisecond, 2 * time.Millisecond, time.Hour} {
		h.Add(w)
	}
	counts, sum := h.Snapshot()
	want := make([]uint64, len(WaitBounds)+1)
	want[0], want[1], want[len(WaitBounds)] = 2, 1, 1
	if !slices.Equal(counts, want) || sum != time.Hour+3*time.Millisecond+time.Microsecond {
		t.Errorf("Snapshot() = %v, %v, want %v", counts, sum, want)
	}
}
