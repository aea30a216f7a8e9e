package loadgen

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Path is a compiled JSONPath of the subset $.name, $['name'], $[0] and their
// concatenations. It is immutable and safe for concurrent use.
type Path struct {
	text  string
	steps []pathStep
}

type pathStep struct {
	key   string // "" when only an index
	index int    // -1 when only a key
}

// ParsePath compiles a path. The error says what is wrong with it.
func ParsePath(s string) (*Path, error) {
	if !strings.HasPrefix(s, "$") {
		return nil, errors.New(`a path begins with $, as in $.text`)
	}
	p := &Path{text: s}
	for rest := s[1:]; rest != ""; {
		step, n, err := parsePathStep(rest)
		if err != nil {
			return nil, err
		}
		p.steps = append(p.steps, step)
		rest = rest[n:]
	}
	if len(p.steps) > 32 {
		return nil, errors.New("path with more than 32 steps")
	}
	return p, nil
}

func parsePathStep(s string) (pathStep, int, error) {
	if s[0] == '.' {
		end := strings.IndexAny(s[1:], ".[")
		if end < 0 {
			end = len(s) - 1
		}
		key := s[1 : 1+end]
		if key == "" || strings.ContainsAny(key, " \t*?'\"]") {
			return pathStep{}, 0, fmt.Errorf("name expected after %q in path", ".")
		}
		// $.0.ok is how some tools write $[0].ok: it serves for both.
		if n, ok := arrayIndex(key); ok {
			return pathStep{key: key, index: n}, 1 + end, nil
		}
		return pathStep{key: key, index: -1}, 1 + end, nil
	}
	if s[0] != '[' {
		return pathStep{}, 0, fmt.Errorf("unexpected %q in path, want . or [", s[:1])
	}
	if len(s) > 1 && (s[1] == '\'' || s[1] == '"') {
		end := strings.Index(s[2:], s[1:2]+"]")
		if end <= 0 {
			return pathStep{}, 0, errors.New("quoted name in path is not closed")
		}
		return pathStep{key: s[2 : 2+end], index: -1}, end + 4, nil
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return pathStep{}, 0, errors.New("[ in path is not closed")
	}
	n, ok := arrayIndex(s[1:end])
	if !ok {
		return pathStep{}, 0, fmt.Errorf("array index expected in path, got %q", s[1:end])
	}
	return pathStep{index: n}, end + 1, nil
}

func arrayIndex(s string) (int, bool) {
	if s == "" || len(s) > 6 {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// String is the path as written.
func (p *Path) String() string { return p.text }

// Find returns the JSON value at the path in doc, nil when doc is no JSON or
// has no such value. The result aliases doc.
func (p *Path) Find(doc []byte) []byte {
	v, ok := jsonValue(doc)
	if !ok {
		return nil
	}
	return p.find(v)
}

// find works on a value that was validated before.
func (p *Path) find(v []byte) []byte {
	for _, s := range p.steps {
		switch {
		case len(v) == 0:
			return nil
		case v[0] == '[' && s.index >= 0:
			v = jsonElement(v, s.index)
		case v[0] == '{' && s.key != "":
			v = jsonField(v, s.key)
		default:
			return nil
		}
	}
	return v
}
