package loadgen

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const maxTargets = 256

func (p *parse) target(name string, key, value *node) {
	o := p.object(value, targetDef)
	if o == nil {
		return
	}
	if name == "each" {
		p.errorf(key.pos, "a target can't be called each: target: each means all of them")
		return
	}
	urls := p.list(o.get("urls"), "urls")
	single := o.get("url")
	switch {
	case single != nil && o.has("urls"):
		p.errorf(o.keyPos("urls"), "a target has url or urls, not both")
	case o.has("discover") && o.has("urls"):
		p.errorf(o.keyPos("discover"), "a target has urls or discover, not both")
	case single == nil && o.has("discover") && !o.has("url"):
		urls = []*node{{pos: value.pos, kind: scalarNode, text: discovered.String()}}
	case single == nil && !o.has("urls"):
		if !o.has("url") {
			p.errorf(value.pos, "target %q needs %q", name, "url")
		}
		urls = []*node{{pos: value.pos, bad: true, kind: scalarNode}}
	case single != nil:
		urls = []*node{single}
	}
	base := Target{Pos: key.pos, Header: p.headers(o.get("headers"))}
	if n := o.get("discover"); n != nil {
		base.Discovery = p.discovery(n)
	}
	base.Protocol = p.protocol(o.get("protocol"))
	base.Namespace = p.namespace(o.get("namespace"))
	base.Transports = p.transports(o.get("transports"))
	base.Framing = rt.Framing(o.enum("framing", []string{string(rt.FramingNest), string(rt.FramingRaw)}))
	base.Insecure = o.boolean("insecure")
	for i, u := range urls {
		t := base
		t.Name = name
		if o.has("urls") {
			t.Name = fmt.Sprintf("%s-%d", name, i+1)
		}
		t.Target.Name = t.Name
		p.targetURL(&t, o, u)
		t.Poll = p.longPoll(o, t.Protocol)
		if prev := p.targets[t.Name]; prev != nil && o.has("urls") {
			p.errorf(key.pos, "target name %q is taken, urls number their targets", t.Name)
			continue
		}
		if len(p.sc.Targets) == maxTargets {
			p.errorf(u.pos, "more than %d targets", maxTargets)
			return
		}
		p.sc.Targets = append(p.sc.Targets, &t)
		p.targets[name] = append(p.targets[name], &t)
		if t.Name != name {
			p.targets[t.Name] = []*Target{&t}
		}
	}
}

func (p *parse) protocol(n *node) rt.Protocol {
	if n == nil {
		return ""
	}
	return rt.Protocol(p.enum(n, "protocol", protocolWords))
}

// targetURL fills in what the URL tells and checks that the keys fit the
// protocol.
func (p *parse) targetURL(t *Target, o *object, u *node) {
	// After an error the target stays known by its name, so that what refers
	// to it is not reported as well.
	s, ok := p.text(u, "url")
	if !ok {
		return
	}
	parsed, err := rt.ParseTarget(s)
	if err != nil {
		p.errorf(u.pos, "url: %s", strings.TrimPrefix(err.Error(), "target: "))
		return
	}
	t.URL = parsed.URL
	if strings.Contains(parsed.URL.Host, "{{") {
		p.errorf(u.pos, "url: variables are for path and query: the host is the same for all clients")
	}
	p.perClient(u, parsed.URL.Path, "the path", false)
	p.perClient(u, parsed.URL.RawQuery, "the query", false)
	p.urlSecrets(parsed.URL)
	switch {
	case t.Protocol == "" && o.has("protocol"):
		return // reported by the enum
	case t.Protocol == "":
		t.Protocol = parsed.Protocol
	case parsed.Protocol != "" && parsed.Protocol != t.Protocol && (parsed.Protocol != rt.WebSocket || t.Protocol != rt.SocketIO):
		p.errorf(o.keyPos("protocol"), "protocol %s does not fit the URL, which says %s", t.Protocol, parsed.Protocol)
	}
	if t.Protocol == "" {
		p.hintf(o.n.pos, "one of "+strings.Join(protocolWords, ", "), "target %q needs %q: its URL does not tell", t.Name, "protocol")
		return
	}
	for _, only := range []struct {
		key   string
		proto rt.Protocol
	}{{"namespace", rt.SocketIO}, {"transports", rt.SocketIO}, {"framing", rt.WebSocket}} {
		if o.has(only.key) && t.Protocol != only.proto {
			p.errorf(o.keyPos(only.key), "%s is for %s targets, this one is %s", only.key, only.proto, t.Protocol)
		}
	}
	if t.Protocol == rt.SocketIO && t.Namespace == "" {
		t.Namespace = "/"
	}
	if t.Protocol == rt.WebSocket && t.Framing == "" {
		t.Framing = rt.FramingNest
	}
}

// urlSecrets notes credentials and secret-looking query values.
func (p *parse) urlSecrets(u *url.URL) {
	if pw, ok := u.User.Password(); ok {
		p.addSecret(pw)
	}
	for k, vs := range u.Query() {
		if isSecretName(k) {
			for _, v := range vs {
				p.addSecret(v)
			}
		}
	}
}

func (p *parse) namespace(n *node) string {
	if n == nil {
		return ""
	}
	s, ok := p.text(n, "namespace")
	if ok && (!strings.HasPrefix(s, "/") || strings.ContainsAny(s, ", ?\x00\n")) {
		p.hintf(n.pos, "write /chat", "namespace %s must begin with / and hold no comma, space or ?", n.describe())
	}
	return s
}

func (p *parse) transports(n *node) []rt.Transport {
	var out []rt.Transport
	for _, item := range p.list(n, "transports") {
		t := rt.Transport(p.enum(item, "transport", []string{string(rt.TransportWebSocket), string(rt.TransportPolling)}))
		for _, prev := range out {
			if prev == t {
				p.errorf(item.pos, "transport %s is listed twice", t)
			}
		}
		if t != "" {
			out = append(out, t)
		}
	}
	if len(out) == 2 && out[0] == rt.TransportWebSocket {
		p.hintf(n.pos, "write [polling, websocket] for an upgrade, or one of them", "websocket can't be upgraded to polling")
	}
	return out
}

func (p *parse) headers(n *node) http.Header {
	if n == nil {
		return nil
	}
	if n.kind != mappingNode {
		p.errorf(n.pos, "headers is a mapping from names to texts, not %s", n.describe())
		return nil
	}
	h := http.Header{}
	for _, e := range n.entries {
		v, ok := p.text(e.value, "a header")
		if !ok {
			continue
		}
		name := e.key.text
		switch {
		case v == "" && e.value.fromEnv:
			continue // a variable that is not set
		case !isHTTPToken(name):
			p.errorf(e.key.pos, "%q is no header name", clip(printable(name), 40))
			continue
		case strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }):
			p.errorf(e.value.pos, "header %s holds a control character", name)
			continue
		}
		canonical := http.CanonicalHeaderKey(name)
		p.perClient(e.value, v, "a header", canonical == "Authorization" || canonical == "Cookie" || isSecretName(name))
		switch canon := http.CanonicalHeaderKey(name); {
		case canon == "Authorization" || canon == "Cookie" || canon == "Proxy-Authorization" || isSecretName(name):
			p.addSecret(v)
			// "Bearer abc": abc is what is secret, wherever it shows up.
			if _, token, ok := strings.Cut(v, " "); ok && canon != "Cookie" {
				p.addSecret(token)
			}
		}
		h.Add(name, v)
	}
	return h
}

// isHTTPToken tells whether s is a token of RFC 9110, section 5.6.2.
func isHTTPToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return true
}
