package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/find"
	"github.com/realtime-toolkit/rtk/scenarios"
)

const findLong = `Search the highest number of clients, rate or variable at which a condition
still holds.

The value is doubled until the condition fails, then the gap is halved until
its ends are near each other (--precision), and the result is confirmed by
further runs. A failure counts when a second run does not hold either. Every
other check of the scenario must hold too.

--vary GROUP.count   the clients of a group
       GROUP.rate    the rate of what it sends; its other steps in proportion
       NAME          a variable, as --set has it; NAME={}/s makes it 50/s

When the generator becomes the bottleneck the search ends: what is found then
is its limit, not the server's, and the exit code is 4.`

const findExample = `  rtk bench find chat.yaml --metric ack_latency.p99 --limit 200ms --vary chatters.count
  rtk bench find chat.yaml --metric delivery_lost.count --limit 0 --vary chatters.rate --for 10s
  rtk bench find chat.yaml --metric 'ack_latency{event=say}.p99' --limit 50ms --vary RATE --min 10 --max 5000`

type findOptions struct {
	*benchOptions
	metric, limit, vary string
	min, max, start     float64
	precision           float64
	confirm, steps      int
	length, pause       time.Duration
}

func newBenchFindCmd(env *Env) *cobra.Command {
	o := &findOptions{benchOptions: &benchOptions{env: env}}
	cmd := &cobra.Command{
		Use:     "find SCENARIO",
		Short:   "Search the highest load at which a condition still holds",
		Long:    findLong,
		Example: findExample,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarios.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint(usagef("find: want one scenario, got %d", len(args)), "rtk bench find chat.yaml --metric ack_latency.p99 --limit 200ms --vary chatters.count")
			}
			o.scenarios = args
			o.color, _ = cmd.Flags().GetString("color")
			o.failExitCode, o.inconclusive = exitVerdict, "fail"
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.metric, "metric", "", "`METRIC.AGGREGATE` that is limited, as in ack_latency.p99")
	f.StringVar(&o.benchOptions.limit, "message-limit", "", "message limit of the target, as --limit of rtk bench has it")
	f.StringVar(&o.limit, "limit", "", "`VALUE` that it must not exceed, as in 200ms; or a comparison, as in '>= 99%'")
	f.StringVar(&o.vary, "vary", "", "what grows: GROUP.count, GROUP.rate, or a variable `NAME`")
	f.Float64Var(&o.min, "min", 1, "lowest value")
	f.Float64Var(&o.max, "max", 100_000, "highest value")
	f.Float64Var(&o.start, "start", 0, "first value (default: the scenario's, or the lowest)")
	f.Float64Var(&o.precision, "precision", 0.1, "how near the bounds must come, as a share")
	f.IntVar(&o.confirm, "confirm", 3, "how many more runs must hold at the result")
	f.IntVar(&o.steps, "max-runs", 40, "how many runs there may be")
	f.DurationVar(&o.length, "for", 0, "how long each run sends, instead of the scenario's")
	f.DurationVar(&o.pause, "pause", time.Second, "time between two runs, for the server to settle")
	f.StringVarP(&o.output, "output", "o", "text", "result on stdout: text or json")
	o.targetFlags(cmd)
	return cmd
}

// targetFlags are those that say where a run goes and with what.
func (o *benchOptions) targetFlags(cmd *cobra.Command) {
	o.tape, o.only = tapeNone, -1 // all clients, and none of their frames
	f := cmd.Flags()
	f.StringArrayVarP(&o.targets, "target", "t", nil, "run against this `URL`; repeat for several pods")
	f.StringVar(&o.jwtSecret, "jwt-secret", "", "HMAC `SECRET` that tokens are minted with; @FILE reads it from a file")
	f.StringArrayVar(&o.set, "set", nil, "set a variable of the scenario, as in `NAME=VALUE`; repeatable")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the plan; 0 picks one")
	f.DurationVar(&o.timeout, "timeout", 0, "end a run after this time (default 30m)")
	f.DurationVar(&o.grace, "grace", 5*time.Second, "after ctrl-c, wait so long for deliveries in flight")
	f.StringVar(&o.progress, "progress", "auto", "progress on stderr: auto, plain or none")
	f.BoolVar(&o.insecure, "insecure", false, "do not verify certificates")
	f.IntVar(&o.pods, "pods", 2, "how many gateways to start when there is no --target")
	f.StringArrayVar(&o.serveFlags, "serve-flag", nil, "further flag of the gateways that are started")
	f.StringVar(&o.profile, "profile", "", "put the profile `NAME` of the scenario over it")
	f.BoolVar(&o.allowExec, "allow-exec", false, "let scenarios that are no local files start commands")
}

