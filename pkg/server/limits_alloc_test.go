package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// The limits of a connection cost a message that passes no allocation.
func TestConnectionLimitsDoNotAllocate(t *testing.T) {
	r := throttle.Rules{Conn: throttle.Rates{Bytes: throttle.Limit{Rate: 1e9, Burst: 1 << 20}}}
	r.Events = map[string]throttle.Limit{"typing": {Rate: 1e6, Burst: 1e6}}
	g := newLimits(&Limits{Rules: r}, newWheel(), newLimitCounts(), nil)
	l := &link{}
	l.limits.Store(g.newLink(&http.Request{RemoteAddr: "192.0.2.1:1"}))
	now := time.Duration(0)
	for _, event := range []string{"typing", "message"} {
		name := func() string { return event }
		got := testing.AllocsPerRun(1000, func() {
			now += time.Millisecond
			if ok, _, _ := g.message(l, throttle.Limit{Rate: 1e6, Burst: 1e6}, now, nil, 128, name); !ok {
				t.Fatal("refused")
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations a message, want none", event, got)
		}
	}
}
