package loadgen

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxSource  = 1 << 20 // bytes of a scenario file
	maxNesting = 64      // depth of mappings and lists
	maxNodes   = 200_000 // after aliases are expanded: the guard against alias bombs
)

// node is one YAML value with its place in the file. Environment references
// are already replaced, aliases expanded.
type node struct {
	pos     Pos
	kind    nodeKind
	text    string // scalar: the text, null: how it was written
	quoted  bool   // scalar: quoted or a block, so text whatever it looks like
	fromEnv bool   // scalar: some of the text came from the environment
	bad     bool   // scalar: a reference in it could not be resolved, see failures
	secret  bool   // scalar: the text holds a secret from the environment
	exact   bool   // scalar: text[i] stands at column pos.Column+shift+i of the file
	shift   int
	entries []entry // mapping
	items   []*node // sequence
	// failures are the references that could not be resolved.
	failures []Diagnostic
}

type entry struct{ key, value *node }

type nodeKind uint8

const (
	nullNode nodeKind = iota
	scalarNode
	mappingNode
	sequenceNode
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "a text", "a mapping", "a list"}[k]
}

// at is the position of byte i of a scalar's text, as near as it can be told.
func (n *node) at(i int) Pos {
	pos := n.pos
	if n.exact && i > 0 && i <= len(n.text) {
		pos.Column += n.shift + utf8.RuneCountInString(n.text[:i])
	}
	return pos
}

// loadYAML reads the file into nodes. It returns nil after reporting what
// made that impossible.
func (p *parse) loadYAML(src []byte) *node {
	start := Pos{Line: 1, Column: 1}
	switch {
	case len(src) > maxSource:
		p.errorf(start, "file is larger than 1 MiB")
		return nil
	case !utf8.Valid(src):
		p.errorf(invalidUTF8(src), "not valid UTF-8")
		return nil
	}
	// A byte order mark is allowed by YAML but would shift the first column.
	text := strings.TrimPrefix(string(src), "\ufeff")
	file, err := parseYAML(text)
	if err != nil {
		p.syntaxError(err)
		return nil
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			p.errorf(startOf(d.Body), "second document: a file holds one scenario")
			return nil
		}
		body = d.Body
	}
	if body == nil {
		p.hintf(start, "a scenario begins with: version: 1", "file is empty")
		return nil
	}
	c := &converter{p: p, anchors: map[string]ast.Node{}, count: p.nodes}
	root := c.node(body, 0)
	p.nodes = c.count
	root.setFile(p.name)
	return root
}

// setFile completes the positions of n and all below it.
func (n *node) setFile(file string) {
	n.pos.File = file
	for _, item := range n.items {
		item.setFile(file)
	}
	for _, e := range n.entries {
		e.key.setFile(file)
		e.value.setFile(file)
	}
}

// parseYAML guards the YAML library against input that would make it recurse
// without bound, and turns its panics, should it have any left, into errors.
func parseYAML(text string) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not valid YAML")
		}
	}()
	tokens := lexer.Tokenize(text)
	if err := checkNesting(tokens); err != nil {
		return nil, err
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

type positionedError struct {
	pos Pos
	msg string
}

func (e *positionedError) Error() string { return e.msg }

// checkNesting bounds flow nesting ([[[…), compact nesting (- - - …) and
// chains of tags and anchors. Nesting by indentation is bounded by the size
// of the file, because each level needs a longer line.
func checkNesting(tokens token.Tokens) error {
	flow, chain := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(flow-1, 0)
		case token.SequenceEntryType, token.AnchorType, token.TagType, token.MappingKeyType, token.AliasType:
			chain++
		default:
			chain = 0
		}
		if flow > maxNesting || chain > 2*maxNesting {
			return &positionedError{posOf(t), fmt.Sprintf("nested deeper than %d levels", maxNesting)}
		}
	}
	return nil
}

func (p *parse) syntaxError(err error) {
	pos, msg := Pos{Line: 1, Column: 1}, "not valid YAML"
	if pe, ok := errors.AsType[*positionedError](err); ok {
		pos, msg = pe.pos, pe.msg
	} else if ye, ok := errors.AsType[yaml.Error](err); ok {
		if t := ye.GetToken(); t != nil {
			pos = posOf(t)
		}
		msg = "not valid YAML: " + strings.TrimSuffix(ye.GetMessage(), ".")
	}
	hint := ""
	line := ""
	if pos.Line >= 1 && pos.Line <= len(p.lines) {
		line = p.lines[pos.Line-1]
	}
	switch {
	case strings.Contains(line, "\t"):
		hint = "YAML is indented with spaces, not with tabs"
	case strings.Contains(line, "${") && strings.ContainsAny(line, "{["):
		hint = `quote environment references inside { } and [ ]: "${VAR}"`
	case strings.Contains(line, ": /") || strings.Contains(line, ": >") || strings.Contains(line, ": {{"):
		hint = "quote texts with special characters"
	}
	p.hintf(pos, hint, "%s", msg)
}

