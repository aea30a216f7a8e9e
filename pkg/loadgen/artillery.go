package loadgen

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ImportNote is what an import could not carry over as it was.
type ImportNote struct {
	Pos
	Text string
	// Lost: it is not in the scenario at all; otherwise its meaning changes.
	Lost bool
}

// String is file:line: text.
func (n ImportNote) String() string {
	what := "changed: "
	if n.Lost {
		what = "not translated: "
	}
	return fmt.Sprintf("%s:%d: %s%s", n.File, n.Line, what, n.Text)
}

// ImportArtillery translates a script of Artillery (its YAML or JSON) into a
// scenario. Whatever means something else here, or nothing, is in a note and in
// a comment where it would stand. The scenario that it returns is one that
// Parse takes; the diagnostics say why there is none.
func ImportArtillery(file string, src []byte) ([]byte, []ImportNote, Diagnostics) {
	p := &parse{sc: &Scenario{File: file}, env: func(string) (string, bool) { return "", false }, literal: true}
	p.source = newSource(file, src)
	p.sources = sources{p.source}
	root := p.loadYAML(src)
	a := &artillery{p: p, file: file}
	var out []byte
	if root != nil && p.sound() {
		out = a.script(root)
	}
	if len(p.diags) == 0 {
		// The proof of what the comment above promises.
		if _, diags := Parse(file, out, func(string) (string, bool) { return "x", true }); diags != nil {
			p.errorf(Pos{Line: 1, Column: 1}, "no scenario that lints comes of it: %s", diags[0].Message)
		}
	}
	if len(p.diags) > 0 {
		return nil, nil, p.diags.finish(p.sources, func(s string) string { return s })
	}
	slices.SortStableFunc(a.notes, func(x, y ImportNote) int { return x.Line - y.Line })
	return out, a.notes, nil
}

// artillery is the state of one import.
type artillery struct {
	p     *parse
	file  string
	notes []ImportNote

	fields map[string]string // of payloads: name of the data
	vars   map[string]*node  // config.variables

	url                string
	at                 *node // the script
	insecure           bool
	headers, query     *node
	transports         *node
	path               string
	data               []string // lines
	users              int      // virtual users of all phases
	length             time.Duration
	arrivals           []arrival
	rates              bool // one plain phase: a rate says it all
	profiles           []string
	hasAck, hasRequest bool
	pending            []string // comments on variables, for the line that holds them
	several            bool     // scenarios
	loopIndex          int      // $loopCount of a loop that is written out, 0 outside
	lostWeight         float64  // of scenarios that are not translated
	asked              []condition
	thresholds         []string
	comments           []string // of config, for the head of the file
	groups             []*artilleryGroup
	engines            []string
	defaultSIO         *node
}

// arrival is one phase: so many users over a time.
type arrival struct {
	name  string
	users int
	over  time.Duration
}

// artilleryGroup is one scenario of the script.
type artilleryGroup struct {
	name, engine, namespace string
	weight                  float64
	auth                    string
	steps                   []string // lines, comments among them
	real                    int      // steps that are no comments
	count                   int
}

// lost notes something that is not translated, and returns its comment.
func (a *artillery) lost(n *node, format string, args ...any) string {
	return a.note(n, true, format, args...)
}

// changed notes something whose meaning changes, and returns its comment.
func (a *artillery) changed(n *node, format string, args ...any) string {
	return a.note(n, false, format, args...)
}

func (a *artillery) note(n *node, lost bool, format string, args ...any) string {
	text := clip(printable(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")), 300)
	note := ImportNote{Pos: Pos{File: a.file, Line: n.pos.Line, Column: n.pos.Column}, Text: text, Lost: lost}
	a.notes = append(a.notes, note)
	word := "changed: "
	if lost {
		word = "not translated: "
	}
	return "# " + word + text
}

// reader takes keys from a mapping and reports those that nobody took.
type reader struct {
	a     *artillery
	n     *node
	taken map[string]bool
}

func (a *artillery) read(n *node) *reader { return &reader{a, n, map[string]bool{}} }

func (r *reader) get(keys ...string) *node {
	for _, key := range keys {
		r.taken[key] = true
		if e, _ := r.n.without(key); e != nil && e.value.kind != nullNode {
			return e.value
		}
	}
	return nil
}

func (r *reader) text(key string) string {
	n := r.get(key)
	if n == nil {
		return ""
	}
	if n.kind != scalarNode {
		r.a.comments = append(r.a.comments, r.a.lost(n, "%s is no text", key))
		return ""
	}
	return n.text
}

// rest returns a comment for each key that nobody took.
func (r *reader) rest(where string) []string {
	var out []string
	for _, e := range r.n.entries {
		if !r.taken[e.key.text] {
			out = append(out, r.a.lost(e.key, "%s%s", where, e.key.text))
		}
	}
	return out
}

func (a *artillery) script(root *node) []byte {
	a.at = root
	r := a.read(root)
	if root.kind != mappingNode {
		a.p.errorf(root.pos, "a script is a mapping with config and scenarios, not %s", root.describe())
		return nil
	}
	list := r.get("scenarios")
	if list == nil || list.kind != sequenceNode || len(list.items) == 0 {
		a.p.errorf(root.pos, "no scenarios: is this a script of Artillery?")
		return nil
	}
	if c := r.get("config"); c != nil && c.kind == mappingNode {
		a.config(c)
	}
	if a.users == 0 {
		a.users, a.rates, a.length = 1, true, time.Second
		a.arrivals = []arrival{{users: 1, over: time.Second}}
	}
	for _, key := range []string{"before", "after"} {
		if n := r.get(key); n != nil {
			a.comments = append(a.comments, a.lost(n, "%s: what runs once, %s all users", key, key))
		}
	}
	a.comments = append(a.comments, r.rest("")...)
	a.several = len(list.items) > 1
	for i, item := range list.items {
		a.scenario(i, item)
	}
	if len(a.groups) == 0 {
		a.p.errorf(list.pos, "nothing of its scenarios can be translated")
		return nil
	}
	a.share()
	a.ensure()
	return a.write()
}

// share divides the users among the scenarios by their weights.
func (a *artillery) share() {
	total := a.lostWeight
	for _, g := range a.groups {
		total += g.weight
	}
	for _, g := range a.groups {
		g.count = max(int(math.Round(float64(a.users)*g.weight/total)), 1)
	}
}

// artilleryNumber reads a number, also one in quotes.
func artilleryNumber(n *node) (float64, bool) {
	if n == nil || n.kind != scalarNode {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(n.text), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || v > 1e9 {
		return 0, false
	}
	return v, true
}

// artilleryTime reads seconds, or a text with a unit such as 5 minutes.
func artilleryTime(n *node) (time.Duration, bool) {
	if v, ok := artilleryNumber(n); ok {
		return time.Duration(v * float64(time.Second)), true
	}
	if n == nil || n.kind != scalarNode {
		return 0, false
	}
	text := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(n.text), " ", ""))
	at := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if at <= 0 {
		return 0, false
	}
	v, err := strconv.ParseFloat(text[:at], 64)
	if err != nil || v > 1e9 {
		return 0, false
	}
	units := map[string]time.Duration{
		"ms": time.Millisecond, "msec": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
		"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	}
	unit, ok := units[text[at:]]
	return time.Duration(v * float64(unit)), ok
}
