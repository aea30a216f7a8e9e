package loadgen

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}

// YAML 1.2 core schema, less the forms that readers disagree about: those are
// reported so that nobody has to know.
var (
	yamlInt       = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	yamlFloat     = regexp.MustCompile(`^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	yamlAmbiguous = regexp.MustCompile(`^[-+]?(0[0-9_]+|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*_[0-9_]*|\.inf|\.Inf|\.INF|\.nan|\.NaN|\.NAN)$`)
)

// goValue turns a node into the value that encoding/json would give: string,
// float64 or int64, bool, nil, []any, map[string]any. check sees every text.
func (p *parse) goValue(n *node, check func(*node)) any {
	switch n.kind {
	case nullNode:
		return nil
	case sequenceNode:
		out := make([]any, 0, len(n.items))
		for _, item := range n.items {
			out = append(out, p.goValue(item, check))
		}
		return out
	case mappingNode:
		out := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			// A claim for which the environment has no value is not made, so
			// that one file serves servers with and without an audience.
			if e.value.fromEnv && e.value.text == "" {
				continue
			}
			out[e.key.text] = p.goValue(e.value, check)
		}
		return out
	}
	if n.secret {
		p.addSecret(n.text)
	}
	if v, isText := p.plain(n); !isText {
		return v
	}
	check(n)
	return n.text
}

// plain resolves a scalar that is not quoted. isText means that it is a text
// after all.
func (p *parse) plain(n *node) (v any, isText bool) {
	if n.quoted {
		return nil, true
	}
	switch n.text {
	case "", "~", "null", "Null", "NULL":
		return nil, false
	case "true", "True", "TRUE":
		return true, false
	case "false", "False", "FALSE":
		return false, false
	}
	if yamlAmbiguous.MatchString(n.text) {
		p.hintf(n.pos, "quote it if it is a text, or write a plain decimal number", "readers of YAML disagree about what %s is", n.describe())
		return nil, false
	}
	if yamlInt.MatchString(n.text) {
		if i, err := strconv.ParseInt(strings.TrimPrefix(n.text, "+"), 10, 64); err == nil {
			return i, false
		}
	}
	if yamlFloat.MatchString(n.text) {
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil || math.IsInf(f, 0) {
			p.errorf(n.pos, "number %s is out of range", n.describe())
			return nil, false
		}
		return f, false
	}
	return nil, true
}

// appendJSON renders a node as JSON. Texts keep their {{variables}}.
func (p *parse) appendJSON(dst []byte, n *node) []byte {
	switch n.kind {
	case nullNode:
		return append(dst, "null"...)
	case sequenceNode:
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = p.appendJSON(dst, item)
		}
		return append(dst, ']')
	case mappingNode:
		if key, value := blobNode(n); value != nil && p.blobs != nil {
			*p.blobs = append(*p.blobs, p.blob(key, value))
			return appendPlaceholder(dst, len(*p.blobs)-1)
		}
		dst = append(dst, '{')
		for i, e := range n.entries {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, e.key.text)
			dst = append(dst, ':')
			dst = p.appendJSON(dst, e.value)
		}
		return append(dst, '}')
	}
	v, isText := p.plain(n)
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return append(dst, formatNumber(v)...)
	}
	if !isText {
		return append(dst, "null"...)
	}
	return appendJSONString(dst, n.text)
}

// template compiles YAML data into a JSON template.
func (p *parse) template(n *node) Template {
	t, err := compileTemplate(string(p.appendJSON(nil, n)), true)
	if err != nil {
		p.errorf(n.firstText("{{").pos, "%v", err)
		return Template{}
	}
	p.noteTemplate(n.firstText("{{data."), t, false)
	return t
}

// firstText finds the first scalar that contains s, the node itself when
// none does.
func (n *node) firstText(s string) *node {
	if found := n.find(s); found != nil {
		return found
	}
	return n
}

func (n *node) find(s string) *node {
	if n.kind == scalarNode && strings.Contains(n.text, s) {
		return n
	}
	for _, item := range n.items {
		if f := item.find(s); f != nil {
			return f
		}
	}
	for _, e := range n.entries {
		for _, x := range []*node{e.key, e.value} {
			if f := x.find(s); f != nil {
				return f
			}
		}
	}
	return nil
}

// inline renders a node on one line, as flow style would have it.
func (n *node) inline() string {
	var b strings.Builder
	n.writeInline(&b)
	return clip(printable(b.String()), 120)
}

func (n *node) writeInline(b *strings.Builder) {
	if b.Len() > 1000 { // more than any message shows
		return
	}
	switch n.kind {
	case nullNode:
		b.WriteString("null")
	case scalarNode:
		if n.quoted && strings.ContainsAny(n.text, `,:{}[]#"'`) {
			b.WriteString(strconv.Quote(n.text))
			return
		}
		b.WriteString(n.text)
	case sequenceNode:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteString(", ")
			}
			item.writeInline(b)
		}
		b.WriteByte(']')
	case mappingNode:
		b.WriteByte('{')
		for i, e := range n.entries {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(e.key.text + ": ")
			e.value.writeInline(b)
		}
		b.WriteByte('}')
	}
}
