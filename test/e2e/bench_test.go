package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// runBench runs `rtk bench`, again while a run is inconclusive.
func runBench(t *testing.T, env []string, args ...string) (rttest.BenchResult, int, string) {
	t.Helper()
	return rttest.Bench(t, rttest.Binary(t, false), env, args...)
}

// small makes the shipped scenarios short: what they prove stays the same.
// Latency bounds are wide, because these machines are shared and these tests
// are about what is counted.
var small = []string{
	"--set", "SUBSCRIBERS=40", "--set", "OUTSIDERS=5", "--set", "PUBLISHERS=2", "--set", "RATE=10/s", "--set", "DURATION=3s", "--set", "SETTLE=2s",
	"--set", "FLOODERS=3", "--set", "BYSTANDERS=5", "--set", "PROBES=1",
	"--set", "P99=10s", "--set", "WITHIN=10s", "--set", "BYSTANDER_P99=5s", "--set", "REJECT_P99=10s", "--set", "BACKPLANE=10s", "--set", "TOLERANCE=25%",
}

func verdicts(res rttest.BenchResult) map[string]string {
	m := map[string]string{}
	for _, r := range res.Runs {
		m[r.File] = r.Verdict
	}
	return m
}

// TestFaultyTurnsItsVerdictRed breaks the gateway in each way it can be broken
// and wants the matching verdict red, and only that one.
func TestFaultyTurnsItsVerdictRed(t *testing.T) {
	for _, tc := range []struct {
		fault, red string
		because    []string // a failing check that must name the defect
	}{
		{"auth=off", "auth", []string{"auth probe"}},
		{"auth=late", "auth", []string{"auth probe"}},
		{"auth=leak", "auth", []string{"auth probe"}},
		{"throttle=off", "throttle", []string{"throttled"}},
		{"throttle=late", "throttle", []string{"time_to_throttle", "accepted_rate", "throttled"}},
		{"dup=5%", "cross-pod", []string{"delivery_duplicated"}},
		{"drop=5%", "cross-pod", []string{"delivery_lost"}},
		{"reorder=5%", "cross-pod", []string{"delivery_out_of_order"}},
		{"crosspod=off", "cross-pod", []string{"delivery_lost"}},
	} {
		t.Run(strings.ReplaceAll(tc.fault, "%", ""), func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--serve-flag=--faulty=" + tc.fault, "--serve-flag=--i-know-this-breaks-delivery"}, small...)
			res, code, stderr := runBench(t, nil, args...)
			if code != 99 {
				t.Errorf("exit code %d, want 99\n%s", code, stderr)
			}
			got := verdicts(res)
			for _, scenario := range []string{"auth", "throttle", "cross-pod"} {
				want := "pass"
				if scenario == tc.red {
					want = "fail"
				}
				if got[scenario] != want {
					t.Errorf("%s: verdict %q, want %q", scenario, got[scenario], want)
				}
			}
			for _, r := range res.Runs {
				if r.Verdict == "pass" {
					continue
				}
				failing := strings.Join(r.With("fail"), "\n")
				if r.File == tc.red && !containsAny(failing, tc.because) {
					t.Errorf("%s failed for the wrong reason:\n%s\nwant one of %q", r.File, failing, tc.because)
				}
				if r.File != tc.red {
					t.Logf("%s: %s\n%s", r.File, r.Reason, failing)
				}
			}
		})
	}
}

// TestDefectsAreNamed breaks the gateway in the ways that only one scenario can
// see, and wants its verdict red for the right reason.
func TestDefectsAreNamed(t *testing.T) {
	few := []string{"--set", "SUBSCRIBERS=10", "--set", "OUTSIDERS=2", "--set", "PUBLISHERS=1", "--set", "DURATION=2s", "--set", "SETTLE=1s"}
	for _, tc := range []struct {
		fault, scenario string
		set             []string
		because         []string
	}{
		{"corrupt=5%", "cross-pod", nil, []string{"delivery_corrupt", "verify"}},
		{"leak=20%", "cross-pod", nil, []string{"isolation", "delivery_unexpected"}},
		{"zombie=10%", "cross-pod", nil, []string{"stuck_clients", "delivery_lost"}},
		{"late=1500ms", "cross-pod", []string{"--set", "WITHIN=1s", "--set", "SETTLE=3s"}, []string{"delivery_late", "verify"}},
		{"auth=silent", "auth", nil, []string{"auth probe"}},
	} {
		t.Run(strings.ReplaceAll(tc.fault, "%", ""), func(t *testing.T) {
			t.Parallel()
			args := []string{tc.scenario, "--serve-flag=--faulty=" + tc.fault, "--serve-flag=--i-know-this-breaks-delivery"}
			res, code, stderr := runBench(t, nil, slices.Concat(args, small, few, tc.set)...)
			if code != 99 || len(res.Runs) != 1 {
				t.Fatalf("exit code %d, want 99\n%s", code, stderr)
			}
			if failing := strings.Join(res.Runs[0].With("fail"), "\n"); !containsAny(failing, tc.because) {
				t.Errorf("failed for the wrong reason:\n%s\nwant one of %q", failing, tc.because)
			}
		})
	}
}

