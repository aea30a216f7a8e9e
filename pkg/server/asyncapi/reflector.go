package asyncapi

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Schemer is what a type implements whose JSON doesn't follow from its fields,
// usually because it has a MarshalJSON.
type Schemer interface {
	// JSONSchema returns the JSON Schema of the type's values, without $ref.
	JSONSchema() string
}

// Reflector makes JSON Schemas of Go types as encoding/json marshals them.
// Structs with a name become definitions that are referred to, so that recursive
// types end. Field tags say what Go types can't:
//
//	Room string `json:"room" doc:"name of the room" schema:"minLength=1,maxLength=128"`
//	Kind string `json:"kind" schema:"enum=buy|sell"`
//
// The keys of a schema tag are minimum, maximum, minLength, maxLength, minItems,
// maxItems, pattern (last, it may hold commas), format, enum, example and
// optional. A field is required unless it has omitempty, omitzero or optional,
// or is a pointer.
//
// It is for one goroutine.
type Reflector struct {
	// Prefix comes before the name of a definition in a reference, such as
	// "#/components/schemas/".
	Prefix string

	names map[reflect.Type]string
	types map[string]reflect.Type
	defs  map[string]*Schema
}

// Definitions returns the named schemas that references lead to.
func (r *Reflector) Definitions() map[string]*Schema { return r.defs }

// Shape is the schema of a declared shape.
func (r *Reflector) Shape(s server.Shape) (*Schema, error) {
	if s.Schema != nil {
		return given(s.Schema)
	}
	if s.Type == nil {
		return &Schema{}, nil
	}
	return r.Type(s.Type)
}

// given is a schema that was written by hand. It becomes a part of a document, in
// which references of its own would lead elsewhere.
func given(raw []byte) (*Schema, error) {
	switch text := strings.TrimSpace(string(raw)); {
	case !json.Valid(raw):
		return nil, errors.New("the schema is not valid JSON")
	case text == "true":
		return &Schema{}, nil
	case text[0] != '{':
		return nil, errors.New("the schema is not a JSON object")
	case strings.Contains(text, `"$ref"`):
		return nil, errors.New("the schema has a $ref: write out what it refers to")
	}
	return &Schema{Raw: raw}, nil
}

var (
	schemerType   = reflect.TypeFor[Schemer]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
	textType      = reflect.TypeFor[encoding.TextMarshaler]()
	timeType      = reflect.TypeFor[time.Time]()
	rawType       = reflect.TypeFor[json.RawMessage]()
	numberType    = reflect.TypeFor[json.Number]()
)

// Type is the schema of a type. It fails for types that have no JSON, such as
// channels, and for tags that make no sense.
func (r *Reflector) Type(t reflect.Type) (*Schema, error) {
	if t.Kind() == reflect.Pointer && !t.Implements(schemerType) {
		return r.nullable(t.Elem())
	}
	switch {
	case implements(t, schemerType):
		s, err := given([]byte(reflect.New(t).Interface().(Schemer).JSONSchema())) // a pointer has its element's methods
		if err != nil {
			return nil, fmt.Errorf("%v: %w", t, err)
		}
		return s, nil
	case t == timeType:
		return &Schema{Type: "string", Format: "date-time"}, nil
	case t == numberType:
		return &Schema{Type: "number"}, nil
	case t == rawType, implements(t, marshalerType):
		return &Schema{}, nil
	case implements(t, textType):
		return &Schema{Type: "string"}, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return &Schema{Type: "boolean"}, nil
	case reflect.String:
		return &Schema{Type: "string"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &Schema{Type: "integer"}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return &Schema{Type: "integer", Minimum: "0"}, nil
	case reflect.Float32, reflect.Float64:
		return &Schema{Type: "number"}, nil
	case reflect.Interface:
		return &Schema{}, nil
	case reflect.Slice, reflect.Array:
		return r.list(t)
	case reflect.Map:
		return r.object(t)
	case reflect.Struct:
		return r.named(t)
	}
	return nil, fmt.Errorf("%v has no JSON", t)
}

func implements(t, i reflect.Type) bool {
	return t.Kind() != reflect.Interface && (t.Implements(i) || reflect.PointerTo(t).Implements(i))
}

func (r *Reflector) nullable(elem reflect.Type) (*Schema, error) {
	s, err := r.Type(elem)
	if err != nil {
		return nil, err
	}
	if name, ok := s.Type.(string); ok && s.Raw == nil && s.Ref == "" {
		s.Type = []string{name, "null"}
		return s, nil
	}
	if s.Raw == nil && s.Ref == "" {
		return s, nil // anything
	}
	return &Schema{AnyOf: []*Schema{s, {Type: "null"}}}, nil
}

func (r *Reflector) list(t reflect.Type) (*Schema, error) {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return &Schema{Type: []string{"string", "null"}, Encoding: "base64"}, nil
	}
	items, err := r.Type(t.Elem())
	if err != nil {
		return nil, err
	}
	if t.Kind() == reflect.Array {
		n := t.Len()
		return &Schema{Type: "array", Items: items, MinItems: &n, MaxItems: &n}, nil
	}
	return &Schema{Type: []string{"array", "null"}, Items: items}, nil
}

