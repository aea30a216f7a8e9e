package loadgen

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func (a *artillery) config(n *node) {
	r := a.read(n)
	if t := r.get("target"); t != nil && t.kind == scalarNode {
		if a.url = t.text; !goodURL(t.text) {
			a.comment([]string{a.lost(t, "target %s: set URL, or write it in here", t.inline())})
		}
	}
	a.phases(r.get("phases"))
	a.fields, a.vars = map[string]string{}, map[string]*node{}
	a.payload(r.get("payload"))
	if v := r.get("variables"); v != nil {
		for _, e := range v.entries {
			a.vars[e.key.text] = e.value
		}
	}
	if t := r.get("tls"); t != nil && t.kind == mappingNode {
		tls := a.read(t)
		if v := tls.get("rejectUnauthorized"); v != nil && v.text == "false" {
			a.insecure = true
		}
		a.comment(tls.rest("config.tls."))
	}
	for _, key := range []string{"defaults", "http"} {
		if d := r.get(key); d != nil && d.kind == mappingNode {
			x := a.read(d)
			if h := x.get("headers"); h != nil {
				a.headers = h
			}
			a.comment(x.rest("config." + key + "."))
		}
	}
	for _, key := range []string{"socketio", "socketio-v3"} {
		if s := r.get(key); s != nil && s.kind == mappingNode {
			a.defaultSIO = s
		}
	}
	if w := r.get("ws"); w != nil && w.kind == mappingNode {
		x := a.read(w)
		if h := x.get("headers"); h != nil {
			a.headers = h
		}
		if s := x.get("subprotocols", "subprotocol"); s != nil {
			a.comment([]string{a.lost(s, "config.ws.subprotocols: no subprotocol is asked for, but a token may travel as one (auth: in: subprotocol)")})
		}
		a.comment(x.rest("config.ws."))
	}
	a.environments(r.get("environments"))
	a.plugins(r)
	a.comment(r.rest("config."))
}

func (a *artillery) comment(lines []string) { a.comments = append(a.comments, lines...) }

// phases adds up who arrives when.
func (a *artillery) phases(n *node) {
	if n == nil {
		return
	}
	items := n.items
	if n.kind == mappingNode {
		items = []*node{n}
	}
	plain := 0
	for i, item := range items {
		if item.kind != mappingNode || len(a.arrivals) >= 500 {
			a.comment([]string{a.lost(item, "a phase")})
			continue
		}
		r := a.read(item)
		x := arrival{name: fmt.Sprintf("phase-%d", i+1)}
		if s := r.text("name"); validName(strings.ReplaceAll(s, " ", "-")) {
			x.name = fmt.Sprintf("%s-%d", strings.ReplaceAll(s, " ", "-"), i+1)
			if len(x.name) > 60 {
				x.name = fmt.Sprintf("phase-%d", i+1)
			}
		}
		if pause := r.get("pause"); pause != nil {
			d, ok := artilleryTime(pause)
			if x.over = d; ok && d > 0 {
				a.arrivals = append(a.arrivals, x)
			} else {
				a.comment([]string{a.lost(pause, "pause: %s is no time", pause.inline())})
			}
			a.comment(r.rest("config.phases."))
			continue
		}
		over, ok := artilleryTime(r.get("duration"))
		if !ok || over <= 0 {
			over = time.Second
			a.comment([]string{a.changed(item, "a phase without a duration lasts a second")})
		}
		x.over = over
		rate, _ := artilleryNumber(r.get("arrivalRate"))
		count, hasCount := artilleryNumber(r.get("arrivalCount"))
		if to, ramps := artilleryNumber(r.get("rampTo")); ramps {
			a.comment([]string{a.changed(item, "from %g to %g arrivals a second over %s: users come evenly, as many in all", rate, to, over)})
			rate = (rate + to) / 2
		} else {
			plain++
		}
		users := rate * over.Seconds()
		if hasCount {
			users = count
		}
		if m := r.get("maxVusers"); m != nil {
			a.comment([]string{a.lost(m, "maxVusers: %s: users come whether others are done or not", m.inline())})
		}
		a.comment(r.rest("config.phases."))
		if x.users = int(math.Round(users)); float64(a.users)+users > 200_000 {
			a.p.errorf(item.pos, "more than 200,000 virtual users: take fewer and let them stay, with a rate in their flow")
			return
		}
		a.users += x.users
		a.length += x.over
		a.arrivals = append(a.arrivals, x)
	}
	a.rates = len(a.arrivals) == 1 && plain == 1
}

