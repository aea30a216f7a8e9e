package loadgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a mapping whose keys were checked against their definition.
type object struct {
	p   *parse
	n   *node
	def *objectDef
}

// object checks n against def and reports every key that is unknown, not
// supported yet or missing. It is nil when n is no mapping.
func (p *parse) object(n *node, def *objectDef) *object {
	if n.kind != mappingNode {
		p.hintf(n.pos, "its keys: "+strings.Join(def.names(), ", "), "%s is a mapping, not %s", def.what, n.describe())
		return nil
	}
	o := &object{p: p, n: n, def: def}
	for _, e := range n.entries {
		key := e.key.text
		if len(p.diags) >= maxRecorded {
			break // and no more nearest keys to look for
		}
		switch {
		case def.key(key) != nil:
		case slices.Contains(def.planned, key):
			p.hintf(e.key.pos, "leave it out for now", "%q is not supported yet", key)
		default:
			p.hintf(e.key.pos, didYouMean(key, def.names()), "unknown key %q in %s", key, def.what)
		}
	}
	for i := range def.keys {
		if k := &def.keys[i]; k.required && o.lookup(k.name) == nil {
			p.errorf(n.pos, "%s needs %q", def.what, k.name)
		}
	}
	return o
}

func (o *object) lookup(key string) *entry {
	for i := range o.n.entries {
		if o.n.entries[i].key.text == key {
			return &o.n.entries[i]
		}
	}
	return nil
}

// get is the value of a key, nil when the key is absent. A key without a
// value is reported, because it is nearly always one that was forgotten.
func (o *object) get(key string) *node {
	if o == nil {
		return nil
	}
	if o.def.key(key) == nil {
		panic("loadgen: key " + key + " is missing in the definition of " + o.def.name)
	}
	o.p.noteRead(o.def, key)
	e := o.lookup(key)
	if e == nil {
		return nil
	}
	if e.value.kind == nullNode {
		if !o.def.key(key).mayBeEmpty {
			o.p.errorf(e.key.pos, "%q has no value", key)
			return nil
		}
	}
	return e.value
}

func (p *parse) noteRead(def *objectDef, key string) {
	if p.onRead != nil {
		p.onRead(def.name, key)
	}
}

// keyPos is where a key stands, the object's position when it is absent.
func (o *object) keyPos(key string) Pos {
	if e := o.lookup(key); e != nil {
		return e.key.pos
	}
	return o.n.pos
}

func (o *object) has(key string) bool { return o != nil && o.lookup(key) != nil }

// describe names what a node is, for messages.
func (n *node) describe() string {
	if n.kind == scalarNode {
		s := clip(printable(n.text), 40)
		if !n.quoted && s != "" && (s[0] >= '0' && s[0] <= '9' || s[0] == '-') {
			return s // a number reads better without quotes
		}
		return strconv.Quote(s)
	}
	return n.kind.String()
}

// items is the entries of a list that must not be empty.
func (p *parse) items(n *node, what string) []*node {
	switch {
	case n.kind != sequenceNode:
		p.errorf(n.pos, "%s is a list, not %s", what, n.describe())
	case len(n.items) == 0:
		p.errorf(n.pos, "%s is empty", what)
	}
	return n.items
}

func (p *parse) errorf(pos Pos, format string, args ...any) { p.hintf(pos, "", format, args...) }

