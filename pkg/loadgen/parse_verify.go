package loadgen

import "slices"

func (p *parse) verify(name string, key, value *node) {
	o := p.object(value, verifyDef)
	if o == nil {
		return
	}
	v := &Verify{
		Pos:       key.pos,
		Name:      name,
		From:      p.groupName(o.get("from")),
		To:        p.groupName(o.get("to")),
		Guarantee: Guarantee(o.enum("guarantee", guaranteeWords)),
		Order:     Order(o.enum("order", orderWords)),
		Within:    o.duration("within", 0),
		Settle:    o.duration("settle", 0),
		GroupBy:   o.enum("groupBy", []string{"target"}),
		Nothing:   o.enum("expect", []string{"nothing"}) == "nothing",
		Advice:    o.advice(),
	}
	v.Across = o.boolean("acrossReconnect")
	p.named(o.get("inPhase"), "inPhase", func(name string, key, value *node) {
		if !slices.ContainsFunc(p.sc.Phases, func(x Phase) bool { return x.Name == name }) {
			p.hintf(key.pos, didYouMean(name, phaseNames(p.sc.Phases)), "unknown phase %q", name)
			return
		}
		if v.InPhase == nil {
			v.InPhase = map[string]Guarantee{}
		}
		v.InPhase[name] = Guarantee(p.enum(value, "guarantee", guaranteeWords))
	})
	if to := p.groups[v.To]; v.Across && to != nil && to.Reconnect == nil {
		p.hintf(o.keyPos("acrossReconnect"), "add reconnect to the group", "acrossReconnect needs clients that come back, group %q has no reconnect", v.To)
	}
	if v.Nothing {
		for _, k := range []string{"guarantee", "inPhase", "order", "within", "acrossReconnect"} {
			if o.has(k) {
				p.errorf(o.keyPos(k), "%s makes no sense where nothing is expected", k)
			}
		}
	}
	if to := p.groups[v.To]; v.Guarantee == "" && !v.Nothing && to != nil && to.slow() {
		v.Guarantee, v.Slow = AtMostOnce, true
	}
	if v.Guarantee == "" && !v.Nothing {
		v.Guarantee = ExactlyOnce
	}
	if v.Order == "" {
		v.Order = OrderNone
	}
	if from := p.groups[v.From]; from != nil && !from.sendsMarker() {
		p.hintf(o.get("from").pos, `put "{{marker}}" into what it sends`, "group %q sends no {{marker}}, so its messages can't be recognised", v.From)
	}
	if to := p.groups[v.To]; to != nil && !to.listens() {
		p.hintf(o.get("to").pos, "add a step: {on: EVENT, until: end}", "group %q has no on step, so it receives nothing", v.To)
	}
	p.sc.Verify = append(p.sc.Verify, v)
	if reason := o.skipped(); reason != "" {
		p.skips[v] = reason
	}
}

func (p *parse) groupName(n *node) string {
	if n == nil {
		return ""
	}
	s, ok := p.text(n, "group")
	if ok && p.groups[s] == nil {
		p.hintf(n.pos, didYouMean(s, p.groupNames()), "unknown group %s", n.describe())
	}
	return s
}

func (p *parse) groupNames() []string {
	out := make([]string, len(p.sc.Groups))
	for i, g := range p.sc.Groups {
		out[i] = g.Name
	}
	return out
}

func (g *Group) sendsMarker() bool {
	return slices.ContainsFunc(g.Flow, func(s *Step) bool {
		return s.Emit != nil && s.Emit.Marker || s.Publish != nil && s.Publish.Marker
	})
}

func (g *Group) listens() bool {
	return slices.ContainsFunc(g.Flow, func(s *Step) bool { return s.On != nil })
}

func phaseNames(list []Phase) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = x.Name
	}
	return out
}
