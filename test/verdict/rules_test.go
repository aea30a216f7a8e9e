package verdict

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// Verdicts must not hang on how fast a shared machine is: bounds are wide, and
// what is tested is what is counted.
var (
	authArgs = args("auth", "PROBES=1", "TRANSPORTS=websocket", "PLACES=auth.token", "CONNECT_RATE=20/s",
		"REJECT_WITHIN=5s", "REJECT_P99=10s")
	throttleArgs = args("throttle", "LIMIT=20", "FLOOD=5", "FLOODERS=1", "BYSTANDERS=2", "BYSTANDER_RATE=7/s", "DURATION=3s", "BYSTANDERS_FOR=3s",
		"TOLERANCE=60%", "BYSTANDER_P99=5s")
	crossPodArgs = args("cross-pod", "SUBSCRIBERS=8", "PUBLISHERS=1", "OUTSIDERS=2", "RATE=15/s", "DURATION=2s", "SETTLE=1s",
		"CONNECT_RATE=50/s", "WITHIN=10s", "P99=10s", "BACKPLANE=10s", "ACK_WITHIN=3s")
	chatArgs = args("chat", "MEMBERS=10", "TALKERS=2", "TYPISTS=1", "VISITORS=2", "CLIQUES=10", "DURATION=3s", "CONNECT_RATE=50/s",
		"WHO_EVENT=who", "HISTORY_EVENT=history", "WITHIN=10s", "P99=10s", "ACK_P99=10s", "JOIN_P99=10s")
	soakArgs = args("soak", "CLIENTS=20", "TALKERS=2", "RAMP=1s", "HOLD=5s", "DRAIN=1s", "METRICS_EVERY=500ms", "RATE=5/s", "SETTLE=1s", "WITHIN=10s", "P99=10s", "WINDOW=2s",
		"ACK_SLOPE=1000s/h", "MEMORY_SLOPE=100GiB/h", "CONNECTED=socket_io_connected")
	resumeArgs = args("sse-resume", "READERS=8", "DROP_AT=3s", "DROP_EVERY=20s", "SHARE=50%", "DURATION=6s", "SETTLE=1s", "PUBLISH_AUTH=member",
		"WITHIN=20s", "RESUME_P99=30s")
	stormArgs = args("reconnect-storm", "HERD=10", "CONNECT_RATE=50/s", "DROP_AT=3s", "DURATION=6s", "RATE=5/s", "SETTLE=1s",
		"RECONNECT_P99=30s", "ATTEMPTS=100")
	slowArgs = args("slow-consumer", "SNAILS=1", "MEMBERS=3", "TALKERS=1", "RATE=15/s", "SIZE=15KiB", "READ=16KiB/s", "DURATION=6s", "SETTLE=1s",
		"WITHIN=20s", "P99=20s", "METRICS_EVERY=500ms", "MEMORY_GROWTH=100GiB/min")
	pollingArgs = args("polling-sticky", "PROBES=2", "POLLERS=4", "CLIMBERS=4", "DURATION=3s", "SETTLE=1s", "WITHIN=20s", "P99=20s")
	chaosArgs   = args("chaos", "MEMBERS=5", "TALKERS=1", "BASELINE=7s", "LAG=2s", "OUTAGE=6s", "DOWN=1s", "AFTER=3s", "HOLD=2s", "SETTLE=1s")
	auditArgs   = args("audit", "MESSAGE_EVENT=message", "STREAM_PATH=/events?topic=rtk-resume", "ORIGIN="+origin, "PROBES=1",
		"FLOODERS=1", "FLOOD_FOR=1s", "BYSTANDERS=2", "SUBSCRIBERS=5", "DURATION=6s", "DROP_AT=4500ms", "SETTLE=1s", "WITHIN=10s", "REJECT_WITHIN=5s")
)

func args(scenario string, vars ...string) []string {
	out := []string{scenario}
	for _, v := range vars {
		out = append(out, "--set", v)
	}
	return out
}

// only leaves out all of the audit but one rule.
func only(rule string) []string {
	out := slices.Clone(auditArgs)
	for _, r := range []string{"THROTTLE", "ORIGIN", "OVERSIZE", "HTTP2", "RESUME"} {
		if r != rule {
			out = append(out, "--set", "NO_"+r+"=1")
		}
	}
	return out
}

// mistake is a rule that is broken, and what must turn red for it.
type mistake struct {
	broken string
	args   []string
	// red are the checks that must fail, each by the beginning of its "kind
	// name". may are those that may fail with them, because what is broken
	// shows there as well.
	red, may []string
}