func (p *parse) hintf(pos Pos, hint, format string, args ...any) {
	p.report(Diagnostic{Pos: pos, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (p *parse) report(d Diagnostic) {
	if len(p.diags) >= maxRecorded {
		p.dropped++
		return
	}
	if d.File == "" {
		d.File = p.name
	}
	p.diags = append(p.diags, d)
}

// str reads a text. Numbers and booleans are taken as they are written.
func (o *object) str(key string) string {
	n := o.get(key)
	if n == nil {
		return ""
	}
	s, _ := o.p.text(n, key)
	return s
}

func (p *parse) text(n *node, what string) (string, bool) {
	if n.kind != scalarNode {
		p.errorf(n.pos, "%s is a text, not %s", what, n.describe())
		return "", false
	}
	return n.text, !n.bad
}

// duration reads a time above zero, def when the key is absent.
func (o *object) duration(key string, def time.Duration) time.Duration {
	n := o.get(key)
	if n == nil {
		return def
	}
	d, ok := o.p.duration(n, key)
	if !ok {
		return def
	}
	return d
}

func (p *parse) duration(n *node, what string) (time.Duration, bool) {
	s, ok := p.text(n, what)
	if !ok {
		return 0, false
	}
	d, err := parseDuration(s)
	if err != nil {
		p.errorf(n.pos, "%s: %s: %v", what, n.describe(), err)
		return 0, false
	}
	if d <= 0 {
		p.errorf(n.pos, "%s: %s: must be longer than zero", what, n.describe())
		return 0, false
	}
	return d, true
}

// rate reads a rate in events a second, 0 when the key is absent.
func (o *object) rate(key string) float64 {
	n := o.get(key)
	if n == nil {
		return 0
	}
	s, ok := o.p.text(n, key)
	if !ok {
		return 0
	}
	r, err := parseRate(s)
	switch {
	case err != nil:
		o.p.errorf(n.pos, "%s: %s: %v", key, n.describe(), err)
		return 0
	case r <= 0:
		o.p.errorf(n.pos, "%s: %s: must be more than zero", key, n.describe())
	}
	return r
}

// integer reads a whole number within bounds, def when the key is absent.
func (o *object) integer(key string, def, lo, hi int64) int64 {
	n := o.get(key)
	if n == nil {
		return def
	}
	v, ok := o.p.integer(n, key, lo, hi)
	if !ok {
		return def
	}
	return v
}

func (p *parse) integer(n *node, what string, lo, hi int64) (int64, bool) {
	s, ok := p.text(n, what)
	if !ok {
		return 0, false
	}
	if n.quoted && !n.fromEnv {
		p.hintf(n.pos, "take the quotes away", "%s is a whole number, not the text %q", what, s)
		return 0, false
	}
	v, err := parseCount(s)
	switch {
	case err != nil:
		p.errorf(n.pos, "%s: %s: %v", what, n.describe(), err)
		return 0, false
	case v < lo || v > hi:
		p.errorf(n.pos, "%s is from %d to %d, not %d", what, lo, hi, v)
		return 0, false
	}
	return v, true
}

// boolean reads true or false, false when the key is absent.
func (o *object) boolean(key string) bool {
	n := o.get(key)
	if n == nil {
		return false
	}
	if n.kind == scalarNode && (!n.quoted || n.fromEnv) {
		switch n.text {
		case "true":
			return true
		case "false":
			return false
		}
	}
	o.p.errorf(n.pos, "%s is true or false, not %s", key, n.describe())
	return false
}

// enum reads one of a few words, "" when the key is absent or wrong.
func (o *object) enum(key string, words []string) string {
	n := o.get(key)
	if n == nil {
		return ""
	}
	return o.p.enum(n, key, words)
}

func (p *parse) enum(n *node, what string, words []string) string {
	s, ok := p.text(n, what)
	if !ok {
		return ""
	}
	if !slices.Contains(words, s) {
		p.hintf(n.pos, didYouMean(s, words), "unknown %s %s", what, n.describe())
		return ""
	}
	return s
}

// list reads a list of texts. One text stands for a list of one, and commas
// divide it, so that an environment variable can hold a list.
func (p *parse) list(n *node, what string) []*node {
	if n == nil {
		return nil
	}
	switch n.kind {
	case sequenceNode:
		var out []*node
		for _, item := range n.items {
			if _, ok := p.text(item, "an entry of "+what); ok {
				out = append(out, item)
			}
		}
		if len(n.items) == 0 {
			p.errorf(n.pos, "%s is empty", what)
		}
		return out
	case scalarNode:
		var out []*node
		offset := 0
		for part := range strings.SplitSeq(n.text, ",") {
			word := strings.TrimSpace(part)
			item := *n
			item.text, item.exact = word, false
			item.pos = n.at(offset + strings.Index(part, word))
			offset += len(part) + 1
			if word == "" {
				p.errorf(item.pos, "empty entry in %s", what)
				continue
			}
			out = append(out, &item)
		}
		return out
	}
	p.errorf(n.pos, "%s is a list, not %s", what, n.describe())
	return nil
}

// maxNamed bounds the groups, targets and the like of a file.
const maxNamed = 1000

// named calls f for every entry of a mapping from names to values.
func (p *parse) named(n *node, what string, f func(name string, key, value *node)) {
	if n == nil {
		return
	}
	if n.kind != mappingNode {
		p.errorf(n.pos, "%s is a mapping from names, not %s", what, n.describe())
		return
	}
	if len(n.entries) == 0 {
		p.errorf(n.pos, "%s is empty", what)
	}
	if len(n.entries) > maxNamed {
		p.errorf(n.pos, "more than %d entries in %s", maxNamed, what)
		return
	}
	for _, e := range n.entries {
		if !validName(e.key.text) {
			p.hintf(e.key.pos, "letters, digits, and - _ . after the first", "%q is no name for an entry of %s", clip(printable(e.key.text), 40), what)
			continue
		}
		f(e.key.text, e.key, e.value)
	}
}

// validName tells whether s can name a target, group, profile or the like:
// names appear in labels and in report paths.
func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '.') {
			return false
		}
	}
	return true
}
