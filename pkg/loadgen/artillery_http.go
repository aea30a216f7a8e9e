package loadgen

import (
	"fmt"
	"net/url"
	"strings"
)

// request translates a request of the http engine.
func (a *artillery) request(g *artilleryGroup, n *node, method, schedule string) {
	if g.engine != "http" {
		a.fail(g, n, "a request in a flow of engine "+g.engine)
		return
	}
	outer := a.read(n)
	v := outer.get(method)
	if v == nil || v.kind != mappingNode {
		a.fail(g, n, "a request")
		return
	}
	r := a.read(v)
	where := r.get("url", "uri")
	if where == nil || where.kind != scalarNode {
		a.fail(g, n, "a request without a url")
		return
	}
	path, ok := a.requestPath(g, where)
	if !ok {
		a.fail(g, n, "a request to another host, or to a path that the script computes")
		return
	}
	for _, key := range []string{"body", "form", "formData"} {
		if v.has(key) {
			a.fail(g, n, "a request with "+key+", only json is sent")
			return
		}
	}
	line := "publish: " + strings.ToUpper(method)
	if path != "" {
		line += ", path: " + quoted(path)
	}
	if body := r.get("json"); body != nil {
		text, ok := a.value(body)
		if !ok {
			a.fail(g, n, "a body that the script computes")
			return
		}
		line += ", json: " + text
	}
	if expect := r.get("expect"); expect != nil {
		status, comments := a.expectStatus(expect)
		g.steps = append(g.steps, comments...)
		line += status
	}
	g.steps = append(g.steps, outer.rest(method+", ")...)
	g.steps = append(g.steps, r.rest(method+", ")...)
	if schedule != "" {
		line += ", " + schedule
	}
	a.hasRequest = true
	a.add(g, "{ "+line+" }")
}

// requestPath is the path of a request below the target.
func (a *artillery) requestPath(g *artilleryGroup, n *node) (string, bool) {
	text, ok := a.convert(n, n.text)
	if !ok {
		return "", false
	}
	if rest, same := strings.CutPrefix(text, strings.TrimSuffix(a.url, "/")); same && a.url != "" && (rest == "" || rest[0] == '/') {
		text = rest
	}
	if text == "" || text == "/" {
		return "", true
	}
	plain := artilleryVar.ReplaceAllString(text, "x")
	if text[0] != '/' && text[0] != '?' || strings.ContainsAny(plain, " \t\r\n#") || strings.Contains(text, "${") {
		return "", false
	}
	if _, err := url.Parse(plain); err != nil {
		return "", false
	}
	return text, true
}

// expectStatus reads the list of the expect plugin.
func (a *artillery) expectStatus(n *node) (string, []string) {
	list := n.items
	if n.kind == mappingNode {
		list = []*node{n}
	}
	var comments, codes []string
	for _, item := range list {
		if item.kind != mappingNode {
			comments = append(comments, a.lost(item, "expect"))
			continue
		}
		r := a.read(item)
		if s := r.get("statusCode"); s != nil {
			all := s.items
			if s.kind == scalarNode {
				all = []*node{s}
			}
			for _, c := range all {
				if v, ok := artilleryNumber(c); ok && v >= 100 && v <= 599 && v == float64(int(v)) {
					codes = append(codes, fmt.Sprint(int(v)))
				} else {
					comments = append(comments, a.lost(c, "expect statusCode %s", c.inline()))
				}
			}
		}
		comments = append(comments, r.rest("expect ")...)
	}
	if len(codes) == 0 {
		return "", comments
	}
	return ", expect: { status: [" + strings.Join(codes, ", ") + "] }", comments
}