func containsAny(s string, subs []string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

// TestHealthyIsGreen runs the three checks on healthy gateways again and
// again: a checker that cries wolf is worthless.
func TestHealthyIsGreen(t *testing.T) {
	const times = 20
	for i := range times {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			t.Parallel()
			res, code, stderr := runBench(t, nil, append([]string{"--set", "DURATION=2s", "--set", "BYSTANDERS_FOR=3s"}, small...)...)
			if code != 0 || len(res.Runs) != 3 {
				for _, r := range res.Runs {
					t.Logf("%s: %s %s\n%s", r.File, r.Verdict, r.Reason, strings.Join(r.With("fail"), "\n"))
				}
				t.Fatalf("exit code %d\n%s", code, stderr)
			}
		})
	}
}

// node starts two chat servers of test/node on one real Redis.
func nodeCluster(t *testing.T, redis string, env ...string) (targets []string) {
	t.Helper()
	for range 2 {
		p := rttest.NodeEnv(t, append(env, "REDIS="+redis, "JWT_SECRET="+testSecret, "JWT_AUD=chat", "JWT_ISS=team"), "chat-server.js")
		line := p.Line(t, 20*time.Second)
		url, ok := strings.CutPrefix(line, "listening ")
		if !ok {
			t.Fatalf("chat-server.js said %q", line)
		}
		targets = append(targets, "--target", url)
	}
	return targets
}

// TestBenchOnNode gives a Node socket.io server the same verdicts: right when
// it is right, red for the right reason when a rule is broken.
func TestBenchOnNode(t *testing.T) {
	env := []string{"JWT_SECRET=" + testSecret, "JWT_AUD=chat", "JWT_ISS=team", "STRICT="}
	for _, tc := range []struct{ broken, red, because string }{
		{"", "", ""},
		{"auth", "auth", "auth probe"},
		{"throttle", "throttle", "throttled"},
		{"redis", "cross-pod", "delivery_lost"},
		{"drop", "cross-pod", "delivery_lost"},
		{"dup", "cross-pod", "delivery_duplicated"},
	} {
		t.Run(fmt.Sprintf("broken=%s", tc.broken), func(t *testing.T) {
			t.Parallel()
			redis := rttest.NewRedisServer(t) // two of these clusters run at a time
			args := append(nodeCluster(t, redis.URL(), "BREAK="+tc.broken), small...)
			// How soon Node refuses on a busy machine is not what is tested.
			args = append(args, "--set", "REJECT_WITHIN=10s")
			res, code, stderr := runBench(t, env, append([]string{"auth", "throttle", "cross-pod"}, args...)...)
			want := 99
			if tc.red == "" {
				want = 0
			}
			if code != want {
				t.Errorf("exit code %d, want %d\n%s", code, want, stderr)
			}
			for _, r := range res.Runs {
				if r.File == tc.red {
					if failing := strings.Join(r.With("fail"), "\n"); r.Verdict != "fail" || !strings.Contains(failing, tc.because) {
						t.Errorf("%s: %s, want fail because of %s; failing are\n%s", r.File, r.Verdict, tc.because, failing)
					}
				} else if r.Verdict != "pass" {
					t.Errorf("%s: %s %s\n%s", r.File, r.Verdict, r.Reason, strings.Join(r.With("fail"), "\n"))
				}
			}
			if len(res.Runs) != 3 {
				t.Errorf("%d runs, want 3\n%s", len(res.Runs), stderr)
			}
		})
	}
}