var mistakes = []mistake{
	{"auth-late", authArgs, rejectedCases, authSums},
	{"auth-leaks", authArgs, rejectedCases, authSums},
	{"auth-accepts-expired", authArgs, cases("expired"), authSums},
	{"auth-alg-none", authArgs, cases("alg none"), authSums},
	{"auth-no-audience", authArgs, cases("wrong audience"), authSums},
	{"auth-http-guard-only", authArgs, rejectedCases, authSums},
	{
		"session-outlives-token", append(slices.Clone(authArgs), "--set", "STRICT=1", "--set", "EXPIRY_WITHIN=5s"),
		cases("expires mid-session"),
		// The application has neither of these rules.
		append(cases("oversize"), authSums...),
	},
	{
		"no-throttle", throttleArgs,
		[]string{"threshold throttled{clients=flooders}: count > 0"},
		[]string{"threshold accepted_rate{clients=flooders}: ", "threshold time_to_throttle{clients=flooders}: "},
	},
	{"throttle-too-loose", throttleArgs, []string{"threshold accepted_rate{clients=flooders}: "}, nil},
	{
		// This server had promised refusals.
		"throttle-kicks", append(slices.Clone(throttleArgs), "--set", "THROTTLED_DISCONNECT=/never/"),
		[]string{"group flooders", "step flooders: flood"},
		[]string{"threshold ", "step flooders: "},
	},
	{
		"throttle-shared", throttleArgs,
		[]string{"threshold throttled{clients=bystanders}: count == 0"},
		[]string{"threshold accepted_rate{clients=flooders}: "},
	},
	{
		"no-redis", crossPodArgs,
		[]string{"verify lobby", "threshold delivery_lost: count == 0"},
		[]string{"threshold cross_pod: "},
	},
	{
		"no-ack", crossPodArgs, []string{"step publishers: publish", "threshold step_success{step=publish}: rate == 100%"}, nil,
	},
	{"dup", crossPodArgs, []string{"verify lobby", "threshold delivery_duplicated: count == 0"}, nil},
	{"lost", crossPodArgs, []string{"verify lobby", "threshold delivery_lost: count == 0"}, nil},
	{"reorder", crossPodArgs, []string{"verify lobby", "threshold delivery_out_of_order: count == 0"}, nil},
	{"leak-room", crossPodArgs, []string{"verify isolation", "threshold delivery_unexpected: count == 0"}, nil},
	{
		"zombie", crossPodArgs,
		[]string{"verify lobby", "threshold delivery_lost: count == 0", "threshold stuck_clients: count == 0"},
		nil,
	},
	{
		"locks-out", stormArgs,
		[]string{"threshold still_disconnected: count == 0"},
		[]string{"group herd", "threshold reconnect_time{during=flap}: ", "threshold duplicate_sessions: "},
	},
	{"counts-the-gone", soakArgs, []string{"threshold server.socket_io_connected{phase=drain}: last == 0"}, nil},
	{"sse-no-auth", only(""), []string{"auth eavesdroppers · "}, nil},
	{
		"sse-no-resume", resumeArgs,
		[]string{"verify feed", "threshold resume_gap: count == 0"},
		[]string{"threshold resume_time: "}, // nothing came after the return
	},
	{
		"sse-resume-dup", only("RESUME"),
		[]string{"verify resume", "threshold resume_duplicates{clients=resumers}: count == 0"},
		nil,
	},
	{"sse-h1-only", only("HTTP2"), []string{"group http2"}, []string{"verify stream", "step "}},
	{"any-origin", only("ORIGIN"), []string{"auth origins · pod-* · foreign origin"}, nil},
	{
		"no-max-payload", only("OVERSIZE"),
		[]string{"threshold outcome{class=accepted,clients=oversized}: count == 0"},
		[]string{"threshold outcome{class=refused,clients=oversized}: "},
	},
}

var (
	rejectedCases = cases("missing", "garbage", "expired", "not yet valid", "wrong key", "alg none", "algorithm confusion",
		"tampered claim", "unknown key id", "wrong audience", "wrong issuer")
	authSums = []string{"threshold auth_mismatches: ", "threshold auth_reject_latency: ", "threshold auth_leaks: "}
)

// cases are the checks of cases of the auth scenario.
func cases(names ...string) (out []string) {
	for _, name := range names {
		out = append(out, "auth probe · websocket · auth.token · "+name)
	}
	return out
}

// TestSoundApplication: every rule is kept, so every scenario passes, whichever
// way the handshake is checked.
func TestSoundApplication(t *testing.T) {
	n := startNest(t)
	for _, tc := range []struct {
		name, authStyle string
		scenarios       [][]string
	}{
		{"checks", "middleware", [][]string{authArgs, throttleArgs, crossPodArgs, chatArgs}},
		{"everything at once", "middleware", [][]string{auditArgs, stormArgs, resumeArgs}},
		{"handleConnection", "connection", [][]string{authArgs, soakArgs, slowArgs, pollingArgs}},
		{"disturbed", "middleware", [][]string{chaosArgs}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := n.start(t, "", tc.authStyle)
			for _, args := range tc.scenarios {
				passed(t, bench(t, p, args))
			}
		})
	}
}

