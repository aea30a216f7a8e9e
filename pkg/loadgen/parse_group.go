package loadgen

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const maxCount = 1_000_000 // clients of a group

func (p *parse) clients(n *node) {
	if n != nil && n.kind == scalarNode {
		p.errorf(n.pos, "clients is a mapping from group names, not %s", n.describe())
		return
	}
	p.named(n, "clients", p.group)
}

func (p *parse) group(name string, key, value *node) {
	o := p.object(value, groupDef)
	if o == nil {
		return
	}
	g := &Group{
		Pos:       key.pos,
		Name:      name,
		Count:     int(o.integer("count", 1, 1, maxCount)),
		Targets:   p.groupTargets(o),
		Auth:      p.authRef(o.get("auth")),
		Namespace: p.namespace(o.get("namespace")),
		Connect:   p.connect(o.get("connect")),
		Phases:    p.phases(o.get("phases"), false),
		Advice:    o.advice(),
	}
	if g.Auth != nil && g.Auth.Profile == nil {
		g.Auth = nil
	}
	p.matrix(g, o)
	g.Expect = p.handshakeExpect(o.get("expect"))
	proto := g.protocol()
	if o.has("namespace") && proto != "" && proto != rt.SocketIO {
		p.errorf(o.keyPos("namespace"), "namespace is for socketio targets, group %q connects to %s", name, proto)
	}
	p.checkConnect(g, o, proto)
	g.Multiplex = p.multiplex(o, g, proto)
	g.Sticky = p.sticky(o, g, proto)
	g.ReadRate = p.readRate(o, g, proto)
	g.Reconnect = p.reconnect(o.get("reconnect"), proto)
	p.flow(g, o, proto)
	switch {
	case !o.has("flow") && !o.has("matrix") && !o.has("sticky"):
		p.hintf(key.pos, "give it a flow or a matrix, or take it out", "group %q does nothing", name)
	case len(g.Phases) > 0 && g.Connect.Rate > 0:
		p.errorf(o.keyPos("phases"), "phases say when the clients connect, and connect.rate does: give one of them")
	case len(g.Phases) > 0 && (len(g.Matrix) > 0 || proto == rt.HTTP):
		p.errorf(o.keyPos("phases"), "phases connect and disconnect clients, which a matrix and an http target do not have")
	case o.has("expect") && !g.hasAxis(AxisCase):
		p.errorf(o.keyPos("expect"), "expect belongs to a matrix with cases")
	}
	if reason := o.skipped(); reason != "" {
		p.skips[g] = reason
	}
	p.sc.Groups = append(p.sc.Groups, g)
	p.groups[name] = g
}

// groupTargets resolves target: NAME, a list of names, or each.
func (p *parse) groupTargets(o *object) []*Target {
	n := o.get("target")
	if n == nil {
		matrix := o.lookup("matrix")
		switch {
		case o.has("target"):
		case matrix != nil && matrix.value.has("target"): // the axis says which
		case len(p.sc.Targets) == 1:
			p.used[p.sc.Targets[0]] = true
			return p.sc.Targets[:1:1]
		case len(p.sc.Targets) > 1:
			p.hintf(o.n.pos, "one of "+strings.Join(p.targetNames(), ", ")+", or each", "the group needs a target, there is more than one")
		}
		return nil
	}
	var out []*Target
	for _, item := range p.list(n, "target") {
		found := p.targets[item.text]
		if item.text == "each" {
			found = p.sc.Targets
		}
		if len(found) == 0 {
			if len(p.targets) > 0 {
				p.hintf(item.pos, didYouMean(item.text, append(p.targetNames(), "each")), "unknown target %s", item.describe())
			}
			continue
		}
		for _, t := range found {
			p.used[t] = true
			if slices.Contains(out, t) {
				p.errorf(item.pos, "target %q is listed twice", t.Name)
				continue
			}
			out = append(out, t)
		}
	}
	for _, t := range out {
		if t.Protocol != out[0].Protocol {
			p.hintf(n.pos, "list the names of targets of one protocol", "a group's targets have one protocol, these are %s and %s", out[0].Protocol, t.Protocol)
			break
		}
	}
	return out
}

func (p *parse) targetNames() []string {
	var names []string
	for name := range p.targets {
		names = append(names, name)
	}
	return sorted(names)
}

// protocol is what the group's targets speak, "" when that is not known.
func (g *Group) protocol() rt.Protocol {
	if len(g.Targets) == 0 {
		return ""
	}
	return g.Targets[0].Protocol
}