// startOf is where a value begins. The library has the token of a block
// mapping at its first colon.
func startOf(n ast.Node) Pos {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return posOf(n.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return posOf(n.Key.GetToken())
	case *ast.LiteralNode:
		return posOf(n.Start)
	}
	return posOf(n.GetToken())
}

func posOf(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{Line: 1, Column: 1}
	}
	return Pos{Line: max(t.Position.Line, 1), Column: max(t.Position.Column, 1)}
}

func invalidUTF8(src []byte) Pos {
	pos := Pos{Line: 1, Column: 1}
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r == utf8.RuneError && n == 1 {
			break
		}
		if pos.Column++; r == '\n' {
			pos.Line, pos.Column = pos.Line+1, 1
		}
		src = src[n:]
	}
	return pos
}

// converter turns the library's tree into nodes.
type converter struct {
	p       *parse
	anchors map[string]ast.Node
	open    []string // aliases being expanded
	count   int
	stopped bool
}

func (c *converter) node(n ast.Node, depth int) *node {
	pos := startOf(n)
	// What can't be read was reported; it counts as a text that is not known.
	unknown := &node{pos: pos, kind: scalarNode, bad: true}
	if c.stopped {
		return unknown
	}
	c.count++
	if c.count > maxNodes || depth > maxNesting {
		c.stopped = true
		c.p.errorf(pos, "more than %d values or %d levels, counted with aliases expanded", maxNodes, maxNesting)
		return unknown
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(n, depth)
	case *ast.MappingValueNode:
		out := &node{pos: pos, kind: mappingNode}
		c.entry(out, n, depth, map[string]int{})
		return out
	case *ast.SequenceNode:
		out := &node{pos: pos, kind: sequenceNode}
		for _, v := range n.Values {
			out.items = append(out.items, c.node(v, depth+1))
		}
		return out
	case *ast.AnchorNode:
		if n.Name != nil && n.Value != nil {
			c.anchors[n.Name.String()] = n.Value
		}
		if n.Value == nil {
			return &node{pos: pos, kind: nullNode}
		}
		return c.node(n.Value, depth)
	case *ast.AliasNode:
		return c.alias(n, depth)
	case *ast.TagNode:
		c.p.errorf(pos, "tags such as %s are not used here", clip(printable(n.Start.Value), 40))
		return unknown
	case *ast.NullNode:
		return &node{pos: pos, kind: nullNode, text: n.Token.Value}
	case *ast.LiteralNode:
		return c.p.scalar(pos, n.Value.Value, true)
	case *ast.StringNode:
		quoted := n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
		return c.p.scalar(pos, n.Value, quoted)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return c.p.scalar(pos, n.GetToken().Value, false)
	}
	c.p.errorf(pos, "not used here: %s", strings.ToLower(n.Type().String()))
	return unknown
}

func (c *converter) mapping(n *ast.MappingNode, depth int) *node {
	out := &node{pos: startOf(n), kind: mappingNode}
	lines := make(map[string]int, len(n.Values))
	for _, v := range n.Values {
		c.entry(out, v, depth, lines)
	}
	return out
}

// entry adds one key with its value. lines has the lines of the keys so far.
func (c *converter) entry(out *node, v *ast.MappingValueNode, depth int, lines map[string]int) {
	keyPos := posOf(v.Key.GetToken())
	if v.Key.IsMergeKey() {
		c.p.hintf(keyPos, "write the keys out, or use a whole value again with *name", "merge keys (<<) are not supported")
		return
	}
	key := c.node(v.Key, depth+1)
	if key.kind != scalarNode && key.kind != nullNode {
		c.p.errorf(keyPos, "a key is a text")
		return
	}
	if line, twice := lines[key.text]; twice {
		c.p.errorf(keyPos, "duplicate key %q, first used in line %d", key.text, line)
		return
	}
	lines[key.text] = key.pos.Line
	out.entries = append(out.entries, entry{key, c.node(v.Value, depth+1)})
}

func (c *converter) alias(n *ast.AliasNode, depth int) *node {
	name := n.Value.String()
	pos := posOf(n.Start)
	target, ok := c.anchors[name]
	if !ok {
		c.p.errorf(pos, "alias *%s without an anchor &%s before it", name, name)
		return &node{pos: pos, kind: scalarNode, bad: true}
	}
	for _, o := range c.open {
		if o == name {
			c.p.errorf(pos, "alias *%s is inside its own anchor", name)
			return &node{pos: pos, kind: scalarNode, bad: true}
		}
	}
	c.open = append(c.open, name)
	defer func() { c.open = c.open[:len(c.open)-1] }()
	return c.node(target, depth)
}
