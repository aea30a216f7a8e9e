package loadgen

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
)

// compileData gives the clients of a group their rows, and leaves out those
// for which there is none where the scenario says so. taken counts the rows of
// unique data that have an owner.
func compileData(p *Plan, g *GroupPlan, taken map[string]int) error {
	names := g.Group.feeders()
	if len(names) == 0 {
		return nil
	}
	rows := &clientRows{feeders: map[string]*feederRows{}}
	for _, name := range names {
		f := p.Scenario.feeder(name)
		if f == nil || f.Rows() == 0 {
			return planError(g.Group.Pos, "clients %s: data %s was not read", g.Group.Name, name)
		}
		h := fnv.New64a()
		h.Write([]byte(g.Group.Name + "\x00" + name))
		fr := &feederRows{Feeder: f, seed: p.Seed ^ h.Sum64()}
		left := f.Rows()
		if f.Order == DataUnique {
			fr.first = taken[name]
			left -= fr.first
		}
		if g.Count > left && f.OnEnd != DataRepeat && f.Order != DataRandom {
			if err := runOut(p, g, f, left); err != nil {
				return err
			}
		}
		rows.feeders[name] = fr
	}
	for _, name := range names {
		if rows.feeders[name].Order == DataUnique {
			taken[name] += g.Count
		}
	}
	g.rows = rows
	return nil
}

// runOut is what happens when a group has more clients than there are rows.
func runOut(p *Plan, g *GroupPlan, f *Feeder, left int) error {
	if f.OnEnd == DataFail || left == 0 || g.stages != nil { // a ramp asks for a number of clients
		what := "rows"
		if left == 1 {
			what = "row"
		}
		return planError(f.Pos, "data %s: %d %s left for %d clients %s: add rows, lower the count, or choose another onEnd", f.Name, left, what, g.Count, g.Group.Name)
	}
	p.Warnings = append(p.Warnings, fmt.Sprintf("clients %s: data %s has rows for %d of %d, the others take no part", g.Group.Name, f.Name, left, g.Count))
	g.Count = 0
	var cells []*CellPlan
	for _, c := range g.Cells {
		if left == 0 {
			g.Skipped = append(g.Skipped, SkippedCell{Name: c.Name, Reason: fmt.Sprintf("data %s has no more rows", f.Name), Pos: f.Pos})
			continue
		}
		c.Count = min(c.Count, left)
		left -= c.Count
		c.First, g.Count = g.Count, g.Count+c.Count
		cells = append(cells, c)
	}
	g.Cells = cells
	return nil
}

// feeders are the names of the data that the group's clients use.
func (g *Group) feeders() []string {
	var out []string
	add := func(t Template) {
		t.feeders(func(name string) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		})
	}
	addText := func(s string) {
		if strings.Contains(s, "{{") {
			if t, err := ParseTemplate(s); err == nil {
				add(t)
			}
		}
	}
	addAuth := func(a *AuthRef) {
		if a == nil || a.Profile == nil {
			return
		}
		addText(a.Profile.Raw)
		if a.Profile.JWT != nil {
			for _, v := range a.Profile.JWT.Claims {
				if s, ok := v.(string); ok {
					addText(s)
				}
			}
		}
	}
	addAuth(g.Auth)
	addHeader := func(h http.Header) {
		for _, values := range h {
			for _, v := range values {
				addText(v)
			}
		}
	}
	for _, a := range g.Matrix {
		for _, v := range a.Values {
			addAuth(v.Auth)
			addHeader(v.Header)
		}
	}
	addHeader(g.Connect.Header)
	for _, t := range g.Targets {
		addHeader(t.Header)
		if t.URL != nil {
			addText(t.URL.Path)
			addText(t.URL.RawQuery)
		}
	}
	for _, st := range g.Flow {
		st.templates(add)
	}
	slices.Sort(out)
	return out
}

// templates calls f with every template of a step.
func (st *Step) templates(f func(Template)) {
	switch {
	case st.Emit != nil:
		for _, a := range st.Emit.Args {
			f(a)
		}
	case st.Publish != nil:
		f(st.Publish.JSON)
		f(st.Publish.PathVars)
	case st.Exec != nil:
		f(st.Exec.With)
	}
}
