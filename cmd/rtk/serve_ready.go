package main

import (
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// troubleWindow is how long a failure to accept keeps the pod from being ready.
// net/http tries again at least every second, so lasting trouble renews it.
const troubleWindow = 5 * time.Second

// gatewayStats is the gateway as the admin listener sees it: its own state and
// figures and those of the listeners in front of it.
type gatewayStats struct {
	*server.Server
	listeners []*listener
	// leaving is set from the first signal on, before the gateway drains.
	leaving *atomic.Bool
	outside *boundServices
}

// Ready implements admin.Gateway.
func (g gatewayStats) Ready() (ok bool, reason string) {
	if ok, reason = g.Server.Ready(); !ok {
		return false, reason
	}
	if g.leaving.Load() {
		return false, "draining"
	}
	for _, l := range g.listeners {
		if reason, bad := l.trouble(time.Now()); bad {
			return false, "listener " + l.name + ": " + reason
		}
	}
	return true, ""
}

// Stats implements admin.Gateway.
func (g gatewayStats) Stats() stats.Pod {
	p := g.Server.Stats()
	p.Ready, p.Reason = g.Ready()
	p.Draining = p.Draining || g.leaving.Load()
	p.Services = g.outside.stats()
	for _, l := range g.listeners {
		p.Connections.AcceptErrors += l.errors.Load()
	}
	return p
}
