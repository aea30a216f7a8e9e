package loadgen

import "time"

// Verdict is the outcome of a run.
type Verdict string

// Verdicts.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
	Unreachable  Verdict = "unreachable"
	Interrupted  Verdict = "interrupted" // with a partial report
	TimedOut     Verdict = "timeout"
)

// ExitCode is the process exit code that goes with the verdict.
func (v Verdict) ExitCode() int {
	switch v {
	case Pass:
		return 0
	case Fail:
		return 99
	case Inconclusive:
		return 4
	case Unreachable:
		return 3
	case Interrupted:
		return 130
	case TimedOut:
		return 124
	}
	return 1
}

// Report is what a run found. It is complete after Run returns and is not
// changed afterwards. Durations are seconds.
type Report struct {
	Scenario string
	File     string
	Seed     uint64
	RunID    string
	PlanHash string // of the load; reports of the same can be compared
	Started  time.Time
	Duration time.Duration
	Verdict  Verdict
	Reason   string // one line: "delivery_lost count == 0 was 88"
	Targets  []TargetReport
	Groups   []GroupReport
	Checks   []Check
	Verify   []VerifyReport
	Metrics  []Metric
	// Reconnects tells of the groups whose clients lost connections and were to
	// come back.
	Reconnects []ReconnectReport
	Generator  Generator
	Errors     []ErrorCount // distinct errors, most frequent first
	// Environment is where the run was made.
	Environment Environment
	Partial     bool // the run was cut short
	// Faults is what became of the scenario's faults.
	Faults []FaultReport
	// Failed are clients with which something went wrong, at most 50, and
	// Repeat the command that makes the run again.
	Failed []FailedClient
	Repeat string
	// Tape is their last frames, and those of a healthy neighbour; empty unless
	// Options.Tape was set.
	Tape []TapeClient
	// Timeline is the run over time, a point a second or, in long runs, a
	// multiple of that. TimelineMetric is the latency of which it has the
	// percentile, "" when the run has none.
	Timeline       []TimelinePoint
	TimelineMetric string
	Scrapes        []ScrapeReport
	Windows        []WindowReport // phases and faults, in the order of their beginning
	// Slices are the turns of an interleaved run.
	Slices []Slice
	// Secrets are the scenario's. Writers hide them wherever they turn up and
	// never print the list.
	Secrets []string
}

// TargetReport is one target of the run. URL has no credentials or query.
type TargetReport struct {
	Name, URL, Protocol string
}

// GroupReport counts one group's clients.
type GroupReport struct {
	Name                                 string
	Planned, Connected, Rejected, Failed int
	Finished, Disconnected, NeverReached int
	Sent, Received                       int64
}

// CheckStatus is the outcome of one check.
type CheckStatus string

// Statuses. Inconclusive and skipped checks carry a reason in Detail.
const (
	CheckPass         CheckStatus = "pass"
	CheckFail         CheckStatus = "fail"
	CheckWarn         CheckStatus = "warn"
	CheckInconclusive CheckStatus = "inconclusive"
	CheckSkipped      CheckStatus = "skipped"
)

// Check is one thing that was decided: a threshold, a matrix cell, a step
// that must be reached, a delivery guarantee. Each is one JUnit test case.
type Check struct {
	Kind   string // threshold, auth, verify, step, group, fault, sticky, generator
	Name   string // stable across runs: no measured value
	Status CheckStatus
	Got    string // measured, with unit
	Want   string
	Detail string // evidence, one or more lines
	Advice string // the scenario's, where the check did not pass
	Pos    Pos
}

// VerifyReport is the ledger's account of one verify block.
type VerifyReport struct {
	Name                           string
	From, To                       string
	Guarantee                      Guarantee
	Publishers, Subscribers, Pairs int
	Counts
	Cells  []Cell        // the target × target grid, empty without groupBy
	Losses []Loss        // worst first, at most 50
	Leaks  []Loss        // what outsiders received
	Causes []LossCause   // who ate the messages, the most frequent first
	Stuck  []StuckClient // zombie subscriptions, at most 50
	// StuckCount is how many of them there are.
	StuckCount int64
	Price      *Price // of the way between targets, nil if not measured
}

// Counts are the eight outcomes of deliveries, and what was expected. Delivered
// and Lost add up to Expected; the late ones and those out of order are among
// the delivered.
type Counts struct {
	Published     int64 // acked publishes
	Expected      int64 // acked publishes times the subscribers eligible for them
	Delivered     int64
	Late          int64
	Lost          int64
	Duplicated    int64
	OutOfOrder    int64
	Unexpected    int64
	Corrupt       int64
	Indeterminate int64
	AfterSettle   int64 // of the late ones: they came when the settle time was over
}

// Cell is one field of the pod × pod grid.
type Cell struct {
	From, To string
	Counts
	P50, P99, Max float64 // seconds
}

// Loss is one run of consecutive missing (or leaked) sequence numbers of a
// pair, or of a publisher and all the subscribers of a target.
type Loss struct {
	From, To              string // targets
	Publisher, Subscriber int    // of several subscribers, the first
	Subscribers           int    // that missed the same
	Cause                 string // of a loss: who ate it
	First, Last           int64  // sequence numbers, inclusive
	Count                 int64  // how many of them were due (lost) or came (leaked)
	Start, End            time.Time
}

// Metric is one series with its aggregates.
type Metric struct {
	Name                                string
	Labels                              map[string]string
	Kind                                string // latency, counter, ratio, gauge
	Unit                                string
	Count                               int64
	Total                               int64 // ratio: how many were tried
	Rate                                float64
	Min, Mean, P50, P90, P99, P999, Max float64
	// HDR is the series' histogram, V2 compressed and base64, latency only.
	HDR string
	// Blocks are equal spans of the run, in their order. They tell how much
	// a percentile varied within the run.
	Blocks []Block
}

// Block is a latency over one of the spans.
type Block struct {
	Count         int64
	P50, P90, P99 float64
}

// Generator is the load generator's account of itself. Bounds that were
// passed make the verdict inconclusive.
type Generator struct {
	OK              bool
	Problems        []string
	SchedulerLagP99 float64 // seconds between the due time of a send and its start
	SchedulerLagMax float64
	SendAgeP99      float64 // seconds that due sends waited within rtk
	GCPauseMax      float64
	GCShare         float64 // of the time, for which garbage collection stopped everything
	CPUSeconds      float64
	CPUShare        float64 // of the machine's cores over the run
	StealShare      float64 // of the processors' time, taken by the hypervisor
	UnreadShare     float64 // of sampled receive buffers, those at least half full
	UnreadMax       float64 // largest fill of one, 0 to 1
	PeakRSS         int64   // bytes
	SelfDropped     int64
	Descriptors     int
	Goroutines      int
	BytesPerConn    int64   // resident bytes for each connection, 0 if not measured
	TrustworthyUpTo float64 // seconds by which latencies may be wrong: the generator's own noise
	// TrustworthyPercentile is the highest percentile that the samples can tell.
	TrustworthyPercentile float64
}

// ErrorCount is one distinct error and how often it came.
type ErrorCount struct {
	Text  string
	Count int64
}

// Snapshot is the state of a run at one moment, for progress displays.
type Snapshot struct {
	Elapsed            time.Duration
	Phase              string // connecting, running, settling
	Part               string // phase of the scenario, "" outside of any
	Planned, Open      int
	Sent, Received     int64
	SentRate, RecvRate float64
	Errors             int64
	Lost               int64 // so far certain: duplicates, leaks and the like excluded
	P99                float64
}
