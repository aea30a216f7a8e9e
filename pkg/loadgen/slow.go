package loadgen

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// slowTally counts what becomes of the clients of a cell that read slowly.
// Whatever a server does with them is its policy, so that none of it fails a
// run by itself: not that it drops messages, not that it ends the connection.
type slowTally struct {
	bytes atomic.Int64 // that were read, on connections that have ended

	mu      sync.Mutex
	reasons map[string]int64 // of ends by the server or the network
}

// maxSlowReasons bounds the reasons that are told apart, which servers choose.
const maxSlowReasons = 16

// slow tells whether the group's clients read slowly.
func (g *Group) slow() bool { return g.ReadRate > 0 }

// ended counts the end of a slow reader's connection.
func (t *slowTally) ended(i rt.CloseInfo) {
	reason := slowReason(i)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reasons == nil {
		t.reasons = map[string]int64{}
	}
	if _, known := t.reasons[reason]; !known && len(t.reasons) >= maxSlowReasons {
		reason = otherEvents
	}
	t.reasons[reason]++
}

// slowReason is the reason of an end in words that are few.
func slowReason(i rt.CloseInfo) string {
	s := i.Reason
	if s == "" {
		s = map[rt.CloseBy]string{rt.ByPeer: "closed by the server", rt.ByNetwork: "network"}[i.By]
	}
	s = strings.Map(func(r rune) rune {
		if r == '{' || r == '}' || r == ',' || r == '=' || r == '"' {
			return ' '
		}
		return r
	}, printable(s))
	return clip(strings.TrimSpace(s), 60)
}

// noteBytes counts what was read on a connection that has ended. mu is held.
func (c *client) noteBytes() {
	if c.cell.slow != nil && c.conn != nil {
		c.cell.slow.bytes.Add(c.conn.Info().BytesRead)
	}
}

// slowSeries makes the series of a cell whose clients read slowly.
func (l *seriesList) slowSeries(c *cellRun) {
	t := c.slow
	if t == nil {
		return
	}
	l.count(SlowBytesRead, c.labels, t.bytes.Load())
	opened := c.opened.Load()
	l.ratio(SlowDisconnects, c.labels, 0, opened)
	t.mu.Lock()
	defer t.mu.Unlock()
	for reason, n := range t.reasons {
		l.ratio(SlowDisconnects, with(c.labels, LabelReason, reason), n, 0)
	}
}
