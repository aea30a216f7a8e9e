package loadgen

import "github.com/realtime-toolkit/rtk/pkg/rt"

// compilePhases works out how many clients of each group come and go, and
// numbers all of them.
func compilePhases(p *Plan) error {
	total, rows := 0, map[string]int{}
	for _, g := range p.Groups {
		if rampedBy(p.Scenario.Phases, g) {
			total += g.Count
		}
	}
	for _, g := range p.Groups {
		switch {
		case ramps(g.Group.Phases):
			g.ramp(stagesOf(g.Group.Phases, g.Count, g.Count))
		case rampedBy(p.Scenario.Phases, g):
			g.ramp(stagesOf(p.Scenario.Phases, g.Count, total))
		}
		if g.stages != nil && g.Count == 0 {
			return planError(g.Group.Pos, "clients %s: the phases leave it without any client: rampTo is a number of clients of all groups that have no phases and no connect.rate of their own", g.Group.Name)
		}
		if err := compileData(p, g, rows); err != nil {
			return err
		}
		g.first = p.Clients
		p.Clients += g.Count
		if p.Clients > maxClients {
			return planError(g.Group.Pos, "more than %d clients", maxClients)
		}
	}
	return nil
}

// rampedBy tells whether the scenario's phases say how many clients of a group
// are connected: not those of groups that have their own rate or phases, hold
// no connection, or are made for a matrix, which tries each cell at once.
func rampedBy(phases []Phase, g *GroupPlan) bool {
	x := g.Group
	return ramps(phases) && x.Connect.Rate == 0 && len(x.Phases) == 0 && len(x.Matrix) == 0 && x.protocol() != rt.HTTP
}

// ramp gives the group its stages and the clients that they take, spread over
// its cells.
func (g *GroupPlan) ramp(list []stage) {
	g.stages = list
	g.Count = comers(list)
	first, n := 0, len(g.Cells)
	for i, c := range g.Cells {
		c.First, c.Count = first, g.Count/n
		if i < g.Count%n {
			c.Count++
		}
		first += c.Count
	}
}
