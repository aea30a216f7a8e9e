package loadgen

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	maxUnrolled   = 200 // steps that a loop may become
	maxImportNest = 16
)

func (a *artillery) scenario(i int, n *node) {
	if n.kind != mappingNode {
		a.comment([]string{a.lost(n, "a scenario that is no mapping")})
		return
	}
	r := a.read(n)
	g := &artilleryGroup{weight: 1, engine: "http"}
	if s := r.get("engine"); s != nil && s.kind == scalarNode {
		g.engine = s.text
	}
	title := r.text("name")
	g.name = a.groupName(title, i)
	if w, ok := artilleryNumber(r.get("weight")); ok && w > 0 {
		g.weight = w
	}
	switch g.engine {
	case "socketio-v3":
		g.engine = "socketio"
	case "socketio", "ws", "http":
	default:
		a.lostWeight += g.weight
		a.comment([]string{a.lost(n, "scenario %s, of engine %s, and its users", g.name, g.engine)})
		return
	}
	if g.engine == "socketio" {
		own := r.get("socketio", "socketio-v3")
		for _, s := range []*node{a.defaultSIO, own} {
			if s != nil && s.kind == mappingNode {
				a.socketio(g, s)
			}
		}
		if own != nil && a.several && (own.has("query") || own.has("extraHeaders") || own.has("transports") || own.has("path")) {
			a.comment([]string{a.changed(own, "the socketio options of scenario %s count for all scenarios, which share a target", g.name)})
		}
	}
	flow := r.get("flow")
	if flow == nil || flow.kind != sequenceNode {
		a.lostWeight += g.weight
		a.comment([]string{a.lost(n, "scenario %s has no flow", g.name)})
		return
	}
	for _, key := range []string{"beforeScenario", "afterScenario", "beforeRequest", "afterResponse"} {
		if f := r.get(key); f != nil {
			g.steps = append(g.steps, a.lost(f, "%s: %s", key, f.inline()))
		}
	}
	g.steps = append(g.steps, r.rest("")...)
	if g.engine == "socketio" {
		g.namespace = namespaceOf(flow)
	}
	if g.namespace != "" && (!strings.HasPrefix(g.namespace, "/") || strings.ContainsAny(g.namespace, ", ?\x00\n{")) {
		g.steps = append(g.steps, a.lost(flow, "namespace %s", g.namespace))
		g.namespace = ""
	}
	for _, item := range flow.items {
		a.step(g, item, 0)
	}
	if g.real == 0 {
		a.lostWeight += g.weight
		a.comment([]string{a.lost(n, "scenario %s: nothing of its flow, and its users", g.name)})
		a.takePending()
		return
	}
	if !slices.Contains(a.engines, g.engine) {
		a.engines = append(a.engines, g.engine)
	}
	a.groups = append(a.groups, g)
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_]+`)

func (a *artillery) groupName(title string, i int) string {
	name := strings.Trim(notInNames.ReplaceAllString(title, "-"), "-")
	if name == "" {
		name = fmt.Sprintf("scenario-%d", i+1)
	}
	name = strings.TrimRight(name[:min(len(name), 48)], "-")
	base := name
	for k := 2; name == "use" || slices.ContainsFunc(a.groups, func(g *artilleryGroup) bool { return g.name == name }); k++ {
		name = fmt.Sprintf("%s-%d", base, k)
	}
	return name
}

// socketio takes over the options of the client.
func (a *artillery) socketio(g *artilleryGroup, n *node) {
	r := a.read(n)
	if q := r.get("query"); q != nil {
		a.query = q
	}
	if h := r.get("extraHeaders"); h != nil {
		a.headers = h
	}
	if t := r.get("transports"); t != nil {
		a.transports = t
	}
	if p := r.get("path"); p != nil && p.kind == scalarNode && !strings.ContainsAny(p.text, "{}$?# ") {
		a.path = p.text
	}
	if auth := r.get("auth"); auth != nil {
		if auth.kind == mappingNode && len(auth.entries) == 1 && auth.entries[0].key.text == "token" && auth.entries[0].value.kind == scalarNode {
			text, ok := a.convert(auth, auth.entries[0].value.text)
			a.comment(a.takePending())
			if ok && !strings.Contains(text, "{{seq}}") {
				g.auth = text
			}
		} else {
			a.comment([]string{a.lost(auth, "socketio.auth other than token: the CONNECT payload has auth.token only")})
		}
	}
	a.comment(r.rest("socketio."))
}

// namespaceOf is the namespace that all emits of a flow have, "" when they
// differ or have none.
func namespaceOf(flow *node) string {
	found := ""
	var walk func(n *node) bool
	walk = func(n *node) bool {
		if n.kind == mappingNode {
			if emit, _ := n.without("emit"); emit != nil {
				ns := ""
				for _, at := range []*node{n, emit.value} {
					if at.kind == mappingNode {
						if e, _ := at.without("namespace"); e != nil {
							ns = e.value.text
						}
					}
				}
				if found != "" && ns != found {
					return false
				}
				found = ns
				return ns != ""
			}
		}
		for _, item := range n.items {
			if !walk(item) {
				return false
			}
		}
		for _, e := range n.entries {
			if !walk(e.value) {
				return false
			}
		}
		return true
	}
	if !walk(flow) {
		return ""
	}
	return found
}

// add is a step, after the comments on its variables.
func (a *artillery) add(g *artilleryGroup, line string) {
	g.steps = append(append(g.steps, a.takePending()...), "- "+line)
	g.real++
}

// step translates one step of a flow.
func (a *artillery) step(g *artilleryGroup, n *node, depth int) {
	if n.kind != mappingNode || len(n.entries) == 0 || depth > maxImportNest || len(g.steps) > 800 {
		a.fail(g, n, "a step")
		return
	}
	for _, key := range []string{"loop", "emit", "send", "think", "log", "function"} {
		if !n.has(key) {
			continue
		}
		switch key {
		case "loop":
			a.loop(g, n, depth)
		case "emit", "send":
			a.message(g, n, key, "")
		case "think":
			a.think(g, n)
		case "log":
			g.steps = append(g.steps, a.lost(n, "log"))
		case "function":
			g.steps = append(g.steps, a.lost(n, "function %s: an exec step may do it", n.entries[0].value.inline()))
		}
		return
	}
	for _, method := range []string{"get", "post", "put", "patch", "delete"} {
		if n.has(method) {
			a.request(g, n, method, "")
			return
		}
	}
	a.fail(g, n, "a step")
}

func (a *artillery) think(g *artilleryGroup, n *node) {
	e, _ := n.without("think")
	d, ok := artilleryTime(e.value)
	switch {
	case !ok || d > 24*time.Hour:
		g.steps = append(g.steps, a.lost(n, "think: %s", e.value.inline()))
	case d > 0:
		a.add(g, "wait: "+d.String())
	}
}

// loop becomes a rate where it is a message and a pause, and is written out
// otherwise.
func (a *artillery) loop(g *artilleryGroup, n *node, depth int) {
	r := a.read(n)
	body := r.get("loop")
	count, ok := artilleryNumber(r.get("count"))
	if len(r.rest("loop, ")) > 0 || !ok || count < 1 || count != float64(int(count)) || body.kind != sequenceNode {
		g.steps = append(g.steps, a.lost(n, "a loop without a fixed count"))
		return
	}
	if one, pause := a.paced(g, body); one != nil {
		outer := a.loopIndex
		a.loopIndex = 0
		defer func() { a.loopIndex = outer }()
		rate := fmt.Sprintf("rate: 1/%s, count: %d", pause, int(count))
		g.steps = append(g.steps, a.changed(n, "the sends of this loop are due every %s, however long answers take; the script waits for each answer and then as long again", pause))
		if one.has("emit") || one.has("send") {
			key := "emit"
			if one.has("send") {
				key = "send"
			}
			a.message(g, one, key, rate)
			return
		}
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if one.has(method) {
				a.request(g, one, method, rate)
				return
			}
		}
	}
	if steps := unrolled(n, 0); steps > maxUnrolled {
		g.steps = append(g.steps, a.lost(n, "a loop that is more than %d steps when it is written out", maxUnrolled))
		return
	}
	outer := a.loopIndex
	for i := range int(count) {
		for _, item := range body.items {
			a.loopIndex = i + 1
			a.step(g, item, depth+1)
		}
	}
	a.loopIndex = outer
}

// unrolled is how many steps a step becomes, at most maxUnrolled+1.
func unrolled(n *node, depth int) int {
	loop, _ := n.without("loop")
	if n.kind != mappingNode || loop == nil || depth > maxImportNest {
		return 1
	}
	steps := 0
	for _, item := range loop.value.items {
		steps = min(steps+unrolled(item, depth+1), maxUnrolled+1)
	}
	if e, _ := n.without("count"); e != nil {
		if count, ok := artilleryNumber(e.value); ok {
			return int(min(float64(steps)*count, maxUnrolled+1))
		}
	}
	return steps
}

// paced tells whether a loop is one message that no other step follows but
// pauses, and how long those are together.
func (a *artillery) paced(g *artilleryGroup, body *node) (one *node, pause time.Duration) {
	for _, item := range body.items {
		if item.kind != mappingNode {
			return nil, 0
		}
		if e, _ := item.without("think"); e != nil {
			d, ok := artilleryTime(e.value)
			if !ok {
				return nil, 0
			}
			pause += d
			continue
		}
		if one != nil || item.has("loop") || item.has("response") {
			return nil, 0
		}
		if e, _ := item.without("emit"); e != nil && e.value.kind == mappingNode && e.value.has("response") {
			return nil, 0
		}
		one = item
	}
	if pause < time.Millisecond || pause > time.Hour || one == nil {
		return nil, 0
	}
	switch g.engine {
	case "http":
		if one.has("emit") || one.has("send") || one.has("log") || one.has("function") {
			return nil, 0
		}
	case "socketio":
		if !one.has("emit") {
			return nil, 0
		}
	case "ws":
		if !one.has("send") {
			return nil, 0
		}
	}
	return one, pause
}

// fail puts a step that can't be translated into the file as a comment.
func (a *artillery) fail(g *artilleryGroup, n *node, why string) {
	g.steps = append(append(g.steps, a.takePending()...), a.lost(n, "%s: %s", why, n.inline()))
}

// message translates emit and send.
func (a *artillery) message(g *artilleryGroup, n *node, key, schedule string) {
	if key == "emit" && g.engine != "socketio" || key == "send" && g.engine != "ws" {
		a.fail(g, n, "not a step of engine "+g.engine)
		return
	}
	outer := a.read(n)
	value := outer.get(key)
	if key == "send" {
		a.frame(g, n, outer, value, schedule)
		return
	}
	line, ok := "", false
	inner := outer
	switch {
	case value == nil:
	case value.kind == sequenceNode && len(value.items) > 0:
		line, ok = a.event(g, value.items[0], &node{kind: sequenceNode, items: value.items[1:]})
	case value.kind == mappingNode:
		inner = a.read(value)
		data := inner.get("data")
		if data == nil {
			data = &node{kind: sequenceNode}
		} else if data.kind != sequenceNode {
			data = &node{kind: sequenceNode, items: []*node{data}}
		}
		if channel := inner.get("channel"); channel != nil {
			line, ok = a.event(g, channel, data)
		}
	}
	ns := inner.get("namespace")
	if other := outer.get("namespace"); other != nil {
		ns = other
	}
	if !ok || ns != nil && ns.text != g.namespace {
		a.fail(g, n, "an emit to another namespace, or with data that the script computes")
		return
	}
	ack := inner.get("acknowledge")
	if other := outer.get("acknowledge"); other != nil {
		ack = other
	}
	if ack != nil && ack.text != "false" {
		match, comments := a.match(ack, "ack")
		g.steps = append(g.steps, comments...)
		line += ", ack: {" + match + "}"
		a.hasAck = true
	}
	if schedule != "" {
		line += ", " + schedule
	}
	response := inner.get("response")
	if other := outer.get("response"); other != nil {
		response = other
	}
	rest := outer.rest("emit, ")
	if inner != outer {
		rest = append(rest, inner.rest("emit, ")...)
	}
	g.steps = append(g.steps, rest...)
	a.add(g, "{ "+line+" }")
	if response != nil {
		a.response(g, response)
	}
}

// event is an emit with its arguments.
func (a *artillery) event(g *artilleryGroup, name, args *node) (string, bool) {
	if name.kind != scalarNode || name.text == "" || len(name.text) > 256 || strings.Contains(name.text, "{{") {
		return "", false
	}
	list, ok := a.value(args)
	line := "emit: " + quoted(literal(name.text))
	if len(args.items) > 0 {
		line += ", args: " + list
	}
	return line, ok
}

// frame is a send of the ws engine.
func (a *artillery) frame(g *artilleryGroup, n *node, outer *reader, value *node, schedule string) {
	if value == nil {
		a.fail(g, n, "a frame without content")
		return
	}
	// {payload: …, match: …, capture: …}
	if value.kind == mappingNode && value.has("payload") {
		r := a.read(value)
		payload := r.get("payload")
		g.steps = append(g.steps, r.rest("send, ")...)
		value = payload
	}
	if value == nil {
		a.fail(g, n, "a frame without content")
		return
	}
	data, ok := a.value(value)
	if !ok {
		a.fail(g, n, "a frame that the script computes")
		return
	}
	g.steps = append(g.steps, outer.rest("send, ")...)
	line := "emit: frame, data: " + data
	if schedule != "" {
		line += ", " + schedule
	}
	a.add(g, "{ "+line+" }")
}

// response is an event that the script waits for after an emit.
func (a *artillery) response(g *artilleryGroup, n *node) {
	if n.kind != mappingNode {
		a.fail(g, n, "a response")
		return
	}
	r := a.read(n)
	channel := r.get("channel", "on")
	if channel == nil || channel.kind != scalarNode || channel.text == "" || strings.Contains(channel.text, "{{") || len(channel.text) > 256 {
		a.fail(g, n, "a response without a channel")
		return
	}
	r.get("on")
	match, comments := a.match(n, "response")
	g.steps = append(g.steps, comments...)
	line := "{ expect: " + quoted(literal(channel.text))
	if match != "" {
		line += "," + strings.TrimSuffix(match, " ")
	}
	a.add(g, line+" }")
}

var artilleryPath = regexp.MustCompile(`^\$((?:\.[A-Za-z_][A-Za-z0-9_]*|\.\d{1,6}|\[\d{1,6}\])*)$`)

// match turns what an answer must be into the inside of an ack or expect.
func (a *artillery) match(n *node, what string) (string, []string) {
	if n.kind != mappingNode {
		return "", nil
	}
	r := a.read(n)
	for _, known := range []string{"channel", "on"} {
		r.get(known)
	}
	var comments []string
	var conditions []string
	list := []*node{}
	if m := r.get("match"); m != nil {
		if list = m.items; m.kind == mappingNode {
			list = []*node{m}
		}
	}
	for _, m := range list {
		if m.kind != mappingNode {
			comments = append(comments, a.lost(m, "a match"))
			continue
		}
		x := a.read(m)
		path, value := x.get("json"), x.get("value")
		if path == nil || value == nil || path.kind != scalarNode || !artilleryPath.MatchString(path.text) {
			comments = append(comments, a.lost(m, "match %s", m.inline()))
			continue
		}
		text, ok := a.value(value)
		if !ok || strings.Contains(text, "{{") || value.kind != scalarNode {
			comments = append(comments, a.lost(m, "match %s", m.inline()))
			continue
		}
		where, ok := firstArgument(path.text)
		if !ok || slices.ContainsFunc(conditions, func(c string) bool { return strings.HasPrefix(c, quoted(where)+":") }) {
			comments = append(comments, a.lost(m, "match %s: only the first argument is looked at", m.inline()))
			continue
		}
		conditions = append(conditions, quoted(where)+": "+text)
		comments = append(comments, x.rest("match, ")...)
	}
	for _, e := range []string{"data", "args"} {
		if d := r.get(e); d != nil {
			comments = append(comments, a.lost(d, "%s of the %s, which must be equal: %s", e, what, d.inline()))
		}
	}
	comments = append(comments, r.rest(what+", ")...)
	if len(conditions) == 0 {
		return "", comments
	}
	return " match: { " + strings.Join(conditions, ", ") + " } ", comments
}

// firstArgument turns a path of the script, which begins with the number of an
// argument, into one within the first argument.
func firstArgument(path string) (string, bool) {
	rest := strings.TrimPrefix(path, "$")
	for _, zero := range []string{".0", "[0]"} {
		if inner, ok := strings.CutPrefix(rest, zero); ok && (inner == "" || inner[0] == '.' || inner[0] == '[') {
			rest = inner
			return "$" + digitsInBrackets(rest), true
		}
	}
	if rest != "" && (rest[0] == '[' || rest[1] >= '0' && rest[1] <= '9') {
		return "", false // another argument
	}
	return "$" + digitsInBrackets(rest), true
}

var dotDigits = regexp.MustCompile(`\.(\d+)`)

func digitsInBrackets(path string) string { return dotDigits.ReplaceAllString(path, "[$1]") }
