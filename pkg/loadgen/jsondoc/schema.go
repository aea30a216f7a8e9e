// Package jsondoc makes the JSON Schema (draft 07) of a document from the Go
// types that it is written from: json tags name the fields, doc tags describe
// them.
//
// It imports the standard library only.
package jsondoc

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

const draft07 = "http://json-schema.org/draft-07/schema#"

// Options describe a document.
type Options struct {
	Title string
	// ID is what the document's "schema" field always is.
	ID string
	// Prefix is cut off the names of types for the names of definitions.
	Prefix string
	// Enums are the values of string types.
	Enums map[reflect.Type][]any
}

// Schema describes the documents of a struct type.
func Schema(t reflect.Type, o Options) []byte {
	g := &generator{o: o, defs: map[string]any{}}
	root := g.object(t)
	root["$schema"] = draft07
	root["title"] = o.Title
	root["definitions"] = g.defs
	root["properties"].(map[string]any)["schema"] = map[string]any{"const": o.ID, "description": "Always " + o.ID + "."}
	return Marshal(root)
}

// Marshal prints a schema.
func Marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("jsondoc: " + err.Error()) // it is made of constants
	}
	return b.Bytes()
}

// generator makes definitions from types.
type generator struct {
	o    Options
	defs map[string]any
}

func (g *generator) object(t reflect.Type) map[string]any {
	props := map[string]any{}
	required := []any{}
	g.fields(t, props, &required)
	// Programs must expect further fields: adding them is no new version.
	return map[string]any{"type": "object", "properties": props, "required": required}
}

func (g *generator) fields(t reflect.Type, props map[string]any, required *[]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			g.fields(f.Type, props, required)
			continue
		}
		if name == "-" || name == "" {
			continue
		}
		s := g.value(f.Type)
		if _, isRef := s["$ref"]; isRef {
			s = map[string]any{"allOf": []any{s}}
		}
		s["description"] = f.Tag.Get("doc")
		props[name] = s
		if opts != "omitempty" {
			*required = append(*required, name)
		}
	}
}

func (g *generator) value(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem())
	case reflect.String:
		if values, ok := g.o.Enums[t]; ok {
			return map[string]any{"enum": values}
		}
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.value(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.value(t.Elem())}
	}
	if t.PkgPath() == "time" {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	name := strings.ToLower(strings.TrimPrefix(t.Name(), g.o.Prefix))
	if _, ok := g.defs[name]; !ok {
		g.defs[name] = nil // guards against recursion
		g.defs[name] = g.object(t)
	}
	return map[string]any{"$ref": "#/definitions/" + name}
}
