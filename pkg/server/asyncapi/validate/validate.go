// Package validate checks what clients send against the schemas of the AsyncAPI
// document. It stands apart from package asyncapi because a JSON Schema
// implementation comes with it.
//
//	server.New(server.Options{Payloads: validate.New()})
//
// It imports pkg/server and pkg/server/asyncapi.
package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi"
)

// Validator is a server.PayloadValidator for JSON Schema draft 07. Each declared
// event is compiled once; formats (date-time, uuid, …) are asserted.
type Validator struct{}

var _ server.PayloadValidator = (*Validator)(nil)

// New returns a Validator.
func New() *Validator { return &Validator{} }

// Compile implements server.PayloadValidator.
func (*Validator) Compile(d server.Declaration) (func(payload []byte) error, error) {
	if d.Payload.IsZero() {
		return nil, nil
	}
	r := asyncapi.Reflector{Prefix: definitions}
	s, err := r.Shape(d.Payload)
	if err != nil {
		return nil, err
	}
	compiled, any, err := compile(s, r.Definitions())
	if err != nil || any {
		return nil, err
	}
	quick, err := shortcut(s, r.Definitions())
	if err != nil {
		return nil, err
	}
	return func(payload []byte) error {
		if quick != nil && quick.matches(payload) {
			return nil
		}
		return check(compiled, d.Event, payload)
	}, nil
}

// definitions is where references of a compiled schema lead.
const definitions = "#/definitions/"

// shortcut is the fast form of a schema, nil when it has none.
func shortcut(s *asyncapi.Schema, defs map[string]*asyncapi.Schema) (*fast, error) {
	c := fastCompiler{definitions: make(map[string]json.RawMessage), made: make(map[string]*fast)}
	for name, def := range defs {
		b, err := json.Marshal(def)
		if err != nil {
			return nil, err
		}
		c.definitions[name] = b
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return c.compile(b), nil
}

// compile makes a schema ready for use; any is true for one that takes anything.
func compile(s *asyncapi.Schema, defs map[string]*asyncapi.Schema) (compiled *jsonschema.Schema, any bool, err error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, false, err
	}
	if string(body) == "{}" {
		return nil, true, nil
	}
	doc := map[string]json.RawMessage{"allOf": append(append([]byte{'['}, body...), ']')}
	if len(defs) > 0 {
		if doc["definitions"], err = json.Marshal(defs); err != nil {
			return nil, false, err
		}
	}
	if body, err = json.Marshal(doc); err != nil {
		return nil, false, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	const url = "urn:payload"
	if err := c.AddResource(url, value); err != nil {
		return nil, false, fmt.Errorf("schema: %w", err)
	}
	compiled, err = c.Compile(url)
	if err != nil {
		return nil, false, schemaError(err)
	}
	return compiled, false, nil
}

// SchemaError tells what is wrong with a schema.
type SchemaError struct {
	Path    []string // of members and indices, to where it is wrong
	Problem string
}

func (e *SchemaError) Error() string {
	if len(e.Path) == 0 {
		return "schema: " + e.Problem
	}
	return "schema: " + jsonPointer(e.Path) + ": " + e.Problem
}

// schemaError takes a compile error out of the frame that compile puts around
// the schema.
func schemaError(err error) error {
	out := &SchemaError{Problem: "is not a JSON Schema of draft 07"}
	var inside *jsonschema.ValidationError
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		inside, _ = errors.AsType[*jsonschema.ValidationError](e.Err)
	}
	if inside == nil {
		return out
	}
	// Deepest is what is wrong, not that the whole doesn't fit because of it.
	for len(inside.Causes) > 0 {
		next := inside.Causes[0]
		for _, c := range inside.Causes[1:] {
			if depth(c) > depth(next) {
				next = c
			}
		}
		inside = next
	}
	out.Path = inside.InstanceLocation
	if len(out.Path) >= 2 && out.Path[0] == "allOf" {
		out.Path = out.Path[2:]
	}
	_, out.Problem = explain(inside)
	return out
}

// depth is how far the deepest cause of an error is within the value.
func depth(e *jsonschema.ValidationError) int {
	most := len(e.InstanceLocation)
	for _, c := range e.Causes {
		most = max(most, depth(c))
	}
	return most
}

func check(s *jsonschema.Schema, event string, payload []byte) error {
	// Numbers become float64: with exact ones, 1e999999 costs milliseconds.
	var value any
	if err := json.Unmarshal(payload, &value); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && strings.HasPrefix(t.Value, "number") {
			return &server.PayloadError{Event: event, Problem: "has a number that is beyond 64-bit floating point"}
		}
		return &server.PayloadError{Event: event, Problem: "is not valid JSON"}
	}
	err := s.Validate(value)
	if err == nil {
		return nil
	}
	if failed, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		at, what := explain(failed)
		return &server.PayloadError{Event: event, Pointer: at, Problem: what}
	}
	return &server.PayloadError{Event: event, Problem: "does not match the schema"}
}
