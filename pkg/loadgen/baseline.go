package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// Baseline is what a former run of a scenario measured.
type Baseline struct {
	whole *seriesList
	parts map[string]*seriesList // by phase
}

// maxBaseline bounds the size of a report that is read.
const maxBaseline = 256 << 20

// ReadBaseline reads the JSON report of a former run. scenario picks the run
// where the report has several.
func ReadBaseline(r io.Reader, scenario string) (*Baseline, error) {
	var doc jsonDocument
	src := &io.LimitedReader{R: r, N: maxBaseline}
	if err := json.NewDecoder(src).Decode(&doc); err != nil {
		if src.N == 0 {
			return nil, errors.New("larger than 256 MiB")
		}
		return nil, fmt.Errorf("not a report of rtk bench: %w", err)
	}
	if doc.Schema != JSONSchemaID {
		return nil, fmt.Errorf("not a report of rtk bench: schema is %q, want %q", clip(printable(doc.Schema), 40), JSONSchemaID)
	}
	var found *jsonRun
	for i := range doc.Runs {
		if run := &doc.Runs[i]; run.Scenario == scenario || len(doc.Runs) == 1 {
			found = run
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no run of scenario %q in it", scenario)
	}
	b := &Baseline{parts: map[string]*seriesList{}}
	var err error
	if b.whole, err = baselineSeries(found.Metrics, found.Duration); err != nil {
		return nil, err
	}
	for _, w := range found.Windows {
		if w.Kind != windowPhase.String() {
			continue
		}
		if b.parts[w.Name], err = baselineSeries(w.Metrics, w.To-w.From); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// baselineSeries turns the metrics of a report back into series.
func baselineSeries(list []jsonMetric, took float64) (*seriesList, error) {
	l := &seriesList{took: took}
	for i := range list {
		m := &list[i]
		def, ok := LookupMetric(m.Name)
		if !ok {
			continue // of another version
		}
		s := &series{def: def, labels: m.Labels, n: m.Count, of: m.Total}
		switch def.Kind {
		case KindLatency:
			h, err := hist.Decode(m.HDR)
			if err != nil {
				return nil, fmt.Errorf("histogram of %s: %w", m.Name, err)
			}
			s.h = h
		case KindRate, KindGauge:
			if m.Count > 0 {
				s.samples = []float64{m.Min, m.Mean, m.Max}
			}
		}
		l.list = append(l.list, s)
	}
	return l, nil
}

// pick is what the former run measured of a threshold's metric, nil for
// nothing.
func (b *Baseline) pick(t *Threshold) *merged {
	if b == nil {
		return nil
	}
	l := b.whole
	for _, x := range t.Labels {
		switch x.Key {
		case LabelPhase:
			l = b.parts[x.Value]
		case LabelDuring, LabelAfter:
			return nil
		}
	}
	if l == nil {
		return nil
	}
	return l.pick(t.Metric, t.seriesLabels())
}