func (r *Reflector) object(t reflect.Type) (*Schema, error) {
	switch k := t.Key(); {
	case k.Kind() == reflect.String, k.Kind() >= reflect.Int && k.Kind() <= reflect.Uintptr, implements(k, textType):
	default:
		return nil, fmt.Errorf("%v has no JSON: its keys are no strings", t)
	}
	values, err := r.Type(t.Elem())
	if err != nil {
		return nil, err
	}
	return &Schema{Type: []string{"object", "null"}, Additional: values}, nil
}

var notName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// named is a reference to the definition of a struct, which is made at the first
// use. Structs without a name are written where they are.
func (r *Reflector) named(t reflect.Type) (*Schema, error) {
	if t.Name() == "" {
		return r.structure(t)
	}
	if r.names == nil {
		r.names, r.types, r.defs = make(map[reflect.Type]string), make(map[string]reflect.Type), make(map[string]*Schema)
	}
	name, known := r.names[t]
	if !known {
		name = r.free(t)
		r.names[t], r.types[name] = name, t
		s, err := r.structure(t)
		if err != nil {
			return nil, err
		}
		r.defs[name] = s
	}
	return &Schema{Ref: r.Prefix + name}, nil
}

// free is a name for a definition that no other type has: the type's, with its
// package's where that is taken.
func (r *Reflector) free(t reflect.Type) string {
	short := strings.Trim(notName.ReplaceAllString(t.Name(), "_"), "_")
	name := short
	for i := 1; r.types[name] != nil; i++ {
		name = path.Base(t.PkgPath()) + "." + short
		if i > 1 {
			name += strconv.Itoa(i)
		}
	}
	return name
}

func (r *Reflector) structure(t reflect.Type) (*Schema, error) {
	s := &Schema{Type: "object"}
	if err := r.fields(s, t, nil); err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	return s, nil
}

// fields adds the fields of t, and of structs embedded in it, to s. A field
// hides those of the same name further inside.
func (r *Reflector) fields(s *Schema, t reflect.Type, outer []reflect.Type) error {
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Tag.Get("json") == "-" {
			continue
		}
		if f.Anonymous && name == "" {
			e := f.Type
			if e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			if e.Kind() == reflect.Struct && !implements(e, schemerType) && !implements(e, marshalerType) && !implements(e, textType) {
				embedded = append(embedded, e)
				continue
			}
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if slices.ContainsFunc(s.Properties, func(p Property) bool { return p.Name == name }) {
			continue
		}
		options := strings.Split(flags, ",")
		p, optional, err := r.field(f, slices.Contains(options, "string"))
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		s.Properties = append(s.Properties, Property{name, p})
		if !optional && f.Type.Kind() != reflect.Pointer && !slices.Contains(options, "omitempty") && !slices.Contains(options, "omitzero") {
			s.Required = append(s.Required, name)
		}
	}
	for _, e := range embedded {
		if slices.Contains(outer, e) || e == t {
			continue // a struct that embeds a pointer to itself adds nothing
		}
		if err := r.fields(s, e, append(outer, t)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reflector) field(f reflect.StructField, quoted bool) (s *Schema, optional bool, err error) {
	s, err = r.Type(f.Type)
	if err != nil {
		return nil, false, err
	}
	if quoted {
		s = &Schema{Type: "string"}
	}
	doc, tag := f.Tag.Get("doc"), f.Tag.Get("schema")
	if doc == "" && tag == "" {
		return s, false, nil
	}
	if s.Ref != "" || s.Raw != nil {
		// Draft 07 ignores what stands beside $ref.
		s = &Schema{AllOf: []*Schema{s}}
	}
	s.Description = doc
	optional, err = s.apply(tag, f.Type)
	return s, optional, err
}
