//go:build linux

package main

import (
	"math"
	"testing"
)

func TestModel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		shape           shape
		adapter         string
		heard, received float64
	}{
		{"alone a pod hears its own", shape{1, 10, 4}, "classic", 1000, 0},
		{"a pattern takes everything", shape{4, 10, 1}, "classic", 1000, 1000.0 / 4 * 3 / 4},
		{"so does a stream", shape{4, 10, 1}, "streams", 1000, 1000.0 / 4 * 3 / 4},
		{"one member is on one of the pods", shape{4, 10, 1}, "rooms", 250, 187.5},
		{"two members are on the same pod by chance", shape{4, 10, 2}, "sharded", 437.5, 328.125},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := model(tt.shape, tt.adapter, 1000)
			if near(m.heard, tt.heard) && near(m.received, tt.received) && near(m.copies, tt.heard*float64(tt.shape.pods)) {
				return
			}
			t.Errorf("model %+v, want heard %g, received %g", m, tt.heard, tt.received)
		})
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		rows    [][]float64
		y, want []float64
	}{
		{"exact", [][]float64{{1, 0}, {1, 1}, {1, 4}}, []float64{2, 5, 14}, []float64{2, 3}},
		{"never negative", [][]float64{{1, 1}, {1, 2}, {1, 4}}, []float64{0, 2, 6}, []float64{0, 28.0 / 21}},
		{"not told apart", [][]float64{{1, 2}, {2, 4}}, []float64{1, 2}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := fit(tt.rows, tt.y)
			ok := len(got) == len(tt.want)
			for i := 0; ok && i < len(got); i++ {
				ok = near(got[i], tt.want[i])
			}
			if !ok {
				t.Errorf("costs %v, want %v", got, tt.want)
			}
		})
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
