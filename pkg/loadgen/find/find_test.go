package find

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// knee holds up to a value.
func knee(at float64) Try {
	return func(_ context.Context, v float64) (Trial, error) {
		if v <= at {
			return Trial{Outcome: Holds, Got: Number(v)}, nil
		}
		return Trial{Outcome: Fails, Got: Number(v)}, nil
	}
}

func find(t *testing.T, o Options, try Try) *Result {
	t.Helper()
	res, err := Search(t.Context(), o, try)
	if err != nil {
		t.Fatal(err)
	}
	validate(t, res)
	return res
}

func validate(t *testing.T, res *Result) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("find.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("find.json")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := res.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
}

func TestSearchFindsTheKnee(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		o    Options
		knee float64
		want Verdict
		low  float64 // the result must lie from here to the knee
	}{
		"from below":         {Options{Start: 10, Min: 1, Max: 1e6, Whole: true}, 777, Found, 700},
		"from above":         {Options{Start: 5000, Min: 1, Max: 1e6, Whole: true}, 777, Found, 700},
		"whole and small":    {Options{Start: 1, Min: 1, Max: 100, Whole: true}, 7, Found, 7},
		"exact":              {Options{Start: 1, Min: 1, Max: 100, Whole: true, Precision: 0.001}, 63, Found, 63},
		"fractions":          {Options{Start: 0.5, Min: 0.001, Max: 100, Precision: 0.05}, 3.3, Found, 3.1},
		"holds at the most":  {Options{Start: 10, Min: 1, Max: 100, Whole: true}, 1e9, AtMax, 100},
		"fails at the least": {Options{Start: 10, Min: 2, Max: 100, Whole: true}, 1, None, 0},
		"at the minimum":     {Options{Start: 10, Min: 2, Max: 100, Whole: true}, 2, Found, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := find(t, tc.o, knee(tc.knee))
			if res.Verdict != tc.want || res.Best > tc.knee || res.Best < tc.low {
				t.Errorf("%s: %g, want %s from %g to %g", res.Verdict, res.Best, tc.want, tc.low, tc.knee)
			}
			if tc.want == Found && (res.Confirms != 3 || res.Above <= tc.knee || res.Above > 1.3*tc.knee+1) {
				t.Errorf("confirmed %d times, above is %g", res.Confirms, res.Above)
			}
			var last float64
			for _, tr := range res.Trials {
				last = tr.Value
			}
			if tc.want == Found && last != res.Best {
				t.Errorf("the last run was of %g, not of the result %g", last, res.Best)
			}
		})
	}
}

// One failure among runs that hold is noise, not the knee.
func TestAFailureIsRepeated(t *testing.T) {
	t.Parallel()
	n := 0
	res := find(t, Options{Start: 10, Min: 1, Max: 1000, Whole: true}, func(ctx context.Context, v float64) (Trial, error) {
		if n++; n == 3 {
			return Trial{Outcome: Fails}, nil
		}
		return knee(500)(ctx, v)
	})
	if res.Verdict != Found || res.Best < 450 {
		t.Errorf("%s at %g", res.Verdict, res.Best)
	}
	if res.Trials[3].Why != "again" || res.Trials[3].Value != res.Trials[2].Value {
		t.Errorf("the failure was not repeated: %+v", res.Trials)
	}
}

// A value that held once by luck is not the result.
func TestALuckyRunIsNotConfirmed(t *testing.T) {
	t.Parallel()
	seen := map[float64]bool{}
	res := find(t, Options{Start: 100, Min: 1, Max: 100000, Whole: true}, func(_ context.Context, v float64) (Trial, error) {
		lucky := v > 400 && v < 900 && !seen[v]
		seen[v] = true
		if v <= 400 || lucky {
			return Trial{Outcome: Holds}, nil
		}
		return Trial{Outcome: Fails}, nil
	})
	if res.Verdict != Found || res.Best > 400 || res.Best < 350 {
		t.Errorf("%s at %g, above %g", res.Verdict, res.Best, res.Above)
	}
}

