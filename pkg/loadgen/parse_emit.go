package loadgen

import (
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func (p *parse) emit(g *Group, o *object, what *node, proto rt.Protocol) *Emit {
	e := &Emit{Event: p.eventName(what, false), Schedule: p.schedule(o)}
	e.Namespace = p.stepNamespace(g, o)
	p.blobs = &e.Blobs
	defer func() { p.blobs = nil }()
	given := ""
	for _, key := range []string{"args", "data", "argsJSON"} {
		if !o.has(key) {
			continue
		}
		if given != "" {
			p.errorf(o.keyPos(key), "give one of %s and %s", given, key)
		}
		given = key
	}
	if args := o.get("args"); args != nil {
		if args.kind != sequenceNode {
			p.hintf(args.pos, "write args: [a, b], or data for a single argument", "args is a list, not %s", args.describe())
		}
		for _, a := range args.items {
			e.Args = append(e.Args, p.template(a))
		}
	}
	if data := o.get("data"); data != nil {
		e.Args = []Template{p.data(g, data)}
	}
	if raw := o.get("argsJSON"); raw != nil {
		if s, ok := p.text(raw, "argsJSON"); ok {
			args, err := splitJSONArgs(s)
			if err != nil {
				p.errorf(raw.pos, "argsJSON: %v", err)
			}
			for _, a := range args {
				p.noteTemplate(raw, a, false)
			}
			e.Args = args
		}
	}
	if proto == rt.WebSocket && len(e.Args) > 1 {
		p.hintf(o.keyPos(given), "use data", "a plain WebSocket frame has one value, not %d", len(e.Args))
	}
	for _, a := range e.Args {
		e.Marker = e.Marker || a.HasMarker()
	}
	e.Marker = e.Marker || hasMarker(e.Blobs)
	if key, _ := blobNode(o.get("data")); len(e.Blobs) > 0 && proto == rt.WebSocket && key == "" {
		p.hintf(o.keyPos(given), `write data: { $binary: … }`, "a plain WebSocket frame is binary as a whole or not at all")
	}
	if n := o.get("ack"); n != nil {
		e.Ack = p.ack(n)
	}
	if n := o.get("outcome"); n != nil {
		p.outcomes(e, n, proto)
	}
	return e
}

// data compiles the value of a single argument. A raw WebSocket frame holds a
// text as it is, everything else holds it as JSON.
func (p *parse) data(g *Group, n *node) Template {
	if len(g.Targets) == 0 || g.Targets[0].Framing != rt.FramingRaw || n.kind != scalarNode {
		return p.template(n)
	}
	t, err := ParseTemplate(n.text)
	if err != nil {
		p.errorf(n.pos, "%v", err)
	}
	p.noteTemplate(n, t, false)
	return t
}

func (p *parse) ack(n *node) *AckExpect {
	a := &AckExpect{Within: DefaultStepWithin}
	if n.kind == nullNode {
		return a
	}
	o := p.object(n, ackDef)
	a.Within = o.duration("within", DefaultStepWithin)
	a.Match = p.matcherOf(o.get("match"))
	return a
}

func (p *parse) outcomes(e *Emit, n *node, proto rt.Protocol) {
	p.named(n, "outcome", func(name string, key, value *node) {
		if name == OutcomeOther || name == OutcomeUnanswered {
			p.errorf(key.pos, "class %q is for sends that no other class matches", name)
			return
		}
		o := p.object(value, outcomeDef)
		if o == nil {
			return
		}
		class := Outcome{Class: name}
		if list := o.get("anyOf"); list != nil {
			if len(value.entries) > 1 {
				p.errorf(key.pos, "class %q has anyOf or one condition, not both", name)
			}
			for _, item := range p.items(list, "anyOf") {
				if x := p.object(item, outcomeWhenDef); x != nil {
					class.AnyOf = append(class.AnyOf, p.outcomeWhen(x, proto))
				}
			}
		} else {
			class.AnyOf = []OutcomeWhen{p.outcomeWhen(o, proto)}
		}
		e.Outcome = append(e.Outcome, class)
	})
	// Without an ack there is nothing to wait for; the classes then decide on
	// acks with the default bound.
	for _, c := range e.Outcome {
		for _, w := range c.AnyOf {
			if e.Ack == nil && (w.Ack != nil || w.AnyAck) {
				e.Ack = &AckExpect{Within: DefaultStepWithin}
			}
		}
	}
}

func (p *parse) outcomeWhen(o *object, proto rt.Protocol) OutcomeWhen {
	var w OutcomeWhen
	conditions := 0
	if n := o.get("ack"); n != nil {
		conditions++
		w.Ack = p.matcherOf(n)
		w.AnyAck = w.Ack == nil
		if proto != "" && proto != rt.SocketIO {
			p.errorf(o.keyPos("ack"), "ack is for socketio targets, %s has none", proto)
		}
	}
	if n := o.get("event"); n != nil {
		conditions++
		w.Event = p.eventName(n, false)
	}
	if n := o.get("match"); n != nil {
		w.EventMatch = p.matcherOf(n)
		if !o.has("event") {
			p.errorf(o.keyPos("match"), "match belongs to event")
		}
	}
	if n := o.get("disconnect"); n != nil {
		conditions++
		if w.Disconnect = p.matcherOf(n); w.Disconnect == nil {
			w.Disconnect = &Matcher{}
		}
	}
	if conditions != 1 {
		p.errorf(o.n.pos, "an outcome condition is one of ack, event and disconnect")
	}
	return w
}

func (p *parse) publish(o *object, what *node) *Publish {
	x := &Publish{Method: p.enum(what, "method", methodWords), Path: o.str("path"), Schedule: p.schedule(o)}
	if x.Path != "" {
		n := o.get("path")
		t, err := ParseTemplate(x.Path)
		if err != nil {
			p.errorf(n.pos, "path: %v", err)
		}
		if t.HasMarker() {
			p.hintf(n.pos, "put it into the body", "{{marker}} can't travel in a path")
		}
		p.noteTemplate(n, t, false)
		if strings.Contains(x.Path, "{{") {
			x.PathVars = t
		}
		for _, part := range t.parts {
			if part.v == nil && strings.ContainsAny(part.lit, " \t\r\n#") {
				p.errorf(n.pos, "path holds no space and no #")
			}
		}
		if !strings.HasPrefix(x.Path, "/") && x.Path[0] != '?' {
			p.errorf(n.pos, "path begins with / or ?")
		}
	}
	if n := o.get("json"); n != nil {
		x.JSON, x.HasBody = p.template(n), true
	}
	if n := o.get("body"); n != nil {
		if o.has("json") {
			p.errorf(o.keyPos("body"), "give one of json and body")
		}
		if s, ok := p.text(n, "body"); ok {
			t, err := ParseJSONTemplate(s)
			if err != nil {
				p.errorf(n.pos, "body: %v", err)
			}
			p.noteTemplate(n, t, false)
			x.JSON, x.HasBody = t, true
		}
	}
	x.Marker = x.JSON.HasMarker()
	if n := o.get("expect"); n != nil {
		if e := p.object(n, publishExpectDef); e != nil {
			x.Status = p.statuses(e.get("status"))
		}
	}
	return x
}