func (p *parse) connect(n *node) Connect {
	var c Connect
	if n == nil {
		return c
	}
	o := p.object(n, connectDef)
	if o == nil {
		return c
	}
	c.Rate = o.rate("rate")
	c.Timeout = o.duration("timeout", 0)
	c.Transports = p.transports(o.get("transports"))
	c.Header = p.headers(o.get("headers"))
	c.LastEventID = o.str("lastEventId")
	if strings.ContainsAny(c.LastEventID, "\r\n\x00") {
		p.errorf(o.get("lastEventId").pos, "lastEventId holds a control character")
	}
	if o.boolean("http2") {
		c.Proto = "h2"
	}
	if e := o.get("expect"); e != nil {
		if x := p.object(e, connectExpectDef); x != nil {
			c.Status = int(x.integer("status", http.StatusOK, 100, 599))
			c.ContentType = x.str("contentType")
			c.FirstByteWithin = x.duration("firstByteWithin", 0)
		}
	}
	return c
}

// checkConnect reports keys that the group's protocol has no use for, and
// places where its tokens can't travel.
func (p *parse) checkConnect(g *Group, o *object, proto rt.Protocol) {
	if proto == "" {
		return
	}
	if n := o.lookup("connect"); n != nil && n.value.kind == mappingNode {
		for _, e := range n.value.entries {
			wrong := false
			switch e.key.text {
			case "transports":
				wrong = proto != rt.SocketIO
			case "http2":
				wrong = proto != rt.SSE && proto != rt.HTTP
			case "lastEventId", "expect":
				wrong = proto != rt.SSE
			}
			if wrong {
				p.errorf(e.key.pos, "connect.%s has no meaning for %s targets", e.key.text, proto)
			}
		}
	}
	if g.Auth != nil {
		place, pos := g.Auth.Place, g.Auth.Pos
		if place == "" && g.Auth.Profile != nil {
			place = g.Auth.Profile.Place
		}
		if place != "" && !placeFits(place, proto) {
			p.errorf(pos, "a token can't travel in %s to %s targets", place, proto)
		}
	}
	for _, a := range g.Matrix {
		for _, v := range a.Values {
			if a.Name == AxisPlace && !placeFits(Place(v.Name), proto) {
				p.errorf(v.Pos, "a token can't travel in %s to %s targets", v.Name, proto)
			}
		}
		if a.Name == AxisTransport && proto != rt.SocketIO {
			p.errorf(a.Pos, "the transport axis is for socketio targets, group %q connects to %s", g.Name, proto)
		}
	}
}

func (p *parse) handshakeExpect(n *node) *HandshakeExpect {
	if n == nil {
		return nil
	}
	o := p.object(n, handshakeExpectDef)
	if o == nil {
		return nil
	}
	e := &HandshakeExpect{Pos: n.pos, RejectedWithin: defaultRejectedWithin, AcceptedWithin: p.within(o.get("accepted"), defaultRejectedWithin)}
	r := o.get("rejected")
	if r == nil {
		return e
	}
	x := p.object(r, rejectedDef)
	if x == nil {
		return e
	}
	for _, item := range p.list(x.get("at"), "at") {
		if s := p.enum(item, "stage", stageWords); s != "" {
			e.RejectedAt = append(e.RejectedAt, rt.Stage(s))
		}
	}
	e.RejectedStatus = p.statuses(x.get("status"))
	if c := x.get("code"); c != nil {
		items := []*node{c}
		if c.kind == sequenceNode {
			items = c.items
		}
		for _, item := range items {
			e.RejectedCode = append(e.RejectedCode, p.matcher(item))
		}
	}
	e.RejectedWithin = x.duration("within", defaultRejectedWithin)
	e.NoEventsBefore = x.boolean("noEventsBefore")
	e.SocketClosedWithin = x.duration("socketClosedWithin", 0)
	if len(e.RejectedStatus) > 0 && len(e.RejectedAt) > 0 && !slices.Contains(e.RejectedAt, rt.StageUpgrade) {
		p.errorf(x.keyPos("status"), "only a refusal at upgrade has a status, and at does not list it")
	}
	return e
}

// within reads {within: D}.
func (p *parse) within(n *node, def time.Duration) time.Duration {
	if n == nil {
		return def
	}
	return p.object(n, withinDef).duration("within", def)
}

func (p *parse) statuses(n *node) []int {
	var out []int
	for _, item := range p.list(n, "status") {
		if v, ok := p.integer(item, "status", 100, 599); ok {
			out = append(out, int(v))
		}
	}
	return out
}
