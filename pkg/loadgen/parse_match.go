package loadgen

import (
	"fmt"
	"strings"
)

var matchOps = []string{"gt", "gte", "lt", "lte", "ne", "in", "exists"}

// matcherOf compiles a condition; an absent, empty or {} one is nil, which
// matches anything.
func (p *parse) matcherOf(n *node) *Matcher {
	if n == nil || n.kind == nullNode || n.kind == mappingNode && len(n.entries) == 0 {
		return nil
	}
	return p.matcher(n)
}

func (p *parse) matcher(n *node) *Matcher {
	return &Matcher{text: n.inline(), cond: p.cond(n)}
}

func (p *parse) cond(n *node) cond {
	switch n.kind {
	case nullNode:
		return wordCond("null")
	case sequenceNode:
		out := make(arrayCond, len(n.items))
		for i, item := range n.items {
			out[i] = p.cond(item)
		}
		return out
	case mappingNode:
		return p.mappingCond(n)
	}
	if !n.quoted {
		switch v, isText := p.plain(n); v := v.(type) {
		case bool:
			return wordCond(fmt.Sprint(v))
		case int64:
			return numberCond(v)
		case float64:
			return numberCond(v)
		default:
			if !isText {
				return wordCond("null")
			}
		}
	}
	re, isRegex, err := regexLiteral(n.text)
	switch {
	case err != nil:
		p.errorf(n.pos, "%s: %v", n.describe(), err)
		return stringCond(n.text)
	case isRegex:
		return regexCond{re}
	}
	return stringCond(n.text)
}

// mappingCond compiles operators, JSONPaths or a subset of fields. They can't
// be mixed, so that a misspelt operator is not taken for a field.
func (p *parse) mappingCond(n *node) cond {
	var all allCond
	ops, paths := 0, 0
	for _, e := range n.entries {
		key := e.key.text
		switch {
		case isMatchOp(key):
			ops++
			all = append(all, p.opCond(key, e.value))
		case strings.HasPrefix(key, "$"):
			paths++
			path, err := ParsePath(key)
			if err != nil {
				p.errorf(e.key.pos, "%q: %v", key, err)
				continue
			}
			all = append(all, pathCond{path, p.cond(e.value)})
		default:
			all = append(all, pathCond{&Path{text: "$." + key, steps: []pathStep{{key: key, index: -1}}}, p.cond(e.value)})
		}
	}
	if ops > 0 && ops < len(n.entries) {
		p.hintf(n.pos, "write the field as a path: $.in", "operators (%s) and fields can't be mixed", strings.Join(matchOps, " "))
	}
	if ops == 1 && len(all) == 1 {
		return all[0] // so that {in: [a, /b/]} looks at plain text too
	}
	if ops == 0 && paths == 0 {
		return append(allCond{objectCond{}}, all...)
	}
	return all
}

func isMatchOp(s string) bool {
	for _, op := range matchOps {
		if s == op {
			return true
		}
	}
	return false
}

func (p *parse) opCond(op string, n *node) cond {
	switch op {
	case "ne":
		return notCond{p.cond(n)}
	case "in":
		var out anyCond
		for _, item := range p.items(n, "in") {
			out = append(out, p.cond(item))
		}
		return out
	case "exists":
		if n.kind == scalarNode && n.text == "true" {
			return existsCond(true)
		}
		if n.kind != scalarNode || n.text != "false" {
			p.errorf(n.pos, "exists is true or false, not %s", n.describe())
		}
		return existsCond(false)
	}
	if n.kind == scalarNode && (!n.quoted || n.fromEnv) {
		switch v, _ := p.plain(n); v := v.(type) {
		case int64:
			return compareCond{op, float64(v)}
		case float64:
			return compareCond{op, v}
		}
	}
	p.errorf(n.pos, "%s compares with a number, not %s", op, n.describe())
	return compareCond{op: op}
}
