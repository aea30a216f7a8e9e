package loadgen

import "testing"

func TestParseProcessorTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in          string
		all, stolen uint64
	}{
		{"cpu  100 1 50 800 20 3 4 22 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n", 1000, 22},
		{"cpu  100 1 50 800 20 3 4\n", 0, 0}, // before Linux 2.6.11
		{"cpu  100 1 x 800 20 3 4 22\n", 0, 0},
		{"", 0, 0},
		{"intr 1 2 3 4 5 6 7 8 9\n", 0, 0},
	} {
		if all, stolen := parseProcessorTimes([]byte(tt.in)); all != tt.all || stolen != tt.stolen {
			t.Errorf("%q: %d, %d; want %d, %d", tt.in, all, stolen, tt.all, tt.stolen)
		}
	}
	if all, _ := processorTimes(); all == 0 {
		t.Error("this system's times are not known")
	}
}
