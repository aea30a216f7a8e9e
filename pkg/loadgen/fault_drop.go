package loadgen

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// drop breaks connections from the side of their clients.
func (r *faultRun) drop(ev *FaultEvent) func(*FaultEvent) {
	d := r.f.Drop
	chosen, of := r.choose()
	ev.Of = of
	var held []severed
	for _, c := range chosen {
		conn, gen, ok := c.sever(d.How)
		if !ok {
			continue
		}
		if conn.Break(d.How) != nil {
			continue // it has ended in this very moment
		}
		ev.Hit++
		held = append(held, severed{c, conn, gen})
	}
	if d.How != rt.BreakBlackhole {
		return nil
	}
	return func(*FaultEvent) {
		for _, s := range held {
			s.reset()
		}
	}
}

// severed is a connection in a blackhole.
type severed struct {
	c    *client
	conn rt.Breaker
	gen  uint32
}

// reset ends the blackhole, if nobody has noticed it before.
func (s severed) reset() {
	s.c.mu.Lock()
	same := s.c.gen == s.gen && !s.c.gone
	s.c.mu.Unlock()
	if same {
		_ = s.conn.Break(rt.BreakReset)
	}
}

// choose picks the clients to hit out of those that are connected. The same
// seed picks the same clients, if the same are connected.
func (r *faultRun) choose() (chosen []*client, of int) {
	e, d := r.fs.e, r.f.Drop
	for _, g := range e.groups {
		if d.Clients != "" && g.plan.Group.Name != d.Clients {
			continue
		}
		for i := range g.plan.Count {
			if c := &e.clients[g.plan.first+i]; c.breakable() {
				chosen = append(chosen, c)
			}
		}
	}
	of = len(chosen)
	n := int(math.Round(d.Share * float64(of)))
	if n < of {
		draw := int64(r.index)<<32 | int64(r.times)
		rank := func(c *client) uint64 { return e.random(c, -2-draw) }
		slices.SortFunc(chosen, func(a, b *client) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.id, b.id)) })
		chosen = chosen[:n]
	}
	return chosen, of
}

// breakable tells whether the client has a connection that can be broken.
func (c *client) breakable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.canBreak()
}

func (c *client) canBreak() bool {
	if c.conn == nil || !c.counted || c.gone || c.closing || c.away || c.severed || c.stopped || c.probe != nil {
		return false
	}
	_, ok := c.conn.(rt.Breaker)
	return ok
}

// sever says that the client's connection is about to be broken on purpose.
func (c *client) sever(how rt.BreakHow) (conn rt.Breaker, gen uint32, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.canBreak() {
		return nil, 0, false
	}
	c.severed = true
	if how == rt.BreakBlackhole {
		c.unexpect(c.eng.now())
	}
	return c.conn.(rt.Breaker), c.gen, true
}

// unexpect closes the ledger's window of a client that a fault cuts off: for
// now, if it is to come back. mu is held.
func (c *client) unexpect(at time.Duration) {
	if c.sub < 0 || !c.joined {
		return
	}
	a := c.cell.group.audience
	if c.cell.group.reconnects() {
		a.Pause(int(c.sub), c.eng.micros(at-a.edge))
	} else {
		a.Leave(int(c.sub), c.eng.micros(at), a.edge.Microseconds())
	}
}
