package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/compare"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const abLong = `Compare two endpoints in one run: the clients of both stay connected, and only
one side sends at a time, in slices: base, head, base, head, …

What the machine's other work does to one side it does to the other, so that
pairs of slices show differences that separate runs on a busy machine hide.
The verdict and exit codes are those of   rtk bench compare.

The scenario must send at a rate for a time; phases and faults have a time of
their own and are refused. The run takes about twice the scenario's time, which
must be worth at least four slices a side; --for gives it more.`

const abExample = `  rtk bench ab chat.yaml --base http://127.0.0.1:3000 --head http://127.0.0.1:4000
  rtk bench ab chat.yaml --base $MAIN --head $BRANCH --slice 5s --for 60s --tolerance p99=15%`

type abOptions struct {
	*benchOptions
	compare    compareOptions
	base, head []string
	slice      time.Duration
	length     time.Duration
	keep       string
}

func newBenchABCmd(env *Env) *cobra.Command {
	o := &abOptions{benchOptions: &benchOptions{env: env}}
	o.compare.env = env
	cmd := &cobra.Command{
		Use:     "ab SCENARIO --base URL --head URL",
		Short:   "Compare two endpoints in one run, in turns",
		Long:    abLong,
		Example: abExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint(usagef("ab: want one scenario, got %d", len(args)), "rtk bench ab chat.yaml --base URL --head URL")
			}
			o.scenarios = args
			o.compare.color, _ = cmd.Flags().GetString("color")
			o.output, o.benchOptions.failExitCode, o.benchOptions.inconclusive = "text", exitVerdict, "fail"
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.base, "base", nil, "`URL` that is compared with; repeat for several pods")
	f.StringArrayVar(&o.head, "head", nil, "`URL` that is judged; repeat for as many pods")
	f.DurationVar(&o.slice, "slice", 10*time.Second, "how long each turn is")
	f.DurationVar(&o.length, "for", 0, "how long each side sends in all, instead of the scenario's time")
	f.StringVar(&o.keep, "keep", "", "write the runs' own reports into this `FOLDER`, as base.json and head.json")
	f.StringVarP(&o.compare.output, "output", "o", "text", "result on stdout: text, json or markdown")
	f.StringArrayVar(&o.compare.reports, "report", nil, "also write the result to `FILE`: .json, .md or .txt; repeatable")
	o.targetFlags(cmd)
	for _, name := range []string{"target", "pods", "serve-flag"} {
		// A flag that other commands share, but that has no place here.
		if err := f.MarkHidden(name); err != nil {
			panic(err)
		}
	}
	o.compare.seed, o.compare.failExitCode, o.compare.inconclusive = 1, exitVerdict, "fail"
	f.IntVar(&o.compare.failExitCode, "fail-exit-code", exitVerdict, "exit code `N` of a regression, 0 to 255")
	f.StringVar(&o.compare.inconclusive, "inconclusive", "fail", "what too much noise is to CI: fail (exit code 4) or pass (exit code 0)")
	o.compare.flags(cmd)
	return cmd
}

// targetsOf reads the URLs of a side.
func (o *abOptions) targetsOf(side string, urls []string) ([]rt.Target, error) {
	if len(urls) == 0 {
		return nil, hint(usagef("ab: --%s is missing", side), "rtk bench ab chat.yaml --base URL --head URL")
	}
	var out []rt.Target
	for i, s := range urls {
		t, err := rt.ParseTarget(s)
		if err != nil {
			return nil, err
		}
		t.Insecure = o.insecure
		// Both sides have the same names, so that their series do.
		if t.Name = "pod"; len(urls) > 1 {
			t.Name = fmt.Sprintf("pod-%d", i)
		}
		out = append(out, t)
	}
	return out, nil
}

func (o *abOptions) run(ctx context.Context) error {
	opts, err := o.compare.options()
	if err != nil {
		return err
	}
	if err := o.compare.checkOutputs(); err != nil {
		return err
	}
	if o.keep != "" {
		if st, err := os.Stat(o.keep); err != nil || !st.IsDir() {
			return usagef("--keep %s: there is no such folder", o.keep)
		}
	}
	if len(o.benchOptions.targets) > 0 {
		return usagef("ab: the targets are --base and --head, not --target")
	}
	if len(o.base) != len(o.head) {
		return usagef("ab: base has %d targets and head %d, want as many", len(o.base), len(o.head))
	}
	sides := [2][]rt.Target{}
	for i, side := range []struct {
		name string
		urls []string
	}{{"base", o.base}, {"head", o.head}} {
		if sides[i], err = o.targetsOf(side.name, side.urls); err != nil {
			return err
		}
	}
	s, stop, err := startSession(ctx, o.benchOptions, func(r *benchRun) {
		// No gateways are started, and a scenario that asks for a URL has one.
		r.targets = sides[0]
		r.setDefault("URL", o.base[0])
	})
	if err != nil {
		return err
	}
	defer stop()
	var plans [2]*planned
	for i := range sides {
		s.targets = sides[i]
		if plans[i], err = s.planWith(s.ctx, o.scenarios[0], o.lengthen); err != nil {
			return err
		}
		o.seed = plans[i].plan.Seed // both send the same
	}
	rb, rh, err := o.interleave(s, plans)
	if err != nil {
		return err
	}
	return o.conclude(s, rb, rh, opts)
}

func (o *abOptions) lengthen(sc *loadgen.Scenario) error {
	if o.length == 0 {
		return nil
	}
	return sc.SetFor(o.length)
}

func (o *abOptions) interleave(s *session, plans [2]*planned) (rb, rh *loadgen.Report, err error) {
	options := func(p *planned) loadgen.Options {
		return loadgen.Options{
			Dialer: s.dialer, Requester: s.dialer, Hooks: hookProcesses{}, SourceAddrs: p.sources,
			Grace: max(o.grace, 1), Environment: environment(o.env),
		}
	}
	base, head := options(plans[0]), options(plans[1])
	s.show.begin(plans[0].sc.Name)
	base.Progress = s.show.show
	rb, rh, err = loadgen.RunInterleaved(s.ctx, plans[0].plan, plans[1].plan, base, head, loadgen.Interleave{Slice: o.slice})
	s.show.end()
	return rb, rh, err
}

func (o *abOptions) conclude(s *session, rb, rh *loadgen.Report, opts compare.Options) error {
	sides := [2]compare.Sides{{Name: "base"}, {Name: "head"}}
	for i, rep := range []*loadgen.Report{rb, rh} {
		out, err := render("json", []*loadgen.Report{rep}, loadgen.TextOptions{})
		if err != nil {
			return err
		}
		if o.keep != "" {
			if err := writeFile(filepath.Join(o.keep, sides[i].Name+".json"), out); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
		}
		if sides[i].Runs, err = compare.Read(sides[i].Name, bytes.NewReader(out)); err != nil {
			return err
		}
	}
	if sig := s.signal.Load(); sig != nil {
		return &exitError{code: signalCode(*sig), err: fmt.Errorf("interrupted: too little was measured to compare")}
	}
	// A side that reaches nobody ends the other one as well, perhaps before that
	// has tried: either way there is nothing to compare.
	for i, rep := range []*loadgen.Report{rb, rh} {
		if rep.Verdict == loadgen.Unreachable {
			return &exitError{code: exitUnreachable, err: fmt.Errorf("%s: %s", sides[i].Name, rep.Reason)}
		}
	}
	res, err := compare.Interleaved(sides[0], sides[1], slicesOf(rb), slicesOf(rh), opts)
	if err != nil {
		return &usageError{err}
	}
	return o.compare.finish(res)
}

func slicesOf(r *loadgen.Report) []compare.Slice {
	var out []compare.Slice
	for _, s := range r.Slices {
		var x compare.Slice
		for _, l := range s.Latencies {
			x.Latencies = append(x.Latencies, compare.SliceLatency(l))
		}
		out = append(out, x)
	}
	return out
}
