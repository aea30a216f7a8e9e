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
	binary := rttest.Binary(t, true)
	const rate, steady = 50.0, 8 * time.Second
	var ears []*ear
	token := mintToken(t, binary)
	for range 3 {
		ears = append(ears, listen(t, rttest.Serve(t, binary, []string{"RTK_JWT_SECRET=" + testSecret}, "--redis", redis, "--service", "chat",
			"--throttle-limit", "user.messages=50/s:25", "--throttle-shared"), token))
	}
	var mu sync.Mutex
	var passed []time.Time
	byPod := make([]int, len(ears))
	var first time.Time // when the burst was used up
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i, e := range ears {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a := e.ask("join", `{"room":"r"}`)
				now := time.Now()
				mu.Lock()
				switch {
				case strings.Contains(a, `"ok":true`):
					passed = append(passed, now)
					byPod[i]++
				case !strings.Contains(a, "rate_limited"):
					t.Errorf("got %s", a)
				case first.IsZero():
					first = now
				}
				mu.Unlock()
			}
		})
	}
	time.Sleep(steady + time.Second)
	close(stop)
	wg.Wait()
	var steadyOnes []time.Time
	for _, at := range passed {
		if at.After(first) {
			steadyOnes = append(steadyOnes, at)
		}
	}
	if len(steadyOnes) < 100 {
		t.Fatalf("%d of %d messages passed after the burst", len(steadyOnes), len(passed))
	}
	n := len(steadyOnes) - 1
	got := float64(n) / steadyOnes[n].Sub(steadyOnes[0]).Seconds()
	t.Logf("%d messages at %.2f/s, by pod %v", n, got, byPod)
	if got < 0.98*rate || got > 1.02*rate {
		t.Errorf("%.2f messages a second passed, want %v within 2 %%", got, rate)
	}
	for i, n := range byPod {
		if n < len(passed)/20 {
			t.Errorf("pod %d let %d of %d pass", i, n, len(passed))
		}
	}
}
