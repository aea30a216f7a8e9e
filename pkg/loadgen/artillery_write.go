package loadgen

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// write puts the scenario together.
func (a *artillery) write() []byte {
	var b strings.Builder
	line := func(indent int, text string) { b.WriteString(strings.Repeat("  ", indent) + text + "\n") }
	line(0, "# yaml-language-server: $schema=./scenario.schema.json")
	line(0, "# Imported from "+clip(printable(filepath.Base(a.file)), 80)+", a script of Artillery. Beside what is marked below:")
	line(0, "# the run fails by itself when a step fails, acks and events are waited for 10s")
	line(0, "# at most, a request must be answered with a status from 200 to 299, and a")
	line(0, "# client that is done goes away as a virtual user does.")
	for _, c := range a.comments {
		line(0, c)
	}
	line(0, "version: 1")
	base := filepath.Base(a.file)
	line(0, "name: "+quoted(literal(clip(printable(strings.TrimSuffix(base, filepath.Ext(base))), 80))))
	head := b.String()
	b.Reset()
	a.writeTargets(line)
	a.writeAuth(line)
	phases := !a.rates && slices.ContainsFunc(a.groups, func(g *artilleryGroup) bool { return g.engine != "http" })
	if phases {
		a.writePhases(line)
	}
	line(0, "clients:")
	for _, g := range a.groups {
		a.writeGroup(line, g, phases && g.engine != "http")
	}
	if len(a.thresholds) > 0 {
		if slices.ContainsFunc(a.thresholds, func(t string) bool { return t[0] != '#' }) {
			line(0, "thresholds:")
		}
		for _, t := range a.thresholds {
			line(1, t)
		}
	}
	if len(a.profiles) > 0 {
		line(0, "profiles:")
		for _, p := range a.profiles {
			name, url, _ := strings.Cut(p, "\x00")
			var targets []string
			for _, e := range a.engines {
				targets = append(targets, targetOf(e)+": { url: "+quoted(a.engineURL(e, url))+" }")
			}
			line(1, name+": { targets: { "+strings.Join(targets, ", ")+" } }")
		}
	}
	return []byte(head + a.usedData(b.String()) + b.String())
}

// usedData is the data that the rest of the scenario uses.
func (a *artillery) usedData(rest string) string {
	out := ""
	for _, d := range a.data {
		name, _, _ := strings.Cut(d, ":")
		if strings.Contains(rest, "{{data."+name+".") {
			out += "  " + d + "\n"
		} else {
			out += "  " + a.lost(a.at, "payload %s: nothing here uses it", name) + "\n"
		}
	}
	if strings.Contains(out, "file:") {
		return "data:\n" + out
	}
	return out
}

func targetOf(engine string) string {
	if engine == "http" {
		return "http"
	}
	return map[string]string{"socketio": "api", "ws": "socket"}[engine]
}

func (a *artillery) writeTargets(line func(int, string)) {
	line(0, "targets:")
	for _, e := range a.engines {
		protocol := map[string]string{"http": "http", "socketio": "socketio", "ws": "websocket"}[e]
		url := a.engineURL(e, a.url)
		text := targetOf(e) + ": { url: " + quoted(url) + ", protocol: " + protocol
		if e == "ws" {
			text += ", framing: raw"
		}
		if e == "socketio" {
			if t := a.transportList(); t != "" {
				text += ", transports: [" + t + "]"
			} else {
				line(1, a.changed(a.at, "the script names no transports: WebSocket alone here, [polling, websocket] for an upgrade"))
			}
		}
		if a.insecure {
			text += ", insecure: true"
		}
		if h := a.headerList(); h != "" {
			text += ", headers: { " + h + " }"
		}
		for _, c := range a.takePending() {
			line(1, c)
		}
		line(1, text+" }")
	}
}

// engineURL is the URL of a target for one engine.
func (a *artillery) engineURL(engine, target string) string {
	query, path := (*node)(nil), ""
	if engine == "socketio" {
		query, path = a.query, a.path
	}
	u := a.targetURL(target, query, path)
	if engine == "ws" && strings.HasPrefix(u, "http") {
		return "ws" + u[len("http"):]
	}
	return u
}

func (a *artillery) transportList() string {
	if a.transports == nil {
		return ""
	}
	var out []string
	for _, t := range a.transports.items {
		if (t.text == "polling" || t.text == "websocket") && !slices.Contains(out, t.text) {
			out = append(out, t.text)
		}
	}
	if len(out) == 2 && out[0] == "websocket" {
		out = out[:1] // the second is only for browsers that lack the first
	}
	return strings.Join(out, ", ")
}

func (a *artillery) headerList() string {
	if a.headers == nil {
		return ""
	}
	var out []string
	for _, e := range a.headers.entries {
		if !isHTTPToken(e.key.text) || e.value.kind != scalarNode || strings.ContainsFunc(e.value.text, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			continue
		}
		if text, ok := a.convert(e.value, e.value.text); ok && !strings.Contains(text, "{{seq}}") && !strings.Contains(e.key.text, "$") {
			out = append(out, quoted(e.key.text)+": "+quoted(text))
		}
	}
	return strings.Join(out, ", ")
}

func (a *artillery) writeAuth(line func(int, string)) {
	head := true
	for _, g := range a.groups {
		if g.auth == "" {
			continue
		}
		if head {
			line(0, "auth:")
			head = false
		}
		line(1, g.name+": { raw: "+quoted(g.auth)+", in: auth.token }")
	}
}

// writePhases turns arrivals into ramps: a ramp brings clients one by one, and
// the script's phases say how many come.
func (a *artillery) writePhases(line func(int, string)) {
	total := 0
	share := 0
	for _, g := range a.groups {
		total += g.count
		if g.engine != "http" {
			share += g.count
		}
	}
	line(0, "phases: # users arrive; rampTo counts all that have come so far")
	sum, before := 0, 0
	for i, x := range a.arrivals {
		sum += x.users
		to := int(math.Round(float64(sum) / float64(max(a.users, 1)) * float64(share)))
		name := x.name
		if name == "" {
			name = fmt.Sprintf("phase-%d", i+1)
		}
		if to > before || i == 0 && x.users > 0 {
			line(1, fmt.Sprintf("- { name: %s, rampTo: %d, over: %s }", name, max(to, before), x.over))
		} else {
			line(1, fmt.Sprintf("- { name: %s, for: %s }", name, x.over))
		}
		before = max(to, before)
	}
}

func (a *artillery) writeGroup(line func(int, string), g *artilleryGroup, ramped bool) {
	line(1, g.name+":")
	line(2, fmt.Sprintf("count: %d", g.count))
	line(2, "target: "+targetOf(g.engine))
	if g.auth != "" {
		line(2, "auth: "+g.name)
	}
	if g.namespace != "" {
		line(2, "namespace: "+quoted(literal(g.namespace)))
	}
	if !ramped {
		rate := float64(g.count) / max(a.length, time.Second).Seconds()
		text := fmt.Sprintf("%.4f", max(rate, 0.0001))
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		if !a.rates {
			line(2, "# changed: users come evenly over all phases of the script")
		}
		line(2, "connect: { rate: "+text+"/s }")
	}
	line(2, "flow:")
	for _, s := range g.steps {
		line(3, s)
	}
}
