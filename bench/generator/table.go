//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// print writes medians, with the least and the most in brackets, and the ratios of
// medians to the first generator of each table.
func (p *plan) print(w io.Writer) {
	for _, t := range []struct {
		test, what string
		of         func(sample) float64
		format     string
	}{
		{testIdleWS, "bytes of resident memory a client", func(s sample) float64 { return s.perClient }, "%.0f"},
		{testIdleSIO, "bytes of resident memory a client", func(s sample) float64 { return s.perClient }, "%.0f"},
		{testFanout, "µs of processor time a verified delivery", func(s sample) float64 { return s.each }, "%.2f"},
		{testEcho, "µs of processor time a round trip", func(s sample) float64 { return s.each }, "%.2f"},
		{testEcho, "round trips a second", func(s sample) float64 { return s.rate }, "%.0f"},
		{testLatency, "p99 in ms", func(s sample) float64 { return s.p99 }, "%.1f"},
	} {
		by := p.results[t.test]
		if len(by) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n| %s | %s | rtk's share | core | missing or wrong | runs |\n|---|---|---|---|---|---|\n", t.test, t.what)
		own := median(by["rtk"], t.of)
		for _, name := range []string{"rtk", "rtk before", "driver", "bare reader", "k6", "Artillery"} {
			runs := by[name]
			if len(runs) == 0 {
				continue
			}
			var bad int64
			for _, s := range runs {
				bad += s.missing + s.wrong
			}
			least, most := t.of(slices.MinFunc(runs, by2(t.of))), t.of(slices.MaxFunc(runs, by2(t.of)))
			fmt.Fprintf(w, "| %s | "+t.format+" ("+t.format+" to "+t.format+") | %.2f | %.0f %% | %d | %d |\n", name,
				median(runs, t.of), least, most, own/median(runs, t.of), 100*median(runs, func(s sample) float64 { return s.core }), bad, len(runs))
		}
	}
}

func by2(of func(sample) float64) func(a, b sample) int {
	return func(a, b sample) int {
		switch x, y := of(a), of(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
}

func median(runs []sample, of func(sample) float64) float64 {
	if len(runs) == 0 {
		return 0
	}
	var v []float64
	for _, s := range runs {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// latencyOf reads a latency, in milliseconds, from a report.
func latencyOf(report []byte, metric string) (p50, p99 float64) {
	var doc struct {
		Runs []struct {
			Metrics []struct {
				Name string  `json:"name"`
				P50  float64 `json:"p50"`
				P99  float64 `json:"p99"`
			} `json:"metrics"`
		} `json:"runs"`
	}
	if json.Unmarshal(report, &doc) != nil {
		return 0, 0
	}
	for _, r := range doc.Runs {
		for _, m := range r.Metrics {
			if m.Name == metric {
				return 1e3 * m.P50, 1e3 * m.P99
			}
		}
	}
	return 0, 0
}
