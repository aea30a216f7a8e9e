package loadgen

import (
	"slices"
	"strings"
)

const maxCells = 10_000

// matrix reads the axes of a group and what they exclude.
func (p *parse) matrix(g *Group, o *object) {
	n := o.get("matrix")
	p.named(n, "matrix", func(name string, key, value *node) {
		a := Axis{Pos: key.pos, Name: name}
		switch name {
		case AxisCase:
			a.Values = p.cases(value)
		case AxisTarget:
			g.Targets = p.targetAxis(&a, value)
		default:
			a.Values = p.axisValues(name, value)
		}
		seen := map[string]bool{}
		for _, v := range a.Values {
			if seen[v.Name] && v.Name != "" {
				p.errorf(v.Pos, "%q is listed twice in %s", v.Name, name)
			}
			seen[v.Name] = true
		}
		g.Matrix = append(g.Matrix, a)
	})
	cells := 1
	for _, a := range g.Matrix {
		cells = min(cells*max(len(a.Values), 1), maxCells+1)
	}
	if cells > maxCells || cells*g.Count > maxCount {
		p.errorf(n.pos, "the matrix of group %q is too large: at most %d cells and %d clients", g.Name, maxCells, maxCount)
	}
	p.excludes(g, o)
}

func (p *parse) axisValues(axis string, n *node) []AxisValue {
	var out []AxisValue
	for _, item := range p.list(n, "axis "+axis) {
		v := AxisValue{Pos: item.pos, Name: item.text}
		switch axis {
		case AxisTransport:
			v.Name = p.enum(item, "transport", []string{"websocket", "polling"})
		case AxisPlace:
			v.Name = string(p.place(item))
		default:
			if len(v.Name) > 128 {
				p.errorf(item.pos, "a value of an axis has at most 128 characters")
			}
		}
		if v.Name != "" {
			out = append(out, v)
		}
	}
	return out
}

// targetAxis resolves the target axis, which takes the place of the group's
// target.
func (p *parse) targetAxis(a *Axis, n *node) []*Target {
	o := &object{p: p, n: n, def: groupDef}
	o.n = &node{pos: n.pos, kind: mappingNode, entries: []entry{{&node{pos: n.pos, kind: scalarNode, text: "target"}, n}}}
	targets := p.groupTargets(o)
	a.Values = targetAxisValues(n.pos, targets)
	return targets
}

func (p *parse) cases(n *node) []AxisValue {
	var out []AxisValue
	for _, item := range p.items(n, "the case axis") {
		o := p.object(item, caseDef)
		if o == nil {
			continue
		}
		v := AxisValue{Pos: item.pos, Name: o.str("name"), Auth: p.authRef(o.get("auth")), Header: p.headers(o.get("headers")), Expect: p.caseExpect(o.get("expect"))}
		v.Expect.Advice = o.advice()
		if o.has("name") && (strings.TrimSpace(v.Name) == "" || len(v.Name) > 128) {
			p.errorf(o.keyPos("name"), "a case has a name of 1 to 128 characters")
		}
		out = append(out, v)
	}
	return out
}

func (p *parse) caseExpect(n *node) *CaseExpect {
	if n == nil {
		return &CaseExpect{}
	}
	if n.kind == scalarNode {
		words := []string{OutcomeAccepted, OutcomeRejected}
		if n.text == OutcomeDisconnected {
			p.hintf(n.pos, "write {disconnected: {within: 6s}}", "disconnected needs a bound")
			return &CaseExpect{}
		}
		return &CaseExpect{Outcome: p.enum(n, "expectation", words)}
	}
	o := p.object(n, caseExpectDef)
	return &CaseExpect{Outcome: OutcomeDisconnected, Within: p.within(o.get("disconnected"), defaultRejectedWithin)}
}

func (p *parse) excludes(g *Group, o *object) {
	n := o.get("exclude")
	if n == nil {
		return
	}
	axes := make([]string, len(g.Matrix))
	for i, a := range g.Matrix {
		axes[i] = a.Name
	}
	for _, item := range p.items(n, "exclude") {
		if item.kind != mappingNode {
			p.errorf(item.pos, "a combination is a mapping from axes to values, not %s", item.describe())
			continue
		}
		x := Exclusion{Pos: item.pos, Match: map[string]string{}}
		unless := false
		for _, e := range item.entries {
			s, ok := p.text(e.value, "a value of an axis")
			if !ok {
				continue
			}
			switch e.key.text {
			case "reason":
				x.Reason = s
				continue
			case "unless":
				unless = isOn(s)
				continue
			}
			i := slices.Index(axes, e.key.text)
			if i < 0 {
				p.hintf(e.key.pos, didYouMean(e.key.text, append(axes, "reason", "unless")), "unknown axis %q in exclude", e.key.text)
				continue
			}
			values := axisNames(g.Matrix[i])
			if !slices.Contains(values, s) {
				p.hintf(e.value.pos, didYouMean(s, values), "axis %s has no value %s", e.key.text, e.value.describe())
			}
			x.Match[e.key.text] = s
		}
		if len(x.Match) == 0 {
			p.errorf(item.pos, "an exclusion names at least one axis, this one would exclude everything")
		}
		if x.Reason == "" {
			p.hintf(item.pos, "add reason: …", "an exclusion needs a reason, the report shows it")
		}
		if !unless {
			g.Exclude = append(g.Exclude, x)
		}
	}
}

// isOn reads the switch of an exclusion, usually an environment reference.
func isOn(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "false", "no", "off", "0":
		return false
	}
	return true
}

func axisNames(a Axis) []string {
	out := make([]string, len(a.Values))
	for i, v := range a.Values {
		out[i] = v.Name
	}
	return out
}

func (g *Group) hasAxis(name string) bool {
	return slices.ContainsFunc(g.Matrix, func(a Axis) bool { return a.Name == name })
}
