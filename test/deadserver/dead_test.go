package deadserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/scenarios"
)

// few makes the loads of the shipped scenarios small; a scenario takes those
// that it knows.
var few = []string{
	"PROBES=1", "TRANSPORTS=websocket", "PLACES=auth.token", "SUBSCRIBERS=2", "PUBLISHERS=1", "OUTSIDERS=1", "FLOODERS=2", "BYSTANDERS=2", "READERS=2",
	"WRITERS=1", "WEBSOCKET=1", "SOCKETIO=1", "POLLING=1", "SSE_H1=1", "SSE_H2=1", "CLIENTS=2", "TALKERS=2", "DURATION=1s", "BYSTANDERS_FOR=1s",
	"SETTLE=300ms", "RECOVERY=100ms", "ACK_WITHIN=1s", "MESSAGE_EVENT=message", "STREAM_PATH=/events?topic=rtk-bench",
}

// The exit codes that say that a server is not well, or that nothing is known of
// it.
var bad = map[int]string{3: "unreachable", 4: "inconclusive", 99: "fail", 130: "interrupted"}

// patience is how long a scenario may take before it is interrupted: it may wait
// for a dead server longer than a test has time.
const patience = 6 * time.Second

// TestNoScenarioPassesOnADeadServer runs every shipped scenario against servers
// that do nothing, in four ways. None may pass, and none may fail to run.
func TestNoScenarioPassesOnADeadServer(t *testing.T) {
	t.Parallel()
	rtk := rttest.Binary(t, false)
	var mu sync.Mutex
	var table []string
	var runs sync.WaitGroup
	slots := make(chan struct{}, 16) // most of them only wait
	for _, server := range []struct {
		name  string
		start func(*testing.T) string
	}{{"a closed port", closedPort}, {"silence", silent}, {"empty answers", empty}, {"no acks and no events", mute}} {
		url := server.start(t)
		for _, name := range scenarios.Names() {
			runs.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				code, out := run(t, rtk, name, url)
				mu.Lock()
				defer mu.Unlock()
				table = append(table, fmt.Sprintf("%-16s %-22s %3d %s", name, server.name, code, bad[code]))
				if bad[code] == "" {
					t.Errorf("%s against %s: exit code %d\n%s", name, server.name, code, out)
				}
			})
		}
	}
	runs.Wait()
	t.Logf("verdicts:\n%s", strings.Join(table, "\n"))
}

// run returns the exit code of a scenario against a server.
func run(t *testing.T, rtk, name, url string) (code int, out string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := []string{ // twice the same, because some scenarios ask for a second pod
		"bench", name, "--target", url, "--target", url, "--jwt-secret", "a secret of this test", "--grace", "200ms", "--progress", "none",
		"--tape", "none", "--set", "PUBLISH_URL=" + url + "/publish",
	}
	for _, s := range few {
		args = append(args, "--set", s)
	}
	cmd := exec.CommandContext(ctx, rtk, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), "GITHUB_ACTIONS=", "GITHUB_STEP_SUMMARY=")
	cmd.Dir = t.TempDir()
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	if cmd.ProcessState != nil && cmd.ProcessState.Exited() {
		return cmd.ProcessState.ExitCode(), b.String()
	}
	return -1, fmt.Sprintf("%v\n%s", err, b.String())
}
