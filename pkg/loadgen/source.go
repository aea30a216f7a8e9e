package loadgen

import (
	"slices"
	"strings"
)

// source is one file that a scenario is made of.
type source struct {
	name  string
	lines []string
	runes [][]rune // lines that were looked into
}

func newSource(name string, src []byte) *source {
	s := &source{name: name}
	if len(src) <= maxSource {
		s.lines = sourceLines([]byte(strings.TrimPrefix(string(src), "\ufeff")))
	}
	return s
}

// sources are the files of a scenario, the scenario's own first.
type sources []*source

func (s sources) index(file string) int {
	return slices.IndexFunc(s, func(x *source) bool { return x.name == file })
}

// line is a line of a file, counted from 1.
func (s sources) line(p Pos) (string, bool) {
	i := s.index(p.File)
	if i < 0 || p.Line < 1 || p.Line > len(s[i].lines) {
		return "", false
	}
	return s[i].lines[p.Line-1], true
}

const (
	maxFiles = 32 // of one scenario
	maxChain = 16 // files that extend one another
)

// file reads one file and all that it is built upon. It returns nil after
// reporting what made that impossible.
func (p *parse) file(name string, src []byte) *node {
	outer := p.source
	p.source = newSource(name, src)
	if p.sources.index(name) < 0 {
		p.sources = append(p.sources, p.source)
	}
	root := p.loadYAML(src)
	p.source = outer
	if outer == nil {
		p.source = p.sources[0]
	}
	if root == nil {
		return nil
	}
	if root.kind != mappingNode {
		p.object(root, rootDef) // says so
		return nil
	}
	p.chain = append(p.chain, name)
	defer func() { p.chain = p.chain[:len(p.chain)-1] }()
	return p.extend(p.useClients(root))
}

// extend puts the file over those that its extends names, the first of them
// at the bottom.
func (p *parse) extend(root *node) *node {
	p.noteRead(rootDef, "extends")
	e, rest := root.without("extends")
	if e == nil {
		return root
	}
	var base *node
	for _, item := range p.files(e, "extends") {
		if other := p.other(item, "extends"); other != nil {
			base = merge(base, other)
		} else {
			p.incomplete = true
		}
	}
	return merge(base, rest)
}

// usedKeys are what clients.use takes from another file: the groups and what
// they need. Phases, faults and thresholds stay there.
var usedKeys = []string{"version", "targets", "auth", "data", "clients", "verify"}

// useClients puts the file over the groups of those that clients.use names. A
// group may be called use as well: a mapping is a group, a text names a file.
func (p *parse) useClients(root *node) *node {
	clients, rest := root.without("clients")
	if clients == nil || clients.value.kind != mappingNode {
		return root
	}
	e, groups := clients.value.without("use")
	if e == nil || e.value.kind == mappingNode {
		return root
	}
	var base *node
	for _, item := range p.files(e, "use") {
		other := p.other(item, "use")
		if other == nil {
			p.incomplete = true
			continue
		}
		picked := &node{pos: other.pos, kind: mappingNode}
		for _, x := range other.entries {
			if slices.Contains(usedKeys, x.key.text) {
				picked.entries = append(picked.entries, x)
			}
		}
		base = merge(base, picked)
	}
	rest.entries = append(rest.entries, entry{clients.key, groups})
	return merge(base, rest)
}

// files are the names that a key lists.
func (p *parse) files(e *entry, what string) []*node {
	if e.value.kind == nullNode {
		p.errorf(e.key.pos, "%q has no value", what)
		p.incomplete = true
		return nil
	}
	p.reportReferences(e.value)
	return p.list(e.value, what)
}

// other reads another file of the scenario.
func (p *parse) other(n *node, what string) *node {
	switch {
	case n.bad:
		return nil // reported
	case n.text == "":
		p.errorf(n.pos, "%s names no file", what)
		return nil
	case p.open == nil:
		p.errorf(n.pos, "%s: no other file can be read here", what)
		return nil
	case len(p.chain) >= maxChain || p.reads >= maxFiles:
		if p.reads <= maxFiles { // once
			p.errorf(n.pos, "%s: more than %d files, or %d on top of one another", what, maxFiles, maxChain)
		}
		p.reads = maxFiles + 1
		return nil
	}
	p.reads++
	file, src, err := p.open(n.pos.File, n.text)
	switch {
	case err != nil:
		p.errorf(n.pos, "%s: %v", what, err)
		return nil
	case slices.Contains(p.chain, file):
		circle := append(slices.Clone(p.chain[slices.Index(p.chain, file):]), file)
		p.hintf(n.pos, "take one of them out", "%s goes in a circle: %s", what, strings.Join(circle, " → "))
		return nil
	}
	return p.file(file, src)
}

// without is the entry of a key, and the mapping without it.
func (n *node) without(key string) (*entry, *node) {
	i := slices.IndexFunc(n.entries, func(e entry) bool { return e.key.text == key })
	if i < 0 {
		return nil, n
	}
	rest := *n
	rest.entries = slices.Delete(slices.Clone(n.entries), i, i+1)
	return &n.entries[i], &rest
}

func (n *node) has(key string) bool {
	e, _ := n.without(key)
	return e != nil
}

// merge puts one value over another. Mappings are joined key by key; anything
// else takes the other's place, lists as a whole. A key whose value is
// written out as null is taken away. Every value keeps its own place, so that
// a message about it names the file that it came from.
func merge(base, over *node) *node {
	if base == nil || over.kind != mappingNode || base.kind != mappingNode {
		return over
	}
	out := &node{pos: base.pos, kind: mappingNode}
	taken := map[string]bool{}
	for _, b := range base.entries {
		i := slices.IndexFunc(over.entries, func(e entry) bool { return e.key.text == b.key.text })
		if i < 0 {
			out.entries = append(out.entries, b)
			continue
		}
		o := over.entries[i]
		taken[b.key.text] = true
		switch {
		case o.value.kind == nullNode && o.value.text != "":
		case o.value.kind == mappingNode && b.value.kind == mappingNode:
			out.entries = append(out.entries, entry{b.key, merge(b.value, o.value)})
		default:
			out.entries = append(out.entries, o)
		}
	}
	for _, o := range over.entries {
		if !taken[o.key.text] {
			out.entries = append(out.entries, o)
		}
	}
	return out
}

// same tells whether two values are equal, wherever they stand. The order of
// keys does not count.
func same(a, b *node) bool {
	if a.bad || b.bad || a.kind != b.kind || a.text != b.text || a.quoted != b.quoted || len(a.items) != len(b.items) || len(a.entries) != len(b.entries) {
		return false
	}
	for i := range a.items {
		if !same(a.items[i], b.items[i]) {
			return false
		}
	}
	for _, e := range a.entries {
		i := slices.IndexFunc(b.entries, func(x entry) bool { return x.key.text == e.key.text })
		if i < 0 || !same(e.value, b.entries[i].value) {
			return false
		}
	}
	return true
}

// reportReferences reports the environment references below n that could not
// be resolved. It is called for what is left when files and profiles are
// joined: a value that another has replaced needs no environment.
func (p *parse) reportReferences(n *node) {
	for _, d := range n.failures {
		p.report(d)
	}
	for _, item := range n.items {
		p.reportReferences(item)
	}
	for _, e := range n.entries {
		p.reportReferences(e.key)
		p.reportReferences(e.value)
	}
}
