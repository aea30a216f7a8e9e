package compare

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func one(t *testing.T) (base, head Run) {
	t.Helper()
	s := &server{r: source(9), samples: 8000, sigma: 0.3, median: 0.02}
	return s.run(), s.run()
}

func TestTheSeedDecides(t *testing.T) {
	t.Parallel()
	b, h := one(t)
	first := mustCompare(t, []Run{b}, []Run{h}, Options{Seed: 3})
	if diff := cmp.Diff(first, mustCompare(t, []Run{b}, []Run{h}, Options{Seed: 3})); diff != "" {
		t.Errorf("the same seed gives another result (-first +second):\n%s", diff)
	}
	if cmp.Diff(first, mustCompare(t, []Run{b}, []Run{h}, Options{Seed: 4})) == "" {
		t.Error("another seed gives the very same intervals")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(b, h *Run)
		want   string
	}{
		"another plan":     {func(_, h *Run) { h.PlanHash = "def" }, "different plans"},
		"no plan":          {func(_, h *Run) { h.PlanHash = "" }, "no plan_hash"},
		"cut short":        {func(_, h *Run) { h.Partial = true }, "cut short"},
		"another scenario": {func(_, h *Run) { h.Scenario = "throttle" }, "is in base only"},
		"the same run":     {func(b, h *Run) { h.RunID = b.RunID }, "the same run"},
	} {
		b, h := one(t)
		tc.change(&b, &h)
		_, err := Compare(Sides{"base", []Run{b}}, []Sides{{"head", []Run{h}}}, Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if name == "another scenario" {
			continue
		}
		if _, err := Compare(Sides{"base", []Run{b}}, []Sides{{"head", []Run{h}}}, Options{Force: true}); err != nil {
			t.Errorf("%s: with force: %v", name, err)
		}
	}
}

func TestWhatDecidesBesideLatencies(t *testing.T) {
	t.Parallel()
	ratio := func(name string, n, of int64) Metric { return Metric{Name: name, Kind: "ratio", Count: n, Total: of} }
	for name, tc := range map[string]struct {
		change func(b, h *Run)
		want   Outcome
		reason string
	}{
		"nothing": {func(_, _ *Run) {}, Same, ""},
		"head fails a check": {func(_, h *Run) {
			h.Verdict, h.Checks = "fail", []Check{{"threshold", "x", "fail"}}
		}, Regressed, "only head fails: threshold x"},
		"base failed a check": {func(b, _ *Run) {
			b.Verdict, b.Checks = "fail", []Check{{"threshold", "x", "fail"}}
		}, Improved, ""},
		"both fail it": {func(b, h *Run) {
			b.Checks, h.Checks = []Check{{"threshold", "x", "fail"}}, []Check{{"threshold", "x", "fail"}}
		}, Same, ""},
		"head is dead":          {func(_, h *Run) { h.Verdict, h.Metrics = "unreachable", nil }, Regressed, "only head fails"},
		"head has no samples":   {func(_, h *Run) { h.Metrics = nil }, Regressed, "only head fails: metric ack_latency{event=say}"},
		"nothing was measured":  {func(b, h *Run) { b.Metrics, h.Metrics = nil, nil }, Noisy, "no metric"},
		"a saturated generator": {func(_, h *Run) { h.Verdict = "inconclusive" }, Noisy, "inconclusive"},
		"head loses messages": {func(b, h *Run) {
			b.Metrics = append(b.Metrics, ratio("delivery_lost", 0, 20000))
			h.Metrics = append(h.Metrics, ratio("delivery_lost", 88, 20000))
		}, Regressed, "delivery_lost rate +0.4%"},
		"a loss too small": {func(b, h *Run) {
			b.Metrics = append(b.Metrics, ratio("errors", 0, 20000))
			h.Metrics = append(h.Metrics, ratio("errors", 1, 20000))
		}, Same, ""},
		"head recovers less": {func(b, h *Run) {
			b.Metrics = append(b.Metrics, ratio("state_recovered", 1000, 1000))
			h.Metrics = append(h.Metrics, ratio("state_recovered", 700, 1000))
		}, Regressed, "state_recovered"},
		"throttled more is fine": {func(b, h *Run) {
			b.Metrics = append(b.Metrics, ratio("throttled", 0, 1000))
			h.Metrics = append(h.Metrics, ratio("throttled", 900, 1000))
		}, Same, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, h := one(t)
			tc.change(&b, &h)
			res := mustCompare(t, []Run{b}, []Run{h}, Options{})
			if res.Outcome != tc.want || !strings.Contains(res.Reason, tc.reason) {
				t.Errorf("%s: %q, want %s: %q", res.Outcome, res.Reason, tc.want, tc.reason)
			}
		})
	}
}

func TestDifferentMachinesAreWarnedOf(t *testing.T) {
	t.Parallel()
	b, h := one(t)
	b.Environment = Environment{Host: "aa", Cores: 2, CPULimit: 2}
	h.Environment = Environment{Host: "bb", Cores: 8, CPULimit: 8}
	res := mustCompare(t, []Run{b}, []Run{h}, Options{})
	if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "machines differ") {
		t.Errorf("warnings: %q", res.Warnings)
	}
}

