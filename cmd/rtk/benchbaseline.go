package main

import (
	"os"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// readBaseline reads the report of a former run that --baseline names, nil
// without one.
func (r *benchRun) readBaseline(scenario string) (*loadgen.Baseline, error) {
	if r.baseline == "" {
		return nil, nil
	}
	f, err := os.Open(r.baseline)
	if err != nil {
		return nil, usagef("--baseline: %w", err)
	}
	defer f.Close()
	b, err := loadgen.ReadBaseline(f, scenario)
	if err != nil {
		return nil, usagef("--baseline %s: %w", r.baseline, err)
	}
	return b, nil
}
