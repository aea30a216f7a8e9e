package server

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// counters are the totals and gauges of Stats. Those of the hot paths are added
// to once for a write or a broadcast, not once for a recipient.
type counters struct {
	clients [kinds]atomic.Int64

	messagesIn, messagesOut, bytesIn, bytesOut atomic.Uint64
	broadcasts, broadcastsRemote, published    atomic.Uint64

	opened, upgrades, sseHTTP1Browsers atomic.Uint64
	closed, handshake, auth            tally

	throttled, strikes, protocol   atomic.Uint64
	payloadsInvalid                atomic.Uint64
	slowConsumers, volatileDropped atomic.Uint64

	overflowDropped, superseded, coalesced atomic.Uint64

	recovered, recoveryRefused atomic.Uint64
	resumed, gaps              atomic.Uint64

	podAsked, podPartial, podAnswered, podExecuted, podDropped atomic.Uint64

	handling, writing stats.Recorder
}

func (c *counters) init() {
	for _, t := range []*tally{&c.closed, &c.handshake, &c.auth} {
		t.by = make(map[string]uint64)
	}
}

// tally counts rare things by name. The names are the gateway's own, never a
// client's, so their number is bounded.
type tally struct {
	mu sync.Mutex
	by map[string]uint64
}

func (t *tally) add(name string) {
	t.mu.Lock()
	t.by[name]++
	t.mu.Unlock()
}

func (t *tally) snapshot() (by map[string]uint64, sum uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.by {
		sum += n
	}
	return maps.Clone(t.by), sum
}