func TestTheGeneratorsLimitIsNotTheServers(t *testing.T) {
	t.Parallel()
	saturated := func(at float64) Try {
		return func(_ context.Context, v float64) (Trial, error) {
			if v > at {
				return Trial{Outcome: Saturated, Reason: "scheduler lag"}, nil
			}
			return Trial{Outcome: Holds}, nil
		}
	}
	res := find(t, Options{Start: 10, Min: 1, Max: 1e6, Whole: true}, saturated(300))
	if res.Verdict != Generator || res.ExitCode != 4 || res.Best < 270 || !strings.Contains(res.Summary(), "generator's limit, not the server's") {
		t.Errorf("%s (%d) at %g: %s", res.Verdict, res.ExitCode, res.Best, res.Summary())
	}
	if res := find(t, Options{Start: 10, Min: 4, Max: 1e6, Whole: true}, saturated(1)); res.Verdict != Generator || res.Best != 0 {
		t.Errorf("%s at %g", res.Verdict, res.Best)
	}
}

// A busy moment of this machine, while growing or while confirming.
func TestABusyMomentIsNoLimit(t *testing.T) {
	t.Parallel()
	n := 0
	res := find(t, Options{Start: 10, Min: 1, Max: 1000, Whole: true}, func(ctx context.Context, v float64) (Trial, error) {
		if n++; n == 2 {
			return Trial{Outcome: Saturated}, nil
		}
		return knee(500)(ctx, v)
	})
	if res.Verdict != Found || res.Best < 450 {
		t.Errorf("while growing: %s at %g", res.Verdict, res.Best)
	}
	busy := false
	res = find(t, Options{Start: 10, Min: 1, Max: 40, Whole: true}, func(_ context.Context, v float64) (Trial, error) {
		if busy = busy || v == 40; busy && v > 30 {
			return Trial{Outcome: Saturated}, nil
		}
		return Trial{Outcome: Holds}, nil
	})
	if res.Verdict != Generator || res.Best > 30 {
		t.Errorf("from some moment on: %s at %g", res.Verdict, res.Best)
	}
}

func TestOtherEnds(t *testing.T) {
	t.Parallel()
	dead := find(t, Options{Start: 10, Min: 1, Max: 100, Whole: true}, func(context.Context, float64) (Trial, error) {
		return Trial{Outcome: Unreachable}, nil
	})
	if dead.Verdict != Lost || len(dead.Trials) != 1 || !strings.Contains(dead.Summary(), "UNREACHABLE") {
		t.Errorf("a dead server: %s after %d runs", dead.Verdict, len(dead.Trials))
	}
	n := 0
	cut := find(t, Options{Start: 10, Min: 1, Max: 100, Whole: true}, func(context.Context, float64) (Trial, error) {
		if n++; n == 3 {
			return Trial{}, ErrInterrupted
		}
		return Trial{Outcome: Holds}, nil
	})
	if cut.Verdict != Interrupted || cut.Best != 20 || cut.ExitCode != 130 {
		t.Errorf("interrupted: %s, %g", cut.Verdict, cut.Best)
	}
	few := find(t, Options{Start: 10, Min: 1, Max: 1e6, Whole: true, Steps: 9}, knee(5000))
	if few.Verdict != OutOfSteps || len(few.Trials) != 9 || few.ExitCode != 4 {
		t.Errorf("out of steps: %s after %d", few.Verdict, len(few.Trials))
	}
	broken := errors.New("no such file")
	if _, err := Search(t.Context(), Options{Start: 1, Min: 1, Max: 2}, func(context.Context, float64) (Trial, error) { return Trial{}, broken }); !errors.Is(err, broken) {
		t.Errorf("an error: %v", err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	res := find(t, Options{Start: 4, Min: 1, Max: 100, Whole: true}, func(_ context.Context, v float64) (Trial, error) {
		if v > 6 {
			return Trial{Outcome: Fails, Got: "431ms", Reason: "x\n::error::y"}, nil
		}
		return Trial{Outcome: Holds, Got: "12ms"}, nil
	})
	res.Scenario, res.Vary, res.Holds = "chat", "chatters.count", "ack_latency: p99 <= 200ms"
	var b bytes.Buffer
	if err := res.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"chat: highest chatters.count at which ack_latency: p99 <= 200ms",
		"  4  grow     holds  12ms",
		"  8  grow     fails  431ms  x : :error: :y",
		"  8  again    fails  431ms  x : :error: :y",
		"  6  bisect   holds  12ms",
		"  7  bisect   fails  431ms  x : :error: :y",
		"  7  again    fails  431ms  x : :error: :y",
		"  6  confirm  holds  12ms",
		"  6  confirm  holds  12ms",
		"  6  confirm  holds  12ms",
		"FOUND: chatters.count = 6 holds, confirmed by 3 more runs; 7 does not",
	}
	if diff := cmp.Diff(want, slices.DeleteFunc(strings.Split(b.String(), "\n"), func(s string) bool { return s == "" })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
