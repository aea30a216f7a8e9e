//go:build linux

package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCutMasked cuts frames of all lengths that a client masked, also when they
// come in pieces.
func TestCutMasked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		text := bytes.Repeat([]byte("x"), n)
		frame := appendServerFrame(nil, 1, text)
		head := len(frame) - n
		key := []byte{1, 2, 3, 4}
		masked := append(bytes.Clone(frame[:head]), key...)
		masked[1] |= 0x80
		for i, c := range text {
			masked = append(masked, c^key[i&3])
		}
		for _, short := range []int{1, head, len(masked) - 1} {
			if _, _, size := cutMasked(masked[:min(short, len(masked)-1)]); size != 0 {
				t.Errorf("%d bytes: a frame of %d of its bytes is whole", n, short)
			}
		}
		op, p, size := cutMasked(append(masked, "more"...))
		if op != 1 || size != len(masked) {
			t.Errorf("%d bytes: opcode %d, size %d", n, op, size)
		}
		if d := cmp.Diff(text, p); d != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, d)
		}
	}
}

// TestMedian takes the middle of the runs, and the latency out of a report.
func TestMedian(t *testing.T) {
	t.Parallel()
	runs := []sample{{each: 3}, {each: 1}, {each: 2}}
	if m := median(runs, func(s sample) float64 { return s.each }); m != 2 {
		t.Errorf("median %g, want 2", m)
	}
	report := []byte(`{"runs":[{"metrics":[{"name":"other","p50":9},{"name":"ack_latency","p50":0.001,"p99":0.25}]}]}`)
	if p50, p99 := latencyOf(report, "ack_latency"); p50 != 1 || p99 != 250 {
		t.Errorf("p50 %g, p99 %g; want 1 and 250 ms", p50, p99)
	}
}
