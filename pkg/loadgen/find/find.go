// Package find searches the highest value of something, such as the number of
// clients or a rate, at which a condition still holds: the knee of a server.
//
// The value grows by doubling until the condition fails, then the gap is
// halved (in ratio, not in difference) until it is small, and the result is
// confirmed by further runs. One run that fails proves little on a busy
// machine: it counts when a second run does not hold either. Where the
// generator is the bottleneck is the end of what can be told: the result then
// says that the limit is the generator's.
//
// It imports the standard library only, and the schema generator.
package find

import (
	"context"
	"errors"
	"math"
	"time"
)

// Outcome is what a run says about a value.
type Outcome string

// Outcomes of a run.
const (
	Holds       Outcome = "holds"
	Fails       Outcome = "fails"
	Saturated   Outcome = "saturated"   // by the generator
	Unreachable Outcome = "unreachable" // nothing was measured
	Broken      Outcome = "broken"      // the run did not come to an end
)

// Trial is one run.
type Trial struct {
	Value   float64 `json:"value" doc:"What was tried."`
	Why     string  `json:"purpose" doc:"grow, shrink, bisect, again (after a run that did not hold) or confirm."`
	Outcome Outcome `json:"outcome" doc:"holds, fails, saturated (the generator was the bottleneck), unreachable or broken."`
	Got     string  `json:"got" doc:"What the metric was."`
	Reason  string  `json:"reason" doc:"Why it does not hold, in one line."`
	Took    float64 `json:"duration_s" doc:"How long the run took."`
	RunID   string  `json:"run_id" doc:"Id of the run."`
}

// Options are the bounds of a search.
type Options struct {
	Start    float64 // first value
	Min, Max float64
	// Whole values only.
	Whole bool
	// Precision is how close the bounds must come, as a share; 0 means 10 %.
	Precision float64
	// Confirm is how many runs must hold at the result, 3 when 0.
	Confirm int
	// Steps bounds the runs, 40 when 0.
	Steps int
}

func (o Options) withDefaults() Options {
	if o.Precision <= 0 {
		o.Precision = 0.1
	}
	if o.Confirm <= 0 {
		o.Confirm = 3
	}
	if o.Steps <= 0 {
		o.Steps = 40
	}
	return o
}

// Verdict is how a search ended.
type Verdict string

// Verdicts of a search.
const (
	Found       Verdict = "found"
	AtMax       Verdict = "holds at the maximum"
	None        Verdict = "fails at the minimum"
	Generator   Verdict = "generator's limit"
	Lost        Verdict = "server lost" // it could not be reached any more
	OutOfSteps  Verdict = "out of steps"
	Interrupted Verdict = "interrupted"
)

// ExitCode is the process exit code that goes with the verdict.
func (v Verdict) ExitCode() int {
	switch v {
	case Found, AtMax:
		return 0
	case None, Lost:
		return 99
	case Interrupted:
		return 130
	}
	return 4
}

// Result is what a search found.
type Result struct {
	Schema   string  `json:"schema" doc:"Always rtk.find/v1."`
	Scenario string  `json:"scenario" doc:"Name of the scenario."`
	Vary     string  `json:"vary" doc:"What was varied."`
	Holds    string  `json:"condition" doc:"What had to hold."`
	Verdict  Verdict `json:"verdict" doc:"found, holds at the maximum, fails at the minimum, generator's limit, server lost, out of steps or interrupted."`
	ExitCode int     `json:"exit_code" doc:"Exit code that goes with the verdict."`
	Best     float64 `json:"best" doc:"Highest value that held; 0 if none did."`
	Confirms int     `json:"confirmed" doc:"How many further runs held at that value."`
	Above    float64 `json:"above" doc:"Lowest value above it that did not hold, 0 if there is none."`
	Trials   []Trial `json:"trials" doc:"All runs in their order."`
}

// ID is the schema of results in JSON. Fields may be added without a new
// version.
const ID = "rtk.find/v1"

// Try makes one run with a value. An error ends the search.
type Try func(ctx context.Context, value float64) (Trial, error)

// ErrInterrupted is what Try returns when the run was cut short on purpose.
var ErrInterrupted = errors.New("interrupted")

type search struct {
	Options
	try  Try
	res  *Result
	held map[float64]bool // values at which a run held
}

// stop ends the search from anywhere in it.
type stop struct{ verdict Verdict }

func (stop) Error() string { return "the search is over" }

// Search looks for the highest value that holds.
func Search(ctx context.Context, o Options, try Try) (*Result, error) {
	s := &search{Options: o.withDefaults(), try: try, res: &Result{Schema: ID, Trials: []Trial{}}, held: map[float64]bool{}}
	verdict, err := s.run(ctx)
	if end, ok := errors.AsType[stop](err); ok {
		verdict, err = end.verdict, nil
	}
	if errors.Is(err, ErrInterrupted) {
		verdict, err = Interrupted, nil
	}
	s.res.Verdict, s.res.ExitCode = verdict, verdict.ExitCode()
	return s.res, err
}

