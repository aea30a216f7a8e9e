package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ReportID is the schema of the reports that are read.
const ReportID = "rtk.bench/v1"

// maxReport bounds a report file. The largest that rtk writes, with a matrix
// of hundreds of cells, is a tenth of it.
const maxReport = 256 << 20

// Run is what a comparison needs of one run in a report. Fields of a report
// that are not here are ignored, so that older and newer ones are read.
type Run struct {
	Path string `json:"-"` // of the file

	Scenario  string    `json:"scenario"`
	PlanHash  string    `json:"plan_hash"`
	RunID     string    `json:"run_id"`
	Started   time.Time `json:"started"`
	Duration  float64   `json:"duration_s"`
	Verdict   string    `json:"verdict"`
	Reason    string    `json:"reason"`
	Partial   bool      `json:"partial"`
	Targets   []Target  `json:"targets"`
	Checks    []Check   `json:"checks"`
	Metrics   []Metric  `json:"metrics"`
	Generator struct {
		OK       bool     `json:"ok"`
		Problems []string `json:"problems"`
	} `json:"generator"`
	Environment Environment `json:"environment"`
}

// Target is an endpoint of a run.
type Target struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Check is one decision of a run.
type Check struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

// Environment is where a run was made.
type Environment struct {
	Version  string  `json:"rtk"`
	CPU      string  `json:"cpu"`
	Cores    int     `json:"cores"`
	CPULimit float64 `json:"cpu_limit"`
	Memory   int64   `json:"memory_bytes"`
	Host     string  `json:"host"`
}

// Metric is one series of a run.
type Metric struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Kind   string            `json:"kind"`
	Count  int64             `json:"count"`
	Total  int64             `json:"total"`
	HDR    string            `json:"hdr"`
	Blocks []Block           `json:"blocks"`
}

// Block is a latency over one span of a run.
type Block struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
}

// Read reads the runs of a report. path is its name for messages.
func Read(path string, r io.Reader) ([]Run, error) {
	limited := &io.LimitedReader{R: r, N: maxReport + 1}
	var doc struct {
		Schema string `json:"schema"`
		Runs   []Run  `json:"runs"`
	}
	dec := json.NewDecoder(limited)
	if err := dec.Decode(&doc); err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("larger than %d MiB", maxReport>>20)
		} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends early, or is empty")
		}
		return nil, fmt.Errorf("read report %s: %w", path, err)
	}
	if doc.Schema != ReportID {
		return nil, fmt.Errorf("read report %s: schema %q, want %s: is it a report of rtk bench -o json?", path, doc.Schema, ReportID)
	}
	if len(doc.Runs) == 0 {
		return nil, fmt.Errorf("read report %s: there is no run in it", path)
	}
	for i := range doc.Runs {
		doc.Runs[i].Path = path
	}
	return doc.Runs, nil
}