func TestParseTolerance(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Tolerance{
		"10%":                           {Amount: 0.1},
		"p99=15%":                       {Agg: "p99", Amount: 0.15},
		"ack_latency=5%":                {Metric: "ack_latency", Amount: 0.05},
		"ack_latency.p99.9=5%":          {Metric: "ack_latency", Agg: "p99.9", Amount: 0.05},
		"ack_latency{event=a.b}.p50=5%": {Metric: "ack_latency{event=a.b}", Agg: "p50", Amount: 0.05},
	} {
		got, err := ParseTolerance(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		got.Amount = float64(int(got.Amount*1e4+0.5)) / 1e4
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "10", "p99=", "p99=x%", "-1%", "NaN%", "1e9%"} {
		if _, err := ParseTolerance(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestTheMostExactToleranceCounts(t *testing.T) {
	t.Parallel()
	o := &Options{Tolerances: []Tolerance{{"ack_latency", "p99", 0.3}, {"", "p99", 0.2}, {"", "", 0.05}, {"delivery_lost", "", 0.001}}}
	for _, tc := range []struct {
		metric, agg string
		want        float64
	}{{"ack_latency", "p99", 0.3}, {"publish_latency", "p99", 0.2}, {"publish_latency", "p50", 0.05}, {"errors", rate, 0}, {"delivery_lost", rate, 0.001}} {
		if got := o.tolerance(key{tc.metric, ""}, tc.agg); got != tc.want {
			t.Errorf("%s %s: %g, want %g", tc.metric, tc.agg, got, tc.want)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ src, want string }{
		"empty":       {"", "ends early"},
		"not JSON":    {"<html>", "invalid character"},
		"cut":         {`{"schema":"rtk.bench/v1","runs":[{`, "ends early"},
		"other":       {`{"schema":"k6"}`, "is it a report"},
		"no runs":     {`{"schema":"rtk.bench/v1","runs":[]}`, "no run"},
		"later field": {`{"schema":"rtk.bench/v1","new":1,"runs":[{"scenario":"x","new":2}]}`, ""},
	} {
		_, err := Read("x.json", strings.NewReader(tc.src))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	b, h := one(t)
	h.Metrics[0].HDR = "HISTFAAA"
	if _, err := Compare(Sides{"base", []Run{b}}, []Sides{{"head", []Run{h}}}, Options{}); err == nil || !strings.Contains(err.Error(), "histogram of ack_latency") {
		t.Errorf("a broken histogram: %v", err)
	}
}

// What a server or a scenario put into a report is text in every output.
func TestHostileText(t *testing.T) {
	t.Parallel()
	b, h := one(t)
	evil := "x\n::error::y ##[warning]z \x1b[31m <img src=q> @someone www.example.com |"
	b.Scenario, h.Scenario = evil, evil
	h.Checks = []Check{{"threshold", evil, "fail"}}
	res := mustCompare(t, []Run{b}, []Run{h}, Options{})
	var text, md, js bytes.Buffer
	if err := errors.Join(res.WriteText(&text, false), res.WriteMarkdown(&md), res.WriteJSON(&js)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\n::error", "##[", "\x1b"} {
		if strings.Contains(text.String()+md.String()+js.String(), bad) {
			t.Errorf("%q got out", bad)
		}
	}
	for _, bad := range []string{"<img", "@someone", "www.example"} {
		if strings.Contains(md.String(), bad) {
			t.Errorf("%q got into the Markdown", bad)
		}
	}
}

func TestResultFitsItsSchema(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("compare.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("compare.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(Schema()), `"description": ""`) {
		t.Error("a field has no documentation")
	}
	b, h := one(t)
	h.Checks = []Check{{"threshold", "x", "fail"}}
	for name, res := range map[string]*Result{
		"full":  mustCompare(t, []Run{b}, []Run{h}, Options{}),
		"empty": mustCompare(t, []Run{{PlanHash: "a"}}, []Run{{PlanHash: "a"}}, Options{}),
	} {
		var out bytes.Buffer
		if err := res.WriteJSON(&out); err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"schema":"rtk.bench/v1","runs":[{"scenario":"x","plan_hash":"a","metrics":[{"name":"ack_latency","kind":"latency","hdr":"HISTFAAA","blocks":[{"count":1}]}]}]}`))
	f.Add([]byte(`{"schema":"rtk.bench/v1","runs":[{"metrics":[{"name":"errors","kind":"ratio","count":-1,"total":9223372036854775807}]}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		runs, err := Read("x", bytes.NewReader(src))
		if err != nil {
			return
		}
		res, err := Compare(Sides{"base", runs}, []Sides{{"head", runs}}, Options{Force: true})
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := res.WriteJSON(&b); err != nil {
			t.Error(err)
		}
	})
}
