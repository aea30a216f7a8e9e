package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// TestThrottleSharedByPods: a user who sends through three pods at once gets the
// rate of one, within 2 %, and each pod gives a part of it.
func TestThrottleSharedByPods(t *testing.T) {
	redis := rttest.Redis(t)
	binary := rttest.Binary(t, false)
	const rate = 50.0
	var pods []*rttest.Gateway
	var ears []*ear
	token := mintToken(t, binary)
	for range 3 {
		g := rttest.Serve(t, binary, []string{"RTK_JWT_SECRET=" + testSecret}, "--redis", redis, "--service", "chat",
			"--throttle-limit", "user.messages=50/s:25", "--throttle-shared",
			"--throttle-shared-wait", "5s") // a busy machine is not what is tested
		pods, ears = append(pods, g), append(ears, listen(t, g, token))
	}
	got, byPod := flood(t, ears, 8*time.Second)
	t.Logf("%.2f/s, by pod %v", got, byPod)
	if got < 0.98*rate || got > 1.02*rate {
		t.Errorf("%.2f messages a second passed, want %v within 2 %%", got, rate)
	}
	for i, n := range byPod {
		if float64(n) < 8*rate/30 {
			t.Errorf("pod %d let %d pass", i, n)
		}
	}
	for i, g := range pods {
		if strings.Contains(g.Stderr(), "this pod decides by itself") {
			t.Errorf("pod %d decided without Redis", i)
		}
	}
}

// flood sends through all for d, at six times the rate, and returns the rate of
// what passed after the first refusal, and how much each let pass.
func flood(t *testing.T, ears []*ear, d time.Duration) (rate float64, byEar []int) {
	t.Helper()
	var mu sync.Mutex
	var passed []time.Time
	refused := false
	byEar = make([]int, len(ears))
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for i, e := range ears {
		wg.Go(func() {
			for tick := time.NewTicker(10 * time.Millisecond); time.Now().Before(end); <-tick.C {
				a := e.ask("join", `{"room":"r"}`)
				mu.Lock()
				switch ok := strings.Contains(a, `"ok":true`); {
				case ok && refused:
					passed = append(passed, time.Now())
					byEar[i]++
				case !ok && !strings.Contains(a, "rate_limited"):
					t.Errorf("got %s", a)
				case !ok:
					refused = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(passed) < 2 {
		t.Fatalf("%d messages passed", len(passed))
	}
	n := len(passed) - 1
	return float64(n) / passed[n].Sub(passed[0]).Seconds(), byEar
}
