package loadgen

import "github.com/realtime-toolkit/rtk/pkg/rt"

// unreadSamples is how many connections are asked each second how much of what
// they received is unread.
const unreadSamples = 32

// unread is what the sampled receive buffers held.
type unread struct {
	samples, halfFull int64
	most              float64 // largest fill, 0 to 1
	next              int
}

// sample looks at some of the connections, another part each time. What waits in
// the kernel has arrived, though rtk has not seen it: its time of arrival will be
// too late.
func (u *unread) sample(e *engine) {
	n := len(e.clients)
	step := max(n/unreadSamples, 1)
	for i := range min(n, unreadSamples) {
		c := &e.clients[(u.next+i*step)%n]
		c.mu.Lock()
		conn := c.conn
		up := conn != nil && !c.gone && !c.closing && c.cell.slow == nil // those shall not be read
		c.mu.Unlock()
		if !up || c.cell.group.plan.Group.ReadRate > 0 { // those leave it unread on purpose
			continue
		}
		if b, ok := conn.(rt.Backlog); ok {
			u.note(b.Unread())
		}
	}
	u.next++
}

func (u *unread) note(waiting, room int, ok bool) {
	if !ok || room <= 0 {
		return
	}
	u.samples++
	fill := min(float64(waiting)/float64(room), 1)
	u.most = max(u.most, fill)
	if fill >= 0.5 {
		u.halfFull++
	}
}

func (u *unread) share() float64 {
	if u.samples == 0 {
		return 0
	}
	return float64(u.halfFull) / float64(u.samples)
}
