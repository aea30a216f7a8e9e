package server_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// A changed limit holds for the next message of a connection that is there.
func TestReconfigureThrottle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, server.Options{Throttle: throttle.Limit{Rate: 1, Burst: 2}}, echoGateway)
		c := g.joined(t, "/")
		ask := func(want bool) {
			t.Helper()
			c.send(`421["echo"]`)
			if got := c.next(); strings.Contains(got, "rate_limited") == want {
				t.Errorf("answer %q, want acceptance %v", got, want)
			}
		}
		ask(true)
		ask(true)
		ask(false)
		if err := g.Reconfigure(server.Live{}); err != nil { // off
			t.Fatal(err)
		}
		for range 10 {
			ask(true)
		}
		if err := g.Reconfigure(server.Live{Throttle: throttle.Limit{Rate: 0.001, Burst: 1}}); err != nil {
			t.Fatal(err)
		}
		ask(false)
		if err := g.Reconfigure(server.Live{Origins: []string{"nonsense"}}); err == nil || !strings.Contains(err.Error(), "Origins") {
			t.Errorf("a bad origin: %v", err)
		}
		ask(false) // nothing of it was applied
	})
}
