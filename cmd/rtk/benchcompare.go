package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/compare"
)

const compareLong = `Tell whether head is worse than base, from JSON reports of the same scenario.

Each argument is one side: a report, several divided by commas, or a quoted
pattern. Several runs a side tell how much runs differ from each other; with
one, only the noise within the run is known, which is less.

  regressed   worse for certain, and by more than is tolerated: exit code 99
  same        certainly within what is tolerated: 0
  improved    better for certain, and by more than that: 0
  too noisy   neither can be told: 4, or 0 with --inconclusive=pass

"For certain" is meant of all rows together: two equal sides come out different
in at most one of twenty comparisons (--confidence). Runs of different plans
are refused, runs of different machines warned of.`

const compareExample = `  rtk bench chat.yaml --report base.json       # and head.json on the branch
  rtk bench compare base.json head.json
  rtk bench compare 'base-*.json' 'head-*.json' --tolerance p99=15%
  rtk bench compare base.json head.json -o markdown > comment.md`

type compareOptions struct {
	env          *Env
	sides        []string
	output       string
	reports      []string
	tolerances   []string
	metrics      []string
	at           []string
	confidence   string
	floor        floorValue
	seed         uint64
	force        bool
	inconclusive string
	failExitCode int
	color        string
}

func newBenchCompareCmd(env *Env) *cobra.Command {
	o := &compareOptions{env: env}
	cmd := &cobra.Command{
		Use:     "compare BASE HEAD...",
		Short:   "Tell whether one run is worse than another, with confidence intervals",
		Long:    compareLong,
		Example: compareExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.sides = args
			o.color, _ = cmd.Flags().GetString("color")
			return o.run()
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "text", "result on stdout: text, json or markdown")
	f.StringArrayVar(&o.reports, "report", nil, "also write the result to `FILE`: .json, .md or .txt; repeatable")
	o.flags(cmd)
	return cmd
}

// flags are those that other comparisons have as well.
func (o *compareOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.floor = 100e-6
	f.StringArrayVar(&o.tolerances, "tolerance", nil, "how much worse head may be, as in `p99=10%`, ack_latency=5% or delivery_lost=0.1%; repeatable (default 10% for latencies)")
	f.StringArrayVar(&o.metrics, "metric", nil, "compare only this `METRIC`, as in ack_latency or delivery_latency.p99; repeatable")
	f.StringSliceVar(&o.at, "percentiles", []string{"p50", "p99"}, "`PERCENTILES` to compare")
	f.StringVar(&o.confidence, "confidence", "95%", "`PROBABILITY` that equal sides are not told apart")
	f.Var(&o.floor, "floor", "latencies that differ by less are the same")
	f.BoolVar(&o.force, "force", false, "compare different plans, partial runs and reports of older versions")
	if f.Lookup("seed") == nil {
		f.Uint64Var(&o.seed, "seed", 1, "seed of the bootstrap")
		f.IntVar(&o.failExitCode, "fail-exit-code", exitVerdict, "exit code `N` of a regression, 0 to 255")
		f.StringVar(&o.inconclusive, "inconclusive", "fail", "what too much noise is to CI: fail (exit code 4) or pass (exit code 0)")
	}
}

// options checks the flags.
func (o *compareOptions) options() (compare.Options, error) {
	out := compare.Options{Floor: float64(o.floor), Metrics: o.metrics, At: o.at, Seed: o.seed, Force: o.force}
	for _, s := range o.tolerances {
		t, err := compare.ParseTolerance(s)
		if err != nil {
			return out, usagef("--%w", err)
		}
		out.Tolerances = append(out.Tolerances, t)
	}
	var percent float64
	if n, err := fmt.Sscanf(o.confidence, "%g%%", &percent); n != 1 || err != nil || percent < 50 || percent > 99.99 {
		return out, usagef("--confidence %q: want 50%% to 99.99%%", o.confidence)
	}
	out.Confidence = percent / 100
	if o.failExitCode < 0 || o.failExitCode > 255 {
		return out, usagef("--fail-exit-code %d: want 0 to 255", o.failExitCode)
	}
	if o.inconclusive != "fail" && o.inconclusive != "pass" {
		return out, usagef("--inconclusive %q: want fail or pass", o.inconclusive)
	}
	return out, nil
}

func (o *compareOptions) run() error {
	if len(o.sides) < 2 {
		return hint(usagef("compare: want base and at least one head, got %d", len(o.sides)), "rtk bench compare base.json head.json")
	}
	opts, err := o.options()
	if err != nil {
		return err
	}
	if err := o.checkOutputs(); err != nil {
		return err
	}
	var sides []compare.Sides
	for _, arg := range o.sides {
		s, err := readSide(arg)
		if err != nil {
			return err
		}
		sides = append(sides, s)
	}
	res, err := compare.Compare(sides[0], sides[1:], opts)
	if err != nil {
		return &usageError{err}
	}
	return o.finish(res)
}

// checkOutputs checks where the result is to go.
func (o *compareOptions) checkOutputs() error {
	if !slices.Contains(compareFormats, o.output) {
		return usagef("--output %q: want text, json or markdown", o.output)
	}
	for _, r := range o.reports {
		if compareFormat(r) == "" {
			return usagef("--report %s: want a name that ends in .json, .md or .txt", r)
		}
	}
	return checkWritable("--report", o.reports)
}

// finish writes the result and turns it into the exit code.
func (o *compareOptions) finish(res *compare.Result) error {
	for _, path := range o.reports {
		var b bytes.Buffer
		if err := writeComparison(&b, res, compareFormat(path), false); err != nil {
			return err
		}
		if err := writeFile(path, b.Bytes()); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	if err := writeComparison(o.env.Stdout, res, o.output, o.env.Color(o.color, o.env.Stdout)); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return o.verdict(res)
}

func (o *compareOptions) verdict(res *compare.Result) error {
	code := res.ExitCode
	switch {
	case res.Outcome == compare.Regressed:
		code = o.failExitCode
	case res.Outcome == compare.Noisy && o.inconclusive == "pass":
		code = exitOK
	}
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

var compareFormats = []string{"text", "json", "markdown"}

func compareFormat(path string) string {
	return map[string]string{".json": "json", ".md": "markdown", ".txt": "text"}[strings.ToLower(filepath.Ext(path))]
}

func writeComparison(w io.Writer, res *compare.Result, format string, color bool) error {
	switch format {
	case "json":
		return res.WriteJSON(w)
	case "markdown":
		return res.WriteMarkdown(w)
	}
	return res.WriteText(w, color)
}

// readSide reads the reports of one side: files divided by commas, each of
// which may be a pattern.
func readSide(arg string) (compare.Sides, error) {
	side := compare.Sides{Name: arg}
	for part := range strings.SplitSeq(arg, ",") {
		paths := []string{part}
		// A file of that very name comes before the pattern that it may be.
		if _, err := os.Lstat(part); err != nil && strings.ContainsAny(part, "*?[") {
			found, err := filepath.Glob(part)
			if err != nil {
				return side, usagef("pattern %q: %w", part, err)
			}
			if len(found) == 0 {
				return side, usagef("no report is named like %s", part)
			}
			paths = found
		}
		for _, path := range paths {
			f, err := os.Open(path)
			if err != nil {
				return side, usagef("read report: %w", err)
			}
			runs, err := compare.Read(path, f)
			f.Close()
			if err != nil {
				return side, &usageError{err}
			}
			side.Runs = append(side.Runs, runs...)
		}
	}
	return side, nil
}
