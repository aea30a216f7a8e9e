package loadgen

import (
	"cmp"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const maxSteps = 1000

func (p *parse) flow(g *Group, o *object, proto rt.Protocol) {
	n := o.get("flow")
	if n == nil {
		return
	}
	if n.kind != sequenceNode {
		p.hintf(n.pos, "begin each step with a dash", "flow is a list of steps, not %s", n.describe())
		return
	}
	if len(n.items) == 0 {
		p.errorf(n.pos, "flow is empty")
	}
	if len(n.items) > maxSteps {
		p.errorf(n.pos, "more than %d steps", maxSteps)
		return
	}
	var last *Step // a step that never ends
	for _, item := range n.items {
		s := p.step(g, item, proto)
		if s == nil {
			continue
		}
		if last != nil && s.On == nil {
			p.errorf(s.Pos, "this step is never reached: %q in line %d goes on until the end", last.Name, last.Pos.Line)
		}
		if s.On != nil && s.On.UntilEnd {
			last = s
		}
		g.Flow = append(g.Flow, s)
	}
}

func (p *parse) step(g *Group, n *node, proto rt.Protocol) *Step {
	if n.kind != mappingNode {
		p.hintf(n.pos, "a step is for example: emit: join", "a step is a mapping, not %s", n.describe())
		return nil
	}
	kind := p.stepForm(n)
	if kind == nil {
		return nil
	}
	o := p.object(n, kind.def)
	s := &Step{Pos: n.pos, Line: n.inline(), Name: o.str("as")}
	what := o.get(kind.key)
	if what == nil {
		return nil
	}
	if s.Name == "" {
		s.Name = kind.key + " " + clip(printable(what.inline()), 60)
	} else if !validStepName(s.Name) {
		p.errorf(o.get("as").pos, "as is a name of 1 to 64 printable characters without , { } and =")
	}
	p.stepFits(g, o, kind.key, proto)
	switch kind.key {
	case "emit":
		s.Emit = p.emit(g, o, what, proto)
	case "on":
		s.On = p.on(g, o, what)
	case "publish":
		s.Publish = p.publish(o, what)
	case "wait":
		s.Wait, _ = p.duration(what, "wait")
	case "barrier":
		if s.Barrier, _ = p.text(what, "barrier"); !validName(s.Barrier) {
			p.errorf(what.pos, "%s is no name for a barrier", what.describe())
		}
	case "exec":
		s.Exec = p.exec(o, what)
	case "expect":
		s.Expect = &Expect{Event: p.eventName(what, true), Match: p.matcherOf(o.get("match")), Within: o.duration("within", DefaultStepWithin)}
	}
	return s
}

type stepForm = struct {
	key string
	def *objectDef
}

// stepForm finds the key that says what a step does.
func (p *parse) stepForm(n *node) *stepForm {
	has := func(key string) *entry {
		for i := range n.entries {
			if n.entries[i].key.text == key {
				return &n.entries[i]
			}
		}
		return nil
	}
	var found *stepForm
	for i := range stepDefs {
		k := &stepDefs[i]
		e := has(k.key)
		if e == nil || found != nil && found.def.key(k.key) != nil {
			continue
		}
		if found != nil {
			p.hintf(e.key.pos, "begin another step with a dash", "a step does one thing, this one has %s and %s", found.key, k.key)
			return nil
		}
		found = k
	}
	if found != nil {
		return found
	}
	for _, e := range n.entries {
		if slices.Contains(plannedSteps, e.key.text) {
			p.hintf(e.key.pos, "leave it out for now", "step %q is not supported yet", e.key.text)
			return nil
		}
	}
	if e := has("ack"); e != nil {
		p.hintf(e.key.pos, "put it below the emit, without a dash", "ack belongs to an emit step")
		return nil
	}
	var kinds []string
	for _, k := range stepDefs {
		kinds = append(kinds, k.key)
	}
	pos, hint := n.pos, "one of "+strings.Join(kinds, ", ")
	for _, e := range n.entries {
		if near := nearest.Word(e.key.text, kinds); near != "" {
			p.hintf(e.key.pos, didYouMean(e.key.text, kinds), "unknown step %q", e.key.text)
			return nil
		}
	}
	if len(n.entries) > 0 {
		pos = n.entries[0].key.pos
	}
	p.hintf(pos, hint, "a step needs a key that says what it does")
	return nil
}

// stepFits reports steps that a protocol has no way to do.
func (p *parse) stepFits(g *Group, o *object, kind string, proto rt.Protocol) {
	if proto == "" {
		return
	}
	wrong, hint := false, ""
	switch kind {
	case "emit":
		wrong = proto == rt.SSE || proto == rt.LongPoll || proto == rt.HTTP
		if hint = "a stream only receives: publish from a group with an http target"; proto == rt.HTTP {
			hint = "use publish"
		}
	case "publish":
		wrong, hint = proto != rt.HTTP, "use emit, or a group with a target of protocol http"
		if proto == rt.SSE || proto == rt.LongPoll {
			hint = "use a group with a target of protocol http"
		}
	case "on", "expect":
		wrong, hint = proto == rt.HTTP, "an http target sends no events"
	}
	if wrong {
		p.hintf(o.keyPos(kind), hint, "%s is impossible on %s targets (group %q)", kind, proto, g.Name)
		return
	}
	if kind == "emit" && o.has("ack") && proto != rt.SocketIO {
		p.hintf(o.keyPos("ack"), "wait for the answer with an expect step", "ack is for socketio targets, %s has none", proto)
	}
}

func validStepName(s string) bool {
	return s != "" && len(s) <= 64 && s == printable(s) && strings.TrimSpace(s) == s && !strings.ContainsAny(s, ",{}=\t")
}

// eventName reads the name of an event; * means any where any makes sense.
func (p *parse) eventName(n *node, mayBeAny bool) string {
	s, ok := p.text(n, "the event")
	if !ok {
		return ""
	}
	if s == "*" && mayBeAny {
		return ""
	}
	if s == "" || len(s) > 256 {
		p.errorf(n.pos, "an event has a name of 1 to 256 characters")
	}
	return s
}

func (p *parse) on(g *Group, o *object, what *node) *On {
	on := &On{Event: p.eventName(what, true), UntilEnd: o.enum("until", []string{"end"}) == "end", Namespace: p.stepNamespace(g, o)}
	on.Count = int(o.integer("count", 0, 1, 1e9))
	on.For = o.duration("for", 0)
	if at := o.get("at"); at != nil {
		if s, ok := p.text(at, "at"); ok {
			path, err := ParsePath(s)
			if err != nil {
				p.errorf(at.pos, "at: %s: %v", at.describe(), err)
			}
			on.At, on.Path = s, path
		}
	}
	bounds := 0
	for _, key := range []string{"until", "count", "for"} {
		if o.has(key) {
			bounds++
		}
	}
	if bounds != 1 {
		p.errorf(what.pos, "an on step has one of until: end, count and for")
	}
	return on
}

func (p *parse) schedule(o *object) Schedule {
	s := Schedule{
		For:   o.duration("for", 0),
		Count: int(o.integer("count", 0, 1, 1e9)),
	}
	var perClient, total *RateRamp
	s.Rate, perClient = o.pacedRate("rate")
	s.TotalRate, total = o.pacedRate("totalRate")
	s.Ramp = cmp.Or(perClient, total)
	paced := o.has("rate") || o.has("totalRate")
	switch {
	case o.has("rate") && o.has("totalRate"):
		p.errorf(o.keyPos("totalRate"), "rate is per client and totalRate over the group: give one of them")
	case o.has("for") && o.has("count"):
		p.errorf(o.keyPos("count"), "for and count both end the step: give one of them")
	case paced && !o.has("for") && !o.has("count") && s.Ramp != nil && len(p.sc.Phases) == 0:
		s.For = s.Ramp.Over
	case paced && !o.has("for") && !o.has("count") && len(p.sc.Phases) > 0:
		s.ToEnd = true
	case paced && o.has("count") && s.Ramp != nil && s.Ramp.To == 0:
		p.errorf(o.keyPos("count"), "a rate that goes down to zero may never come to a count: give for instead")
	case paced && !o.has("for") && !o.has("count"):
		key := "rate"
		if !o.has(key) {
			key = "totalRate"
		}
		p.errorf(o.keyPos(key), "a step with a rate needs for or count to end it")
	case !paced && o.has("for"):
		p.hintf(o.keyPos("for"), "add rate: 1/s", "for needs a rate")
	case !paced && o.has("count"):
		p.hintf(o.keyPos("count"), "add rate: 1/s", "count needs a rate")
	}
	return s
}
