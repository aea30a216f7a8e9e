package compare

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Options adjust a comparison.
type Options struct {
	// Confidence is the probability with which none of a pair's intervals
	// misses; 0 means 95 %.
	Confidence float64
	Tolerances []Tolerance
	// Floor is the difference of a percentile, in seconds, below which sides
	// are the same whatever the ratio; 0 means 100 µs.
	Floor float64
	// Metrics limits the comparison to these, as in ack_latency or
	// delivery_latency.p99; empty means all that have a good direction.
	Metrics []string
	// At are the percentiles; empty means p50 and p99.
	At   []string
	Seed uint64 // of the bootstrap; the same seed gives the same result
	// Force compares what was not made to be compared.
	Force bool
}

func (o Options) withDefaults() Options {
	if o.Confidence <= 0 {
		o.Confidence = 0.95
	}
	if o.Floor <= 0 {
		o.Floor = 100e-6
	}
	if len(o.At) == 0 {
		o.At = []string{"p50", "p99"}
	}
	return o
}

// Sides is the runs of base or of one head, in any order.
type Sides struct {
	Name string
	Runs []Run
}

// Compare compares base with each head, scenario by scenario. An error means
// that they can't be compared; nothing is said about them then.
func Compare(base Sides, heads []Sides, o Options) (*Result, error) {
	o = o.withDefaults()
	for _, at := range o.At {
		if _, ok := percentileOf(at); !ok {
			return nil, fmt.Errorf("percentile %q: want p50, p99, p99.9 or the like", at)
		}
	}
	res := &Result{Schema: ResultID, Confidence: o.Confidence, Warnings: []string{}, Pairs: []Pair{}}
	all := slices.Clone(base.Runs)
	for _, head := range heads {
		all = append(all, head.Runs...)
		pairs, err := compareSides(base, head, o)
		if err != nil {
			return nil, err
		}
		res.Pairs = append(res.Pairs, pairs...)
	}
	if len(res.Pairs) == 0 {
		return nil, errors.New("no head to compare with")
	}
	res.Warnings = append(res.Warnings, warnings(all)...)
	res.conclude()
	return res, nil
}

// conclude takes the worst of all pairs.
func (res *Result) conclude() {
	res.Outcome = Same
	for i := range res.Pairs {
		p := &res.Pairs[i]
		if rank(p.Outcome) > rank(res.Outcome) {
			res.Outcome, res.Reason = p.Outcome, p.Reason
			if len(res.Pairs) > 1 && p.Reason != "" {
				res.Reason = p.Scenario + ": " + p.Reason
			}
		}
	}
	res.ExitCode = res.Outcome.ExitCode()
}

func rank(o Outcome) int {
	return slices.Index([]Outcome{Same, Improved, Noisy, Regressed}, o)
}

