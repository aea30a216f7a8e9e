package loadgen

import "slices"

var phaseDef = &objectDef{
	name: "phase", what: "a phase", doc: "One part of the run, for instance a ramp or the time of a fault. Phases follow each other from the beginning of the run.",
	keys: []keyDef{
		{name: "name", typ: textType, doc: "Name, for thresholds (ack_latency{phase=hold}) and for reports.", examples: []any{"hold"}, required: true},
		{name: "for", typ: durationType, doc: "How long it lasts, with the clients that are there.", examples: []any{"10m"}},
		{name: "rampTo", typ: intType(0), doc: "Connect or disconnect clients evenly until so many are connected, over all groups that have no connect.rate, phases or matrix of their own, in proportion to their count. A scenario that begins with a ramp begins with nobody, another one with the count of each group.", examples: []any{4000}},
		{name: "over", typ: durationType, doc: "How long the ramp takes.", examples: []any{"10m"}},
	},
}

const maxPhases = 1000

// phases reads a list of phases. Those of a group needn't have names, because
// windows are those of the scenario.
func (p *parse) phases(n *node, named bool) []Phase {
	if n == nil {
		return nil
	}
	items := p.items(n, "phases")
	if len(items) > maxPhases {
		p.errorf(n.pos, "more than %d phases", maxPhases)
		return nil
	}
	var out []Phase
	for _, item := range items {
		if x, ok := p.phase(item, named); ok {
			if slices.ContainsFunc(out, func(o Phase) bool { return o.Name == x.Name && named }) {
				p.errorf(item.pos, "two phases are called %q", x.Name)
				continue
			}
			out = append(out, x)
		}
	}
	return out
}

func (p *parse) phase(n *node, named bool) (Phase, bool) {
	def := phaseDef
	if !named {
		def = groupPhaseDef
	}
	o := p.object(n, def)
	if o == nil {
		return Phase{}, false
	}
	x := Phase{Pos: n.pos, Name: o.str("name")}
	if x.Name != "" && !validName(x.Name) {
		p.hintf(o.get("name").pos, "letters, digits, and - _ . after the first", "%q is no name for a phase", clip(printable(x.Name), 40))
	}
	x.Ramps = o.has("rampTo")
	length, ramp := o.duration("for", 0), o.duration("over", 0)
	x.RampTo = int(o.integer("rampTo", 0, 0, maxCount))
	switch {
	case x.Ramps && o.has("for"):
		p.hintf(o.keyPos("for"), "write over: for the ramp, and a phase of its own for what follows", "a phase with rampTo takes over, not for")
		return x, false
	case x.Ramps && !o.has("over"):
		p.hintf(o.keyPos("rampTo"), "add over: 1m", "rampTo needs over, the time that the ramp takes")
		return x, false
	case !x.Ramps && o.has("over"):
		p.hintf(o.keyPos("over"), "write for: to hold, or add rampTo: N", "over needs rampTo")
		return x, false
	case !x.Ramps && !o.has("for"):
		p.hintf(n.pos, "add for: 1m, or rampTo: N with over: 1m", "a phase needs a length")
		return x, false
	}
	x.Length = max(length, ramp)
	return x, x.Length > 0
}

var groupPhaseDef = &objectDef{
	name: "groupPhase", what: "a phase of a group", doc: "One part of a group's run, instead of what the scenario's phases say about how many clients are connected.",
	keys: append([]keyDef{
		{name: "name", typ: textType, doc: "Name, for the reader; windows are those of the scenario's phases.", examples: []any{"hold"}},
	}, phaseDef.keys[1:]...),
}

var rateRampDef = &objectDef{
	name: "rateRamp", what: "a rate", doc: "A rate that changes evenly, and then stays.",
	keys: []keyDef{
		{name: "from", typ: rateType, doc: "Rate at the beginning of the step.", examples: []any{"1/s"}, required: true},
		{name: "to", typ: rateType, doc: "Rate at the end of the ramp.", examples: []any{"10/s"}, required: true},
		{name: "over", typ: durationType, doc: "How long the ramp takes.", examples: []any{"30s"}, required: true},
	},
}

// pacedRate reads a rate, or a ramp from one to another.
func (o *object) pacedRate(key string) (float64, *RateRamp) {
	n := o.get(key)
	if n == nil || n.kind != mappingNode {
		return o.rate(key), nil
	}
	x := o.p.object(n, rateRampDef)
	r := &RateRamp{From: x.rampEnd("from"), To: x.rampEnd("to"), Over: x.duration("over", 0)}
	if r.Over == 0 || !x.has("from") || !x.has("to") {
		return 0, nil
	}
	if r.From == 0 && r.To == 0 {
		o.p.errorf(n.pos, "%s: from and to are both zero", key)
		return 0, nil
	}
	return max(r.From, r.To), r
}

// rampEnd is a rate that may be zero.
func (o *object) rampEnd(key string) float64 {
	if e := o.lookup(key); e != nil && e.value.kind == scalarNode {
		if n, unit, ok := splitNumber(e.value.text); ok && n == 0 && (unit == "" || unit[0] == '/') {
			o.get(key)
			return 0
		}
	}
	return o.rate(key)
}