// knob sets what is varied.
type knob struct {
	name    string
	whole   bool
	current float64 // the scenario's value, 0 if not known
	set     func(r *benchRun, sc *loadgen.Scenario, v float64) error
	// variable is set before the scenario is read.
	variable func(r *benchRun, v float64)
}

// newKnob finds out what --vary means for a scenario.
func newKnob(vary string, sc *loadgen.Scenario) (*knob, error) {
	group, what, isGroup := cutLast(vary, ".")
	if isGroup && (what == "count" || what == "rate") {
		k := &knob{name: vary, whole: what == "count"}
		if k.whole {
			n, err := sc.Count(group)
			if err != nil {
				return nil, err
			}
			k.current = float64(n)
			k.set = func(_ *benchRun, sc *loadgen.Scenario, v float64) error { return sc.SetCount(group, int(v)) }
			return k, nil
		}
		rate, err := sc.Rate(group)
		if err != nil {
			return nil, err
		}
		k.current = rate
		k.set = func(_ *benchRun, sc *loadgen.Scenario, v float64) error { return sc.SetRate(group, v) }
		return k, nil
	}
	name, template, ok := strings.Cut(vary, "=")
	if !ok {
		template = "{}"
	}
	if name == "" || strings.ContainsAny(name, ". {}") || strings.Count(template, "{}") != 1 {
		return nil, fmt.Errorf("%q: want GROUP.count, GROUP.rate, NAME or NAME={}/s", vary)
	}
	return &knob{
		name: name, whole: true,
		variable: func(r *benchRun, v float64) { r.vars[name] = strings.Replace(template, "{}", find.Number(v), 1) },
	}, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// condition is the threshold that --metric and --limit make.
func (o *findOptions) condition() (metric, expr string, err error) {
	if o.metric == "" || o.limit == "" || o.vary == "" {
		return "", "", hint(usagef("find: --metric, --limit and --vary are needed"), "rtk bench find chat.yaml --metric ack_latency.p99 --limit 200ms --vary chatters.count")
	}
	metric, agg, err := loadgen.SplitMetric(o.metric)
	if err != nil {
		return "", "", usagef("--metric %w", err)
	}
	limit := strings.TrimSpace(o.limit)
	if limit != "" && !strings.ContainsAny(limit[:1], "<>=!") && !strings.HasPrefix(limit, "between") && !strings.HasPrefix(limit, "within") {
		limit = "<= " + limit
	}
	return metric, agg + " " + limit, nil
}

func (o *findOptions) run(ctx context.Context) error {
	metric, expr, err := o.condition()
	if err != nil {
		return err
	}
	if !(o.min > 0) || !(o.max >= o.min) || math.IsInf(o.max, 0) {
		return usagef("--min %g --max %g: want 0 < min <= max", o.min, o.max)
	}
	if o.precision <= 0 || o.precision > 1 || o.confirm < 1 || o.steps < 2 || o.length < 0 || o.pause < 0 || o.start < 0 {
		return usagef("find: want --precision above 0 and at most 1, --confirm from 1, --max-runs from 2, and no negative times")
	}
	s, stop, err := startSession(ctx, o.benchOptions, func(r *benchRun) {
		// A variable without a default would be missing when the scenario is
		// looked at for the first time.
		if k, err := newKnob(o.vary, &loadgen.Scenario{}); err == nil && k.variable != nil {
			k.variable(r, max(o.start, o.min))
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	name := o.scenarios[0]
	sc, err := s.parse(name)
	if err != nil {
		return err
	}
	k, err := newKnob(o.vary, sc)
	if err != nil {
		return usagef("--vary %w", err)
	}
	check, err := sc.AddThreshold(metric, expr)
	if err != nil {
		return usagef("--metric %s --limit %s: %w", o.metric, o.limit, err)
	}
	if o.length > 0 {
		if err := sc.SetFor(o.length); err != nil {
			return usagef("--for: %w", err)
		}
	}
	start := o.start
	if start == 0 {
		start = max(k.current, o.min)
	}
	try := &findTry{findOptions: o, r: s, knob: k, name: name, metric: metric, expr: expr, check: check}
	res, err := find.Search(s.ctx, find.Options{
		Start: start, Min: o.min, Max: o.max, Whole: k.whole, Precision: o.precision, Confirm: o.confirm, Steps: o.steps,
	}, try.run)
	if err != nil && len(res.Trials) == 0 {
		return err
	}
	res.Scenario, res.Vary, res.Holds = sc.Name, k.name, check
	if werr := o.write(res); werr != nil {
		return fmt.Errorf("write result: %w", werr)
	}
	if err != nil {
		return err
	}
	return o.end(s, res)
}

func (o *findOptions) write(res *find.Result) error {
	if res.Verdict == find.Lost && res.Best == 0 {
		res.ExitCode = exitUnreachable
	}
	if o.output == "json" {
		return res.WriteJSON(o.env.Stdout)
	}
	return res.WriteText(o.env.Stdout)
}

func (o *findOptions) end(s *session, res *find.Result) error {
	code := res.ExitCode
	if sig := s.signal.Load(); sig != nil && res.Verdict == find.Interrupted {
		code = signalCode(*sig)
	}
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// findTry makes the runs of a search.
type findTry struct {
	*findOptions
	r                   *session
	knob                *knob
	name                string
	metric, expr, check string
	ran                 int
}

func (t *findTry) run(ctx context.Context, value float64) (find.Trial, error) {
	if t.ran++; t.ran > 1 {
		wait := time.NewTimer(t.pause)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return find.Trial{}, find.ErrInterrupted
		}
	}
	if t.knob.variable != nil {
		t.knob.variable(t.r.benchRun, value)
	}
	p, err := t.r.planWith(ctx, t.name, func(sc *loadgen.Scenario) error {
		if t.knob.set != nil {
			if err := t.knob.set(t.r.benchRun, sc, value); err != nil {
				return err
			}
		}
		if t.length > 0 {
			if err := sc.SetFor(t.length); err != nil {
				return err
			}
		}
		_, err := sc.AddThreshold(t.metric, t.expr)
		return err
	})
	if e, ok := errors.AsType[*exitError](err); ok && e.code == exitInconclusive {
		// This machine can't carry so many.
		return find.Trial{Outcome: find.Saturated, Reason: e.Error()}, nil
	}
	if err != nil {
		return find.Trial{}, err
	}
	rep, err := t.r.one(ctx, p)
	if err != nil {
		return find.Trial{}, err
	}
	trial := t.judge(rep)
	if rep.Verdict == loadgen.Interrupted {
		return trial, find.ErrInterrupted
	}
	if t.progress != "none" {
		fmt.Fprintf(t.env.Stderr, "rtk: %s = %s: %s %s\n", t.knob.name, find.Number(value), trial.Outcome, noCommands.Replace(trial.Got))
	}
	return trial, nil
}

// judge reads the outcome from a report.
func (t *findTry) judge(rep *loadgen.Report) find.Trial {
	out := find.Trial{RunID: rep.RunID, Took: rep.Duration.Seconds(), Reason: rep.Reason}
	for _, c := range rep.Checks {
		if c.Kind == "threshold" && c.Name == t.check {
			out.Got = c.Got
		}
	}
	switch rep.Verdict {
	case loadgen.Pass:
		out.Outcome = find.Holds
	case loadgen.Fail:
		out.Outcome = find.Fails
	case loadgen.Inconclusive:
		out.Outcome = find.Saturated
	case loadgen.Unreachable:
		out.Outcome = find.Unreachable
	default:
		out.Outcome = find.Broken
	}
	return out
}