// compareSides pairs the scenarios of the two sides.
func compareSides(base, head Sides, o Options) ([]Pair, error) {
	var out []Pair
	for _, name := range scenarios(base.Runs) {
		b, h := of(base.Runs, name), of(head.Runs, name)
		if len(h) == 0 {
			if o.Force {
				continue
			}
			return nil, fmt.Errorf("scenario %q is in %s only; --force leaves it out", name, base.Name)
		}
		if err := comparable(base.Name, head.Name, b, h, o.Force); err != nil {
			return nil, err
		}
		p, err := comparePair(name, Sides{base.Name, b}, Sides{head.Name, h}, o)
		if err != nil {
			return nil, err
		}
		out = append(out, *p)
	}
	for _, name := range scenarios(head.Runs) {
		if len(of(base.Runs, name)) == 0 && !o.Force {
			return nil, fmt.Errorf("scenario %q is in %s only; --force leaves it out", name, head.Name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s and %s have no scenario in common", base.Name, head.Name)
	}
	return out, nil
}

func scenarios(runs []Run) []string {
	var out []string
	for i := range runs {
		if !slices.Contains(out, runs[i].Scenario) {
			out = append(out, runs[i].Scenario)
		}
	}
	return out
}

func of(runs []Run, scenario string) []Run {
	var out []Run
	for i := range runs {
		if runs[i].Scenario == scenario {
			out = append(out, runs[i])
		}
	}
	return out
}

// comparable refuses runs of different loads and ones that were cut short.
func comparable(baseName, headName string, base, head []Run, force bool) error {
	if force {
		return nil
	}
	all := append(slices.Clone(base), head...)
	for i := range all {
		r := &all[i]
		switch {
		case r.PlanHash == "":
			return fmt.Errorf("%s: %q has no plan_hash: it was made by an older rtk, or by hand; --force compares it all the same", r.Path, r.Scenario)
		case r.PlanHash != all[0].PlanHash:
			return fmt.Errorf("%s and %s ran different plans of %q (clients, flow or rates differ: plan_hash %s and %s); --force compares them all the same",
				all[0].Path, r.Path, r.Scenario, clip(all[0].PlanHash, 12), clip(r.PlanHash, 12))
		case r.Partial:
			return fmt.Errorf("%s: %q was cut short; --force compares it all the same", r.Path, r.Scenario)
		}
	}
	seen := map[string]string{}
	for i := range all {
		r := &all[i]
		id := r.RunID + r.Started.String()
		if other, twice := seen[id]; twice && r.RunID != "" {
			return fmt.Errorf("%s and %s hold the same run of %q; --force counts it twice", other, r.Path, r.Scenario)
		}
		seen[id] = r.Path
	}
	return nil
}

func clip(s string, n int) string { return s[:min(n, len(s))] }

func comparePair(scenario string, base, head Sides, o Options) (*Pair, error) {
	b, err := gather(base.Runs)
	if err != nil {
		return nil, err
	}
	h, err := gather(head.Runs)
	if err != nil {
		return nil, err
	}
	p := newPair(scenario, base, head)
	p.checks(base.Runs, head.Runs)
	p.rows(b, h, o, rowsOfRuns)
	p.judge(base, head)
	return p, nil
}

func newPair(scenario string, base, head Sides) *Pair {
	return &Pair{
		Scenario: scenario, Base: sideOf(base), Head: sideOf(head),
		Rows: []Row{}, Failing: []string{}, Mended: []string{}, Untold: []string{},
	}
}

// gather collects each series of a side, run by run.
func gather(runs []Run) (map[key][]*series, error) {
	out := map[key][]*series{}
	for i := range runs {
		list, err := seriesOf(&runs[i])
		if err != nil {
			return nil, err
		}
		for k, s := range list {
			out[k] = append(out[k], s)
		}
	}
	return out, nil
}

func sideOf(s Sides) Side {
	side := Side{Name: s.Name, Runs: len(s.Runs), Files: []string{}, Targets: []string{}, Verdicts: []string{}}
	for i := range s.Runs {
		r := &s.Runs[i]
		if r.Path != "" && !slices.Contains(side.Files, r.Path) {
			side.Files = append(side.Files, r.Path)
		}
		for _, t := range r.Targets {
			if !slices.Contains(side.Targets, t.URL) {
				side.Targets = append(side.Targets, t.URL)
			}
		}
		side.Verdicts = append(side.Verdicts, r.Verdict)
	}
	return side
}

// random is the bootstrap's source for one row: independent of what other rows
// there are.
func (o *Options) random(k key, agg string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(k.String() + "." + agg))
	return rand.New(rand.NewPCG(o.Seed, h.Sum64()))
}

// warnings are the differences between runs that no interval knows of.
func warnings(runs []Run) []string {
	var out []string
	differ := func(what string, of func(*Run) string) {
		var values []string
		for i := range runs {
			if v := of(&runs[i]); !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) > 1 {
			out = append(out, what+" differ: "+strings.Join(values, ", "))
		}
	}
	differ("machines", func(r *Run) string {
		e := r.Environment
		return fmt.Sprintf("%s (%d cores, %.3g usable, %s)", orUnknown(e.Host), e.Cores, e.CPULimit, orUnknown(e.CPU))
	})
	differ("versions of rtk", func(r *Run) string { return orUnknown(r.Environment.Version) })
	for i := range runs {
		r := &runs[i]
		if !r.Generator.OK && len(r.Generator.Problems) > 0 {
			out = append(out, fmt.Sprintf("%s: the generator had trouble: %s", r.Path, strings.Join(r.Generator.Problems, "; ")))
		}
	}
	return out
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func isNaN(e estimate) bool { return math.IsNaN(e.value) || math.IsNaN(e.variance) }
