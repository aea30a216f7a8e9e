//go:build linux

package fleet

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

func TestFleet(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		rttest.Missing(t, "redis-server is not installed: apt-get install redis-server")
	}
	// Another Redis stands for the pods: it listens at $PORT, too.
	pod := Server{Name: "redis", Argv: []string{"sh", "-c", `exec redis-server --bind 127.0.0.1 --port $PORT --save "" --replicaof "${REDIS%:*} ${REDIS#*:}"`}}
	f, err := Start(pod, 2, -1, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	if n := len(f.Addrs()); n != 2 || f.Redis == nil {
		t.Fatalf("%d pods, redis %v; want 2 and one", n, f.Redis)
	}
	before, err := ReadInfo(f.Redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := ReadInfo(f.Redis.Addr); err != nil {
			t.Fatal(err)
		}
	}
	after, err := ReadInfo(f.Redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if got := after["command.info.calls"] - before["command.info.calls"]; got < 4 {
		t.Errorf("%g calls of INFO, want 4 or more", got)
	}
	if after["total_net_output_bytes"] <= before["total_net_output_bytes"] {
		t.Errorf("bytes out of redis: %g, then %g", before["total_net_output_bytes"], after["total_net_output_bytes"])
	}
}

// TestPodThatEnds: the error says which pod it was, and what it said.
func TestPodThatEnds(t *testing.T) {
	t.Parallel()
	_, err := Start(Server{Name: "broken", Argv: []string{"sh", "-c", "echo no such flag >&2; exit 2"}}, 1, -1, false)
	if err == nil || !strings.Contains(err.Error(), "broken, pod 0") || !strings.Contains(err.Error(), "no such flag") {
		t.Errorf("error %v, want one with the pod and its words", err)
	}
}
