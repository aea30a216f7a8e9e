package throttle

import (
	"testing"
	"time"
)

func TestStrikes(t *testing.T) {
	t.Parallel()
	const window = time.Minute
	second := func(s ...float64) []time.Duration {
		at := make([]time.Duration, len(s))
		for i, v := range s {
			at[i] = time.Duration(v * float64(time.Second))
		}
		return at
	}
	tests := []struct {
		name  string
		limit int
		at    []time.Duration
		want  int // index of the first true, -1 for none
	}{
		{"as many as allowed", 3, second(0, 1, 2), -1},
		{"one too many", 3, second(0, 1, 2, 3), 3},
		{"the window closes", 3, second(0, 1, 2, 60, 61, 62), -1},
		{"just within the window", 3, second(0, 1, 2, 59.9), 3},
		{"a window opens with a refusal", 3, second(100, 159, 159.5, 160), -1},
		{"more than twice the limit in any window", 3, second(0, 59, 59, 61, 61, 62, 63), 6},
		{"off", 0, second(0, 0, 0, 0, 0), -1},
		{"one", 1, second(0, 0), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s Strikes
			got := -1
			for i, at := range tt.at {
				if s.Refused(tt.limit, window, at) {
					got = i
					break
				}
			}
			if got != tt.want {
				t.Errorf("let go at refusal %d, want %d", got, tt.want)
			}
		})
	}
}

func BenchmarkStrikesRefused(b *testing.B) {
	b.ReportAllocs()
	var s Strikes
	var now time.Duration
	for b.Loop() {
		now += time.Millisecond
		s.Refused(20, time.Minute, now)
	}
}
