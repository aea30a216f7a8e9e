package loadgen

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"time"
)

// JSONSchemaID is the value of "schema" in WriteJSON's output. Fields may be
// added without a new version.
const JSONSchemaID = "rtk.bench/v1"

// WriteJSON writes the reports as one JSON object, described by ReportSchema:
// snake_case names, durations in seconds with the suffix _s, counts as
// integers, times in RFC 3339.
func WriteJSON(w io.Writer, reports []*Report) error {
	out := jsonDocument{Schema: JSONSchemaID, Runs: []jsonRun{}}
	for _, r := range reports {
		out.Runs = append(out.Runs, newJSONRun(r))
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	// The same text, but nothing that a CI runner would take for a command.
	b = bytes.ReplaceAll(b, []byte("##["), []byte(`#\u0023[`))
	_, err = w.Write(append(b, '\n'))
	return err
}

// The types of the document. Every field has a name of its own in the schema,
// which is generated from them.
type (
	jsonDocument struct {
		Schema string    `json:"schema" doc:"Always rtk.bench/v1."`
		Runs   []jsonRun `json:"runs" doc:"One for each scenario, in the order of the runs."`
	}
	jsonRun struct {
		Scenario   string          `json:"scenario" doc:"Name of the scenario."`
		File       string          `json:"file" doc:"Its file, or the name of a shipped scenario."`
		Seed       uint64          `json:"seed" doc:"Seed of the run; the same seed makes the same plan."`
		RunID      string          `json:"run_id" doc:"What {{run.id}} and the markers hold."`
		PlanHash   string          `json:"plan_hash" doc:"Digest of the load, wherever it goes: runs of the same can be compared."`
		Started    time.Time       `json:"started" doc:"When the run began."`
		Duration   float64         `json:"duration_s" doc:"How long it took."`
		Verdict    Verdict         `json:"verdict" doc:"pass, fail, inconclusive, unreachable, interrupted or timeout."`
		ExitCode   int             `json:"exit_code" doc:"Exit code that goes with the verdict."`
		Reason     string          `json:"reason" doc:"Why the verdict is not pass, in one line."`
		Partial    bool            `json:"partial" doc:"The run was cut short."`
		Targets    []jsonTarget    `json:"targets" doc:"The endpoints."`
		Groups     []jsonGroup     `json:"groups" doc:"The clients."`
		Checks     []jsonCheck     `json:"checks" doc:"Everything that was decided."`
		Verify     []jsonVerify    `json:"verify" doc:"The account of deliveries."`
		Metrics    []jsonMetric    `json:"metrics" doc:"All series."`
		Reconnects []jsonReconnect `json:"reconnects" doc:"Groups whose clients lost connections and were to come back."`
		Generator  jsonGenerator   `json:"generator" doc:"The load generator's account of itself."`
		Errors     []jsonError     `json:"errors" doc:"Distinct errors, the most frequent first."`
		Failed     []jsonFailed    `json:"failed_clients" doc:"Clients with which something went wrong, at most 50."`
		Repeat     string          `json:"repeat" doc:"Command that makes the run again with its seed, without secrets."`

		Environment jsonEnvironment `json:"environment" doc:"Where the run was made."`

		Faults []jsonFault `json:"faults" doc:"What became of the faults of the scenario."`

		TimelineMetric string         `json:"timeline_metric" doc:"Latency of which timeline has the percentile, empty if there is none."`
		Scrapes        []jsonScrape   `json:"scrapes" doc:"The targets' own metrics."`
		Windows        []jsonWindow   `json:"windows" doc:"Phases and faults, in the order of their beginning."`
		Timeline       []jsonTimeline `json:"timeline" doc:"The run over time, at most 600 points."`
	}
	jsonWindow struct {
		Kind    string       `json:"kind" doc:"phase or fault."`
		Name    string       `json:"name" doc:"Name in the scenario."`
		From    float64      `json:"from_s" doc:"Beginning, since the beginning of the run."`
		To      float64      `json:"to_s" doc:"End; a fault without length ends when it begins."`
		Metrics []jsonMetric `json:"metrics" doc:"What was measured within: deliveries by the time of publishing, everything else by its own. Empty for windows without length, and past the first 64."`
	}
	jsonTimeline struct {
		Elapsed  float64 `json:"elapsed_s" doc:"Since the beginning of the run."`
		Phase    string  `json:"phase" doc:"connecting, running or settling."`
		Open     int     `json:"open" doc:"Connections."`
		Sent     int64   `json:"sent" doc:"Messages sent so far."`
		Received int64   `json:"received" doc:"Events received so far."`
		SentRate float64 `json:"sent_per_s" doc:"Messages sent a second since the point before."`
		RecvRate float64 `json:"received_per_s" doc:"Events received a second since the point before."`
		Errors   int64   `json:"errors" doc:"Errors so far."`
		Lost     int64   `json:"lost" doc:"Deliveries that were lost in the end, of what was published so far."`
		Missed   int64   `json:"missed" doc:"Deliveries that were lost in the end, of what was published since the point before."`
		P99      float64 `json:"p99_s" doc:"99th percentile of timeline_metric since the point before; in long runs the largest of those that a point stands for."`
	}
	jsonTarget struct {
		Name     string `json:"name" doc:"Name in labels."`
		URL      string `json:"url" doc:"URL without credentials and query."`
		Protocol string `json:"protocol" doc:"socketio, websocket, sse or http."`
	}
	jsonGroup struct {
		Name         string `json:"name" doc:"Name of the group."`
		Planned      int    `json:"planned" doc:"Clients that the scenario asks for."`
		Connected    int    `json:"connected" doc:"Clients whose handshake succeeded."`
		Rejected     int    `json:"rejected" doc:"Clients that the server refused."`
		Failed       int    `json:"failed" doc:"Clients whose handshake failed otherwise."`
		Finished     int    `json:"finished" doc:"Clients that came to the end of their flow."`
		Disconnected int    `json:"disconnected" doc:"Clients whose connection ended though it should not have."`
		NeverReached int    `json:"never_reached" doc:"Clients that did not come to the end of their flow."`
		Sent         int64  `json:"sent" doc:"Messages sent."`
		Received     int64  `json:"received" doc:"Events received."`
	}
	jsonCheck struct {
		Kind   string      `json:"kind" doc:"threshold, auth, verify, step, group, fault, sticky or generator."`
		Name   string      `json:"name" doc:"Name, the same in every run."`
		Status CheckStatus `json:"status" doc:"pass, fail, warn, inconclusive or skipped."`
		Got    string      `json:"got" doc:"What was measured."`
		Want   string      `json:"want" doc:"What it had to be."`
		Detail string      `json:"detail" doc:"Evidence, in lines."`
		Advice string      `json:"advice,omitempty" doc:"What the scenario advises where the check did not pass."`
		Line   int         `json:"line" doc:"Line of the scenario, 0 if there is none."`
		Column int         `json:"column" doc:"Column of the scenario, 0 if there is none."`
	}
	jsonVerify struct {
		Name        string `json:"name" doc:"Name of the block."`
		From        string `json:"from" doc:"Group that published."`
		To          string `json:"to" doc:"Group that received."`
		Guarantee   string `json:"guarantee" doc:"atMostOnce, atLeastOnce or exactlyOnce; empty where nothing may arrive."`
		Publishers  int    `json:"publishers" doc:"Clients that published."`
		Subscribers int    `json:"subscribers" doc:"Clients that received."`
		Pairs       int    `json:"pairs" doc:"Pairs that were accounted for."`
		jsonCounts
		Cells  []jsonCell `json:"cells" doc:"The target × target grid."`
		Losses []jsonLoss `json:"losses" doc:"Missing sequence numbers, the worst first, at most 50 intervals."`
		Leaks  []jsonLoss `json:"leaks" doc:"Sequence numbers that arrived where nothing may."`

		Causes     []jsonCause `json:"causes" doc:"Who ate the messages, the most frequent first."`
		Stuck      []jsonStuck `json:"stuck" doc:"Zombie subscriptions: connected, but nothing arrives. At most 50."`
		StuckCount int64       `json:"stuck_count" doc:"How many of them there are."`
		Price      *jsonPrice  `json:"price,omitempty" doc:"Latency within a target and between two; absent if there is only one of the two."`
	}
	jsonCounts struct {
		Published     int64 `json:"published" doc:"Publishes that the server acknowledged."`
		Expected      int64 `json:"expected" doc:"Deliveries that had to happen."`
		Delivered     int64 `json:"delivered" doc:"Deliveries that happened."`
		Late          int64 `json:"late" doc:"Deliveries that took longer than the bound, or came when the settle time was over."`
		Lost          int64 `json:"lost" doc:"Deliveries that did not happen."`
		Duplicated    int64 `json:"duplicated" doc:"Surplus deliveries."`
		OutOfOrder    int64 `json:"out_of_order" doc:"Deliveries that came after a later one."`
		Unexpected    int64 `json:"unexpected" doc:"Deliveries to clients that must not have them."`
		Corrupt       int64 `json:"corrupt" doc:"Deliveries with a damaged marker."`
		Indeterminate int64 `json:"indeterminate" doc:"Deliveries that were neither due nor forbidden."`
		AfterSettle   int64 `json:"after_settle" doc:"Of the late ones: they came when the settle time was over."`
	}
	jsonCell struct {
		From string `json:"from" doc:"Target of the publishers."`
		To   string `json:"to" doc:"Target of the subscribers."`
		jsonCounts
		P50 float64 `json:"p50_s" doc:"Median latency."`
		P99 float64 `json:"p99_s" doc:"99th percentile of the latency."`
		Max float64 `json:"max_s" doc:"Largest latency."`
	}
	jsonLoss struct {
		From       string     `json:"from" doc:"Target of the publisher."`
		To         string     `json:"to" doc:"Target of the subscriber."`
		Publisher  int        `json:"publisher" doc:"Index of the publisher in its group."`
		Subscriber int        `json:"subscriber" doc:"Index of the subscriber in its group; of several, the first."`
		Receivers  int        `json:"subscribers" doc:"Subscribers of the target that missed the same."`
		Count      int64      `json:"count" doc:"How many of the numbers were due (lost) or came (leaked), at each of them."`
		Cause      string     `json:"cause" doc:"Of a loss: who ate it, as in causes."`
		First      int64      `json:"first" doc:"First sequence number."`
		Last       int64      `json:"last" doc:"Last sequence number."`
		Start      *time.Time `json:"start,omitempty" doc:"When the first was published."`
		End        *time.Time `json:"end,omitempty" doc:"When the last was published."`
	}
	// Values are in the metric's unit: seconds, events a second, or none.
	jsonMetric struct {
		Name   string            `json:"name" doc:"Name of the metric."`
		Labels map[string]string `json:"labels" doc:"Labels of the series."`
		Kind   string            `json:"kind" doc:"latency, counter, ratio, rate or gauge."`
		Unit   string            `json:"unit" doc:"s, /s, ratio or empty for counts: the unit of min to max."`
		Count  int64             `json:"count" doc:"Samples, or what was counted."`
		Total  int64             `json:"total" doc:"Ratios: how many were tried."`
		Rate   float64           `json:"rate" doc:"Counters: per second. Ratios: share, 0 to 1."`
		Min    float64           `json:"min" doc:"Smallest sample."`
		Mean   float64           `json:"mean" doc:"Mean of the samples."`
		P50    float64           `json:"p50" doc:"Median."`
		P90    float64           `json:"p90" doc:"90th percentile."`
		P99    float64           `json:"p99" doc:"99th percentile."`
		P999   float64           `json:"p999" doc:"99.9th percentile."`
		Max    float64           `json:"max" doc:"Largest sample."`
		HDR    string            `json:"hdr,omitempty" doc:"Histogram of a latency, HdrHistogram V2 compressed, base64."`

		Blocks []jsonBlock `json:"blocks,omitempty" doc:"The latency over equal spans of the run, in their order: how much it varied within the run."`
	}
	jsonBlock struct {
		Count int64   `json:"count" doc:"Samples of the span."`
		P50   float64 `json:"p50" doc:"Their median."`
		P90   float64 `json:"p90" doc:"Their 90th percentile."`
		P99   float64 `json:"p99" doc:"Their 99th percentile."`
	}
	jsonGenerator struct {
		OK              bool     `json:"ok" doc:"No bound was passed: the figures are the server's."`
		Problems        []string `json:"problems" doc:"Bounds that were passed."`
		SchedulerLagP99 float64  `json:"scheduler_lag_p99_s" doc:"99th percentile of how late sends started."`
		SchedulerLagMax float64  `json:"scheduler_lag_max_s" doc:"Largest such delay."`
		SendAgeP99      float64  `json:"send_age_p99_s" doc:"99th percentile of how long due sends waited within rtk."`
		GCPauseMax      float64  `json:"gc_pause_max_s" doc:"Longest pause of the garbage collector."`
		GCShare         float64  `json:"gc_share" doc:"Share of the time for which garbage collection stopped everything, 0 to 1."`
		CPU             float64  `json:"cpu_s" doc:"Processor time used."`
		CPUShare        float64  `json:"cpu_share" doc:"Share of the machine's cores, 0 to 1."`
		StealShare      float64  `json:"steal_share" doc:"Share of the processors' time that the hypervisor took, 0 to 1."`
		UnreadShare     float64  `json:"unread_share" doc:"Share of sampled receive buffers that were at least half full, 0 to 1."`
		UnreadMax       float64  `json:"unread_max" doc:"Largest fill of a sampled receive buffer, 0 to 1."`
		PeakRSS         int64    `json:"peak_rss_bytes" doc:"Largest resident memory."`
		SelfDropped     int64    `json:"self_dropped" doc:"Messages that rtk itself dropped."`
		Descriptors     int      `json:"descriptors" doc:"File descriptors at the height."`
		Goroutines      int      `json:"goroutines" doc:"Goroutines at the height."`
		BytesPerConn    int64    `json:"bytes_per_connection" doc:"Resident bytes for each connection, 0 if not measured."`
		TrustworthyUpTo float64  `json:"trustworthy_up_to_s" doc:"By how much latencies may be wrong: below this they are the generator's own noise."`
		TrustworthyPct  float64  `json:"trustworthy_percentile" doc:"Highest percentile that the samples can tell, 0 if none."`
	}
	jsonError struct {
		Text  string `json:"text" doc:"The error."`
		Count int64  `json:"count" doc:"How often it came."`
	}
)

func newJSONRun(r *Report) jsonRun {
	m := newMasker(r.Secrets)
	run := jsonRun{
		Scenario: m.mask(r.Scenario), File: r.File, Seed: r.Seed, RunID: r.RunID, Started: r.Started, Duration: r.Duration.Seconds(),
		Verdict: r.Verdict, ExitCode: r.Verdict.ExitCode(), Reason: m.mask(r.Reason), Partial: r.Partial,
		Targets: []jsonTarget{}, Groups: []jsonGroup{}, Checks: []jsonCheck{}, Verify: []jsonVerify{}, Metrics: []jsonMetric{}, Errors: []jsonError{},
		TimelineMetric: r.TimelineMetric, Timeline: []jsonTimeline{}, Windows: []jsonWindow{}, Scrapes: []jsonScrape{}, Faults: newJSONFaults(r, m),
	}
	for _, t := range r.Targets {
		run.Targets = append(run.Targets, jsonTarget{t.Name, m.mask(t.URL), t.Protocol})
	}
	for _, g := range r.Groups {
		run.Groups = append(run.Groups, jsonGroup(g))
	}
	for _, c := range r.Checks {
		run.Checks = append(run.Checks, jsonCheck{c.Kind, m.mask(c.Name), c.Status, m.mask(c.Got), m.mask(c.Want), m.mask(c.Detail), m.mask(c.Advice), c.Pos.Line, c.Pos.Column})
	}
	for i := range r.Verify {
		run.Verify = append(run.Verify, newJSONVerify(&r.Verify[i]))
	}
	run.PlanHash, run.Environment = r.PlanHash, jsonEnvironment(r.Environment)
	for _, x := range r.Metrics {
		run.Metrics = append(run.Metrics, newJSONMetric(&x))
	}
	run.Reconnects = newJSONReconnects(r, m)
	run.Repeat, run.Failed = m.mask(r.Repeat), []jsonFailed{}
	for _, c := range r.Failed {
		run.Failed = append(run.Failed, jsonFailed{c.Client, c.Group, c.Index, c.Target, m.mask(c.Why)})
	}
	for _, e := range r.Errors {
		run.Errors = append(run.Errors, jsonError{m.mask(e.Text), e.Count})
	}
	for _, p := range r.Timeline {
		run.Timeline = append(run.Timeline, jsonTimeline{
			p.Elapsed.Seconds(), p.Phase, p.Open, p.Sent, p.Received, finite(p.SentRate), finite(p.RecvRate), p.Errors, p.Lost, p.Missed, finite(p.P99),
		})
	}
	for i := range r.Scrapes {
		run.Scrapes = append(run.Scrapes, newJSONScrape(&r.Scrapes[i], m))
	}
	for _, w := range r.Windows {
		x := jsonWindow{w.Kind, w.Name, w.From.Seconds(), w.To.Seconds(), []jsonMetric{}}
		for i := range w.Metrics {
			x.Metrics = append(x.Metrics, newJSONMetric(&w.Metrics[i]))
		}
		run.Windows = append(run.Windows, x)
	}
	g := r.Generator
	run.Generator = jsonGenerator{
		OK: g.OK, Problems: []string{}, SchedulerLagP99: finite(g.SchedulerLagP99), SchedulerLagMax: finite(g.SchedulerLagMax), GCPauseMax: finite(g.GCPauseMax),
		CPU: finite(g.CPUSeconds), CPUShare: finite(g.CPUShare), PeakRSS: g.PeakRSS, SelfDropped: g.SelfDropped, Descriptors: g.Descriptors,
		Goroutines: g.Goroutines, BytesPerConn: g.BytesPerConn, TrustworthyUpTo: finite(g.TrustworthyUpTo),
		SendAgeP99: finite(g.SendAgeP99), GCShare: finite(g.GCShare), StealShare: finite(g.StealShare), UnreadShare: finite(g.UnreadShare), UnreadMax: finite(g.UnreadMax),
		TrustworthyPct: g.TrustworthyPercentile,
	}
	for _, p := range g.Problems {
		run.Generator.Problems = append(run.Generator.Problems, m.mask(p))
	}
	return run
}

func newJSONVerify(v *VerifyReport) jsonVerify {
	out := jsonVerify{
		Name: v.Name, From: v.From, To: v.To, Guarantee: string(v.Guarantee), Publishers: v.Publishers, Subscribers: v.Subscribers, Pairs: v.Pairs,
		jsonCounts: jsonCounts(v.Counts), Cells: []jsonCell{}, Losses: newJSONLosses(v.Losses), Leaks: newJSONLosses(v.Leaks),
	}
	for _, c := range v.Cells {
		out.Cells = append(out.Cells, jsonCell{c.From, c.To, jsonCounts(c.Counts), finite(c.P50), finite(c.P99), finite(c.Max)})
	}
	out.truth(v)
	return out
}

func newJSONLosses(losses []Loss) []jsonLoss {
	out := []jsonLoss{}
	for _, l := range losses {
		x := jsonLoss{From: l.From, To: l.To, Publisher: l.Publisher, Subscriber: l.Subscriber, Receivers: l.Subscribers, Count: l.Count, Cause: l.Cause, First: l.First, Last: l.Last}
		if !l.Start.IsZero() {
			x.Start, x.End = &l.Start, &l.End
		}
		out = append(out, x)
	}
	return out
}

func newJSONMetric(x *Metric) jsonMetric {
	out := jsonMetric{
		Name: x.Name, Labels: x.Labels, Kind: x.Kind, Unit: x.Unit, Count: x.Count, Total: x.Total, Rate: finite(x.Rate),
		Min: finite(x.Min), Mean: finite(x.Mean), P50: finite(x.P50), P90: finite(x.P90), P99: finite(x.P99), P999: finite(x.P999), Max: finite(x.Max), HDR: x.HDR,
	}
	for _, b := range x.Blocks {
		out.Blocks = append(out.Blocks, jsonBlock{b.Count, finite(b.P50), finite(b.P90), finite(b.P99)})
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	return out
}

// finite keeps values out that JSON can't carry; they stand for no samples.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}
