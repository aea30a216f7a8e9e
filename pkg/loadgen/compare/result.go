package compare

// ResultID is the schema of results in JSON. Fields may be added without a new
// version.
const ResultID = "rtk.compare/v1"

// Outcome is what is said of a row, of a scenario and of the whole.
type Outcome string

// Outcomes.
const (
	Same      Outcome = "same"
	Improved  Outcome = "improved"
	Regressed Outcome = "regressed"
	Noisy     Outcome = "too noisy"
)

// ExitCode is the process exit code that goes with the outcome.
func (o Outcome) ExitCode() int {
	switch o {
	case Regressed:
		return 99
	case Noisy:
		return 4
	}
	return 0
}

// Result is a comparison, as JSON has it.
type Result struct {
	Schema     string   `json:"schema" doc:"Always rtk.compare/v1."`
	Outcome    Outcome  `json:"outcome" doc:"The worst of all scenarios."`
	ExitCode   int      `json:"exit_code" doc:"Exit code that goes with the outcome."`
	Reason     string   `json:"reason" doc:"Why the outcome is regressed or too noisy, in one line."`
	Confidence float64  `json:"confidence" doc:"With which probability none of the intervals of a pair of sides misses, 0 to 1."`
	Warnings   []string `json:"warnings" doc:"What makes the figures less comparable."`
	Pairs      []Pair   `json:"pairs" doc:"One for each scenario and each head."`
}

// Pair is one scenario of base against one head.
type Pair struct {
	Scenario string   `json:"scenario" doc:"Name of the scenario."`
	Base     Side     `json:"base" doc:"What is compared with."`
	Head     Side     `json:"head" doc:"What is judged."`
	Outcome  Outcome  `json:"outcome" doc:"The worst of the rows and checks."`
	Reason   string   `json:"reason" doc:"Why, in one line."`
	Rows     []Row    `json:"rows" doc:"The metrics."`
	Failing  []string `json:"newly_failing" doc:"Checks that head fails and base does not."`
	Mended   []string `json:"mended" doc:"Checks that base failed and head does not."`
	Untold   []string `json:"untold" doc:"Metrics that can't be compared, with the reason."`
	// Slices is how many pairs of slices an interleaved run has.
	Slices int `json:"slices" doc:"Pairs of slices of an interleaved run, 0 for separate runs."`
}

// Side is the runs of one side.
type Side struct {
	Name     string   `json:"name" doc:"How messages call it."`
	Runs     int      `json:"runs" doc:"How many runs."`
	Files    []string `json:"files" doc:"Reports that the runs are from."`
	Targets  []string `json:"targets" doc:"URLs of the endpoints."`
	Verdicts []string `json:"verdicts" doc:"Verdicts of the runs."`
}

// Row compares one aggregate of one metric. Values of latencies are seconds,
// those of ratios shares; a change is relative for latencies and a difference
// of shares for ratios.
type Row struct {
	Metric    string  `json:"metric" doc:"Name of the metric with the labels that both sides share."`
	Agg       string  `json:"aggregate" doc:"p50, p99 and the like, or rate for ratios."`
	Base      float64 `json:"base" doc:"Value of base: seconds, or a share. Of several runs the (geometric) mean."`
	Head      float64 `json:"head" doc:"Value of head."`
	Change    float64 `json:"change" doc:"Head against base: relative for latencies, a difference for ratios."`
	Low       float64 `json:"low" doc:"Lower end of the change's interval."`
	High      float64 `json:"high" doc:"Upper end of the change's interval."`
	Tolerance float64 `json:"tolerance" doc:"How much worse head may be."`
	Outcome   Outcome `json:"outcome" doc:"same, improved, regressed or too noisy."`
}
