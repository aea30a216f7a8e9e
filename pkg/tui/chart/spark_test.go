package chart

import "testing"

func TestSpark(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []uint32
		width  int
		want   string
	}{
		{"no width", []uint32{1}, 0, ""},
		{"no values", nil, 3, "▁▁▁"},
		{"all zero", []uint32{0, 0}, 2, "▁▁"},
		{"pads on the left", []uint32{5}, 3, "▁▁█"},
		{"keeps the newest", []uint32{9, 0, 7}, 2, "▁█"},
		{"one in a million is seen", []uint32{1, 1_000_000}, 2, "▂█"},
		{"steps", []uint32{0, 1, 2, 3, 4, 5, 6}, 7, "▁▃▄▅▆▇█"},
		{"largest value does not overflow", []uint32{1<<32 - 1, 1 << 31}, 2, "█▅"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Spark(tt.values, tt.width); got != tt.want {
				t.Errorf("Spark(%v, %d) = %q, want %q", tt.values, tt.width, got, tt.want)
			}
		})
	}
}
