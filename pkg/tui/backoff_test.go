package tui

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		n      int
		first  time.Duration
		random float64
		want   time.Duration
	}{
		{"first", 1, 0, 0.5, time.Second},
		{"second", 2, 0, 0.5, 2 * time.Second},
		{"third", 3, 0, 0.5, 4 * time.Second},
		{"bounded", 4, 0, 0.5, 5 * time.Second},
		{"stays bounded", 1_000_000, 0, 0.5, 5 * time.Second},
		{"earliest", 1, 0, 0, 500 * time.Millisecond},
		{"latest", 1, 0, 1, 1500 * time.Millisecond},
		{"the server's retry field", 1, 3 * time.Second, 0.5, 3 * time.Second},
		{"a retry field above the bound", 2, time.Minute, 0.5, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := backoff(tt.n, tt.first, tt.random); got != tt.want {
				t.Errorf("backoff(%d, %v, %v) = %v, want %v", tt.n, tt.first, tt.random, got, tt.want)
			}
		})
	}
}
