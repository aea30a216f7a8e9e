package loadgen

import (
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// only reduces a plan to one client and what it needs to have somebody to talk
// to: of every other group one client on each target, of a matrix one cell. Each
// keeps its index, its token and its random numbers, so that what one client met
// in a run of thousands can be seen by itself. Thresholds speak of the whole
// load; where nothing is left of it, they pass.
func (p *Plan) only(n int) error {
	if n < 0 || n >= p.Clients {
		return &rt.Error{Op: "plan", Kind: rt.KindUsage, Err: fmt.Errorf("no client %d, the plan has clients 0 to %d", n, p.Clients-1)}
	}
	p.Clients = 0
	for _, g := range p.Groups {
		first := g.first
		cells, chosen := g.Cells, n-first
		g.Cells, g.stages, g.Count, g.first = nil, nil, 0, p.Clients
		for _, c := range cells {
			at := c.First
			switch {
			case chosen >= 0 && chosen < lastOf(cells): // of this group the one only
				if chosen < c.First || chosen >= c.First+c.Count {
					continue
				}
				at = chosen
			case c.Count == 0, len(g.Group.Matrix) > 0 && len(g.Cells) > 0:
				continue
			}
			one := *c
			one.First, one.Count = g.Count, 1
			one.shift, one.shiftID = at-g.Count, first+at-(g.first+g.Count)
			g.Cells = append(g.Cells, &one)
			g.Count++
		}
		p.Clients += g.Count
	}
	s := *p.Scenario
	s.Thresholds = nil
	for _, t := range p.Scenario.Thresholds {
		x := *t
		x.AllowEmpty = true
		s.Thresholds = append(s.Thresholds, &x)
	}
	p.Scenario = &s
	return nil
}

// lastOf is the index behind the last client of a group's cells.
func lastOf(cells []*CellPlan) int {
	n := 0
	for _, c := range cells {
		n = max(n, c.First+c.Count)
	}
	return n
}
