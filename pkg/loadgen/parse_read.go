package loadgen

import (
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// readRate reads a group's read: bytes a second.
func (p *parse) readRate(o *object, g *Group, proto rt.Protocol) int64 {
	n := o.get("read")
	if n == nil {
		return 0
	}
	text, ok := p.text(n, "read")
	if !ok {
		return 0
	}
	num, per, _ := strings.Cut(text, "/")
	rate, isSize := parseBytes(strings.TrimSpace(num))
	window, known := durationUnits[strings.TrimSpace(per)]
	if known {
		rate /= window.Seconds()
	}
	if !isSize || !known || rate < 1 || rate > 1<<30 {
		p.hintf(n.pos, "write for example 1KiB/s", "read is a number of bytes a second, from 1B/s to 1GiB/s, not %s", n.describe())
		return 0
	}
	transports := g.Connect.Transports
	for _, t := range g.Targets {
		if transports == nil {
			transports = t.Transports
		}
	}
	switch {
	case proto == rt.HTTP || proto == rt.LongPoll:
		p.errorf(o.keyPos("read"), "read has no meaning for %s targets", proto)
	case proto == rt.SocketIO && slices.Contains(transports, rt.TransportPolling), g.hasAxis(AxisTransport):
		p.hintf(o.keyPos("read"), "use transports: websocket", "read slows down a WebSocket, not long polling")
	case g.Connect.Proto == "h2":
		p.hintf(o.keyPos("read"), "leave http2 out", "read slows down a connection, and streams over HTTP/2 share one")
	}
	return int64(rate)
}

// sticky reads whether a group probes a balancer.
func (p *parse) sticky(o *object, g *Group, proto rt.Protocol) bool {
	if o.enum("sticky", []string{"probe"}) == "" {
		return false
	}
	for _, key := range []string{"flow", "reconnect", "read", "phases"} {
		if o.has(key) {
			p.errorf(o.keyPos(key), "%s has no meaning for a group that probes a balancer (sticky)", key)
		}
	}
	switch {
	case proto != "" && proto != rt.SocketIO:
		p.errorf(o.keyPos("sticky"), "sticky is for socketio targets, group %q connects to %s", g.Name, proto)
	case g.hasAxis(AxisCase), g.hasAxis(AxisTransport):
		p.errorf(o.keyPos("sticky"), "sticky has sessions of its own, no cases and no transports")
	}
	return true
}

// multiplex reads the further namespaces of a group.
func (p *parse) multiplex(o *object, g *Group, proto rt.Protocol) []string {
	n := o.get("multiplex")
	if n == nil {
		return nil
	}
	if proto != "" && proto != rt.SocketIO {
		p.errorf(o.keyPos("multiplex"), "multiplex is for socketio targets, group %q connects to %s", g.Name, proto)
	}
	var out []string
	for _, item := range p.list(n, "multiplex") {
		ns := p.namespace(item)
		if slices.Contains(out, ns) || slices.Contains(g.namespaces(), ns) {
			p.errorf(item.pos, "namespace %s is joined anyway", item.describe())
		}
		out = append(out, ns)
	}
	return out
}

// namespaces are those that the group's clients join.
func (g *Group) namespaces() []string {
	out := slices.Clone(g.Multiplex)
	if g.Namespace != "" {
		return append(out, g.Namespace)
	}
	for _, t := range g.Targets {
		out = append(out, t.Namespace)
	}
	return out
}

// stepNamespace reads a step's namespace, which is one of the group's.
func (p *parse) stepNamespace(g *Group, o *object) string {
	n := o.get("namespace")
	if n == nil {
		return ""
	}
	ns := p.namespace(n)
	if len(g.Multiplex) == 0 || !slices.Contains(g.namespaces(), ns) {
		p.hintf(n.pos, "add it to the group's multiplex", "group %q does not join namespace %s", g.Name, n.describe())
	}
	return ns
}