func (a *artillery) payload(n *node) {
	if n == nil {
		return
	}
	list := n.items
	if n.kind == mappingNode {
		list = []*node{n}
	}
	for i, item := range list {
		if item.kind != mappingNode {
			a.comment([]string{a.lost(item, "a payload")})
			continue
		}
		r := a.read(item)
		name := "payload"
		if i > 0 {
			name = fmt.Sprintf("payload%d", i+1)
		}
		path, fields := r.text("path"), r.get("fields")
		if path == "" || fields == nil || fields.kind != sequenceNode || len(fields.items) == 0 {
			a.comment([]string{a.lost(item, "a payload without path and fields")})
			continue
		}
		var columns []string
		for _, f := range fields.items {
			if f.kind != scalarNode || f.text == "" || strings.ContainsAny(f.text, "{}%,") {
				a.comment([]string{a.lost(f, "the name of a field of the payload")})
				columns = nil
				break
			}
			columns = append(columns, quoted(f.text))
			a.fields[f.text] = name
		}
		if columns == nil {
			continue
		}
		order := "random"
		if r.text("order") == "sequence" {
			order = "sequence"
		}
		line := fmt.Sprintf("%s: { file: %s, order: %s, fields: [%s]", name, quoted(path), order, strings.Join(columns, ", "))
		if v := r.get("skipHeader"); v != nil && v.text == "true" {
			line += ", skipHeader: true"
		}
		switch d := r.text("delimiter"); {
		case d == "" || d == ",":
		case utf8.RuneCountInString(d) == 1 && !strings.ContainsAny(d, "\"\r\n\ufffd"):
			line += ", delimiter: " + quoted(literal(d))
		default:
			a.comment([]string{a.lost(item, "delimiter %s of the payload", d)})
		}
		if strings.HasSuffix(path, ".jsonl") || strings.HasSuffix(path, ".ndjson") {
			line = fmt.Sprintf("%s: { file: %s, order: %s", name, quoted(path), order)
		}
		for _, key := range []string{"cast", "skipEmptyLines"} {
			r.get(key) // numbers stay texts, which messages quote; empty lines are skipped
		}
		a.data = append(a.data, line+" }")
		a.comment(r.rest("config.payload."))
	}
}

// environments become profiles, as far as they change the target.
func (a *artillery) environments(n *node) {
	if n == nil || n.kind != mappingNode {
		return
	}
	for _, e := range n.entries {
		r := a.read(e.value)
		target := r.get("target")
		if e.value.kind != mappingNode || target == nil || target.kind != scalarNode || !validName(e.key.text) || !goodURL(target.text) {
			a.comment([]string{a.lost(e.key, "environment %s", e.key.text)})
			continue
		}
		a.profiles = append(a.profiles, e.key.text+"\x00"+target.text)
		a.comment(r.rest("config.environments." + e.key.text + "."))
	}
}

// plugins are carried over as far as they are thresholds.
func (a *artillery) plugins(r *reader) {
	if p := r.get("processor"); p != nil {
		a.comment([]string{a.lost(p, "processor %s: its functions may become exec steps", p.inline())})
	}
	if p := r.get("plugins"); p != nil && p.kind == mappingNode {
		x := a.read(p)
		for _, known := range []string{"ensure", "expect", "metrics-by-endpoint"} {
			if v := x.get(known); known == "ensure" && v != nil {
				a.conditions(v)
			}
		}
		for _, line := range x.rest("config.plugins.") {
			a.comment([]string{line})
		}
	}
	if e := r.get("ensure"); e != nil {
		a.conditions(e)
	}
}

func goodURL(s string) bool {
	t, err := rt.ParseTarget(s)
	return err == nil && !strings.ContainsAny(s, "{}$\x00 ") && t.URL != nil
}

// targetURL is a target with the query of an engine.
func (a *artillery) targetURL(target string, query *node, path string) string {
	t, err := rt.ParseTarget(target)
	if err != nil || !goodURL(target) {
		return "${URL:-http://127.0.0.1:3000}"
	}
	u := *t.URL
	if path != "" {
		u.Path = "/" + strings.Trim(path, "/") + "/"
	}
	if query != nil && query.kind == mappingNode {
		for _, e := range query.entries {
			if e.value.kind != scalarNode {
				continue
			}
			if text, ok := a.convert(e.value, e.value.text); ok {
				pair := url.QueryEscape(e.key.text) + "="
				if strings.Contains(text, "{{") || strings.Contains(text, "${") {
					pair += text
				} else {
					pair += url.QueryEscape(text)
				}
				u.RawQuery = joinQuery(u.RawQuery, pair)
			}
		}
	}
	out := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.User != nil {
		out = u.Scheme + "://" + u.User.String() + "@" + u.Host + u.EscapedPath()
	}
	if u.RawQuery != "" {
		out += "?" + u.RawQuery
	}
	return out
}
