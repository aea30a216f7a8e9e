package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// maxNesting bounds what nodeJSON follows.
const maxNesting = 64

// yamlError is what has no JSON, with its place.
type yamlError struct {
	node ast.Node
	text string
}

func (e *yamlError) Error() string { return e.text }

// nodeJSON is the JSON of a YAML value, its members in their order. Anchors,
// aliases and tags are refused.
func nodeJSON(n ast.Node) (json.RawMessage, *yamlError) { return appendJSON(nil, n, 0) }

func appendJSON(dst []byte, n ast.Node, depth int) ([]byte, *yamlError) {
	if depth > maxNesting {
		return nil, &yamlError{n, fmt.Sprintf("is nested deeper than %d levels", maxNesting)}
	}
	var value any
	switch n := n.(type) {
	case *ast.MappingNode:
		return appendObject(dst, n.Values, depth)
	case *ast.MappingValueNode:
		return appendObject(dst, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		dst = append(dst, '[')
		for i, v := range n.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err *yamlError
			if dst, err = appendJSON(dst, v, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case *ast.StringNode:
		value = n.Value
	case *ast.LiteralNode:
		value = n.Value.Value
	case *ast.IntegerNode:
		value = n.Value
	case *ast.FloatNode:
		value = n.Value
	case *ast.BoolNode:
		value = n.Value
	case *ast.NullNode:
	default:
		return nil, &yamlError{n, "want a JSON value: no anchor, alias, tag or infinity"}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return nil, &yamlError{n, "want a JSON value"}
	}
	return append(dst, b...), nil
}

func appendObject(dst []byte, members []*ast.MappingValueNode, depth int) ([]byte, *yamlError) {
	dst = append(dst, '{')
	var keys []string
	for i, kv := range members {
		key := keyText(kv.Key)
		if slices.Contains(keys, key) {
			return nil, &yamlError{kv.Key, fmt.Sprintf("key %q stands twice", key)}
		}
		keys = append(keys, key)
		if i > 0 {
			dst = append(dst, ',')
		}
		b, err := json.Marshal(key)
		if err != nil {
			return nil, &yamlError{kv.Key, "want a name"}
		}
		dst = append(append(dst, b...), ':')
		var bad *yamlError
		if dst, bad = appendJSON(dst, kv.Value, depth+1); bad != nil {
			return nil, bad
		}
	}
	return append(dst, '}'), nil
}

// keyText is the name of a member, without the quotes that it may stand in.
func keyText(n ast.MapKeyNode) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	return n.GetToken().Value
}

// nodeAt follows a path of member names and indices as far as it leads.
func nodeAt(n ast.Node, path []string) ast.Node {
	for _, step := range path {
		next := memberOf(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

func memberOf(n ast.Node, step string) ast.Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, kv := range n.Values {
			if keyText(kv.Key) == step {
				return kv.Value
			}
		}
	case *ast.MappingValueNode:
		if keyText(n.Key) == step {
			return n.Value
		}
	case *ast.SequenceNode:
		for i, v := range n.Values {
			if fmt.Sprint(i) == step {
				return v
			}
		}
	}
	return nil
}