// passed wants a run of a sound server to have passed. On a machine that is too
// busy rtk does not say so, and then nothing may have failed.
func passed(t *testing.T, run rttest.BenchRun) {
	t.Helper()
	switch failed := run.With("fail"); {
	case run.Verdict == "pass":
	case run.Verdict == "inconclusive" && len(failed) == 0:
		t.Logf("%s: inconclusive: %s", run.File, run.Reason)
	default:
		t.Errorf("%s: %s %s\n%s", run.File, run.Verdict, run.Reason, run.Evidence())
	}
}

// TestBrokenRules breaks one rule after the other.
func TestBrokenRules(t *testing.T) {
	n := startNest(t)
	for _, m := range mistakes {
		t.Run(m.broken, func(t *testing.T) {
			t.Parallel()
			run := bench(t, n.start(t, m.broken, "middleware"), m.args)
			if run.Verdict != "fail" {
				t.Fatalf("%s, want fail\n%s", run.Verdict, run.Evidence())
			}
			failed := run.With("fail")
			for _, want := range m.red {
				if !slices.ContainsFunc(failed, func(name string) bool { return matches(name, want) }) {
					t.Errorf("%s did not fail; failing are\n%s", want, strings.Join(failed, "\n"))
				}
			}
			allowed := append(slices.Clone(m.red), m.may...)
			for _, name := range failed {
				if !slices.ContainsFunc(allowed, func(want string) bool { return matches(name, want) }) {
					t.Errorf("%s failed as well", name)
				}
			}
			if t.Failed() {
				t.Log(run.Evidence())
			}
		})
	}
}

// matches tells whether a check's name begins with want, in which * stands for
// one character.
func matches(name, want string) bool {
	n, w := []rune(name), []rune(want)
	if len(n) < len(w) {
		return false
	}
	for i := range w {
		if w[i] != '*' && w[i] != n[i] {
			return false
		}
	}
	return true
}

// TestEveryRuleIsBroken: a rule of the application that no test breaks proves
// nothing.
func TestEveryRuleIsBroken(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		rttest.Missing(t, "node is not installed")
	}
	out, err := exec.Command(node, "-p", "JSON.stringify(Object.keys(require(process.argv[1]).rules))", rttest.NodeFile(t, "nest/rules.js")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var rules, broken []string
	if err := json.Unmarshal(out, &rules); err != nil {
		t.Fatal(err)
	}
	for _, m := range mistakes {
		broken = append(broken, m.broken)
	}
	slices.Sort(rules)
	slices.Sort(broken)
	if diff := cmp.Diff(rules, slices.Compact(broken)); diff != "" {
		t.Errorf("rules and tests of them (-rule +test):\n%s", diff)
	}
}

// onePod are the scenarios that are about one pod: what it does the other does
// as well.
var onePod = map[string]bool{"auth": true, "throttle": true, "soak": true, "sse-resume": true, "slow-consumer": true, "polling-sticky": true}

// bench runs one scenario against pods: the audit comes through what stands
// before them.
func bench(t *testing.T, p *pods, args []string) rttest.BenchRun {
	t.Helper()
	env := []string{"JWT_SECRET=" + secret, "JWT_AUD=" + audience, "JWT_ISS=" + issuer}
	urls := p.Pods
	if args[0] == "audit" {
		urls = p.Edges
		args = append(slices.Clone(args), "--insecure", "--set", "PUBLISH_URL="+urls[0]+"/publish")
	}
	if args[0] == "sse-resume" {
		args = append(slices.Clone(args), "--set", "PUBLISH_URL="+urls[0]+"/publish")
	}
	if args[0] == "slow-consumer" || args[0] == "soak" {
		args = append(slices.Clone(args), "--set", "METRICS_URL="+urls[0]+"/metrics")
	}
	if args[0] == "soak" {
		args = append(slices.Clone(args), "--set", "CHECKPOINT="+filepath.Join(t.TempDir(), "soak.ckpt.json"))
	}
	if onePod[args[0]] {
		urls = urls[:1]
	}
	for _, url := range urls {
		args = append(slices.Clone(args), "--target", url)
	}
	res, code, stderr := rttest.Bench(t, rttest.Binary(t, false), env, args...)
	if len(res.Runs) != 1 {
		t.Fatalf("%d runs, want 1\n%s", len(res.Runs), stderr)
	}
	if want := map[string]int{"pass": 0, "fail": 99, "inconclusive": 4}[res.Runs[0].Verdict]; code != want {
		t.Errorf("exit code %d with verdict %s, want %d\n%s", code, res.Runs[0].Verdict, want, stderr)
	}
	return res.Runs[0]
}
