package validate

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// fast is a schema in a form that says yes to most right payloads without
// decoding them. It may say no to a right one, which is then checked in full: it
// never says yes to a wrong one.
type fast struct {
	kinds   kinds
	members []fastMember
	wanted  int // required members
	items   *fast
}

type fastMember struct {
	name     string
	required bool
	schema   *fast
}

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBool
	kindNumber
	kindInteger
	kindString
	kindArray
	kindObject
)

var kindNames = map[string]kinds{
	"null": kindNull, "boolean": kindBool, "number": kindNumber | kindInteger, "integer": kindInteger,
	"string": kindString, "array": kindArray, "object": kindObject,
}

// maxFastMembers is how many members a bit set of those seen holds.
const maxFastMembers = 64

// fastCompiler makes fasts. definitions are what $ref leads to.
type fastCompiler struct {
	definitions map[string]json.RawMessage
	made        map[string]*fast // of them; their own references find them here
}

// compile returns nil for schemas that need the full check: with combinations,
// limits, patterns or formats.
func (c *fastCompiler) compile(schema []byte) *fast {
	var s struct {
		Ref         string `json:"$ref"`
		Type        any
		Properties  json.RawMessage
		Required    []string
		Items       json.RawMessage
		AllOf       []json.RawMessage
		Description string
		Title       string
		Examples    any
	}
	dec := json.NewDecoder(bytes.NewReader(schema))
	dec.DisallowUnknownFields()
	if dec.Decode(&s) != nil {
		return nil
	}
	if len(s.AllOf) > 0 {
		if len(s.AllOf) > 1 || s.Type != nil || s.Properties != nil || s.Required != nil || s.Items != nil {
			return nil
		}
		return c.compile(s.AllOf[0])
	}
	if s.Ref != "" {
		return c.definition(strings.TrimPrefix(s.Ref, definitions))
	}
	f := &fast{}
	if !c.fill(f, s.Type, s.Properties, s.Required, s.Items) {
		return nil
	}
	return f
}

func (c *fastCompiler) definition(name string) *fast {
	if f, ok := c.made[name]; ok {
		return f
	}
	f := &fast{}
	c.made[name] = f
	made := c.compile(c.definitions[name])
	if made == nil {
		return nil // and so is whatever refers to it, up to the top
	}
	*f = *made
	return f
}

func (c *fastCompiler) fill(f *fast, kind any, properties json.RawMessage, required []string, items json.RawMessage) bool {
	switch t := kind.(type) {
	case string:
		f.kinds = kindNames[t]
	case []any:
		for _, name := range t {
			if text, ok := name.(string); ok {
				f.kinds |= kindNames[text]
			}
		}
	case nil:
		f.kinds = ^kinds(0)
	}
	if items != nil {
		if f.items = c.compile(items); f.items == nil {
			return false
		}
	}
	return c.addMembers(f, properties, required)
}

func (c *fastCompiler) addMembers(f *fast, properties json.RawMessage, required []string) bool {
	want := make(map[string]bool)
	for _, name := range required {
		want[name] = true
	}
	f.wanted = len(want)
	if properties != nil {
		var all map[string]json.RawMessage
		if json.Unmarshal(properties, &all) != nil {
			return false
		}
		for name, schema := range all {
			s := c.compile(schema)
			if s == nil {
				return false
			}
			f.members = append(f.members, fastMember{name, want[name], s})
			delete(want, name)
		}
	}
	for name := range want { // required, whatever it is
		f.members = append(f.members, fastMember{name, true, &fast{kinds: ^kinds(0)}})
	}
	return len(f.members) <= maxFastMembers
}

// matches reports whether b, one valid JSON value, is surely right.
func (f *fast) matches(b []byte) bool {
	b = rawjson.Trim(b)
	if len(b) == 0 {
		return false
	}
	switch b[0] {
	case '{':
		return f.kinds&kindObject != 0 && f.object(b)
	case '[':
		return f.kinds&kindArray != 0 && (f.items == nil || f.list(b))
	case '"':
		return f.kinds&kindString != 0
	case 't', 'f':
		return f.kinds&kindBool != 0
	case 'n':
		return f.kinds&kindNull != 0
	}
	switch {
	case bytes.ContainsAny(b, "eE"): // may be beyond what numbers hold
		return false
	case bytes.IndexByte(b, '.') >= 0: // 1.0 is an integer too, which the full check knows
		return f.kinds&kindNumber != 0
	}
	return f.kinds&kindInteger != 0
}

func (f *fast) object(b []byte) bool {
	var seen uint64
	found, right := 0, true
	ok := rawjson.Members(b, func(key, value []byte) bool {
		for i := range f.members {
			m := &f.members[i]
			if !rawjson.KeyIs(key, m.name) {
				continue
			}
			if seen&(1<<i) != 0 || !m.schema.matches(value) {
				right = false // of a name that stands twice the last counts
				return false
			}
			seen |= 1 << i
			if m.required {
				found++
			}
			break
		}
		return true
	})
	return ok && right && found == f.wanted
}

func (f *fast) list(b []byte) bool {
	right := true
	ok := rawjson.Elements(b, func(element []byte) bool {
		right = f.items.matches(element)
		return right
	})
	return ok && right
}