func (s *search) run(ctx context.Context) (Verdict, error) {
	low, high, above, err := s.bracket(ctx)
	if err != nil {
		return "", err
	}
	for {
		if high > 0 {
			if low, high, above, err = s.bisect(ctx, low, high, above); err != nil {
				return "", err
			}
		}
		s.res.Best, s.res.Above = low, high
		out, err := s.confirm(ctx, low)
		if err != nil {
			return "", err
		}
		if out == Holds {
			break
		}
		// It held once, and not again: look below.
		high, above = low, out
		delete(s.held, low)
		if low = s.below(low); low == 0 {
			if low, err = s.shrink(ctx, high); err != nil {
				return "", err
			}
		}
	}
	switch {
	case high == 0:
		return AtMax, nil
	case above == Saturated:
		return Generator, nil
	}
	return Found, nil
}

// bracket finds a value that holds, and one above that does not; high is 0
// when even the maximum holds.
func (s *search) bracket(ctx context.Context) (low, high float64, above Outcome, err error) {
	v := s.round(s.Start)
	out, err := s.decide(ctx, v, "grow")
	if err != nil {
		return 0, 0, "", err
	}
	if out != Holds {
		if out == Saturated {
			s.res.Above = v
		}
		low, err = s.shrink(ctx, v)
		return low, v, out, err
	}
	for v < s.Max {
		low = v
		v = s.round(min(2*v, s.Max))
		if out, err = s.decide(ctx, v, "grow"); err != nil {
			return 0, 0, "", err
		}
		if out != Holds {
			return low, v, out, nil
		}
	}
	return v, 0, "", nil
}

// shrink halves until a value holds.
func (s *search) shrink(ctx context.Context, v float64) (float64, error) {
	for v > s.Min {
		v = s.round(max(v/2, s.Min))
		out, err := s.decide(ctx, v, "shrink")
		if err != nil || out == Holds {
			return v, err
		}
		s.res.Above = v
	}
	if s.res.Trials[len(s.res.Trials)-1].Outcome == Saturated {
		return 0, stop{Generator}
	}
	return 0, stop{None}
}

func (s *search) bisect(ctx context.Context, low, high float64, above Outcome) (float64, float64, Outcome, error) {
	for high/low > 1+s.Precision && (!s.Whole || high-low > 1) {
		v := s.round(math.Sqrt(low * high))
		if v <= low || v >= high {
			break
		}
		out, err := s.decide(ctx, v, "bisect")
		if err != nil {
			return 0, 0, "", err
		}
		if out == Holds {
			low = v
		} else {
			high, above = v, out
		}
	}
	return low, high, above, nil
}

// confirm runs the value again until it has held so often.
func (s *search) confirm(ctx context.Context, v float64) (Outcome, error) {
	s.res.Confirms = 0
	for range s.Confirm {
		t, err := s.one(ctx, v, "confirm")
		if err != nil || t.Outcome != Holds {
			return t.Outcome, err
		}
		s.res.Confirms++
	}
	return Holds, nil
}

// decide runs a value; what does not hold must be repeated to count.
func (s *search) decide(ctx context.Context, v float64, why string) (Outcome, error) {
	t, err := s.one(ctx, v, why)
	if err != nil {
		return "", err
	}
	if t.Outcome != Holds {
		if t, err = s.one(ctx, v, "again"); err != nil {
			return "", err
		}
	}
	if t.Outcome == Holds {
		s.held[v] = true
		s.res.Best = max(s.res.Best, v)
	}
	if t.Outcome == Broken {
		return Fails, nil
	}
	return t.Outcome, nil
}

func (s *search) one(ctx context.Context, v float64, why string) (Trial, error) {
	if len(s.res.Trials) >= s.Steps {
		return Trial{}, stop{OutOfSteps}
	}
	start := time.Now()
	t, err := s.try(ctx, v)
	if err != nil {
		return t, err
	}
	t.Value, t.Why = v, why
	if t.Took == 0 {
		t.Took = time.Since(start).Seconds()
	}
	s.res.Trials = append(s.res.Trials, t)
	if t.Outcome == Unreachable {
		// Nothing more can be learnt from a server that is gone. Whether the
		// load was too much for it is for its logs to say.
		return t, stop{Lost}
	}
	return t, nil
}

// below is the highest value under v at which a run held, 0 if there is none.
func (s *search) below(v float64) float64 {
	best := 0.0
	for held := range s.held {
		if held < v {
			best = max(best, held)
		}
	}
	return best
}

// round keeps to whole values, or to three digits.
func (s *search) round(v float64) float64 {
	v = min(max(v, s.Min), s.Max)
	if s.Whole {
		return math.Round(v)
	}
	scale := math.Pow(10, math.Floor(math.Log10(v))-2)
	return math.Round(v/scale) * scale
}
