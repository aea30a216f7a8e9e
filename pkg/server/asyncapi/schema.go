package asyncapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Schema is a JSON Schema (draft 07, the default of AsyncAPI 3.0). Its members
// are written in the order of the fields.
type Schema struct {
	Ref         string          `json:"$ref,omitempty"`
	Type        any             `json:"type,omitempty"` // string or []string
	Format      string          `json:"format,omitempty"`
	Description string          `json:"description,omitempty"`
	Const       any             `json:"const,omitempty"`
	Enum        []any           `json:"enum,omitempty"`
	Minimum     json.Number     `json:"minimum,omitempty"`
	Maximum     json.Number     `json:"maximum,omitempty"`
	MinLength   *int            `json:"minLength,omitempty"`
	MaxLength   *int            `json:"maxLength,omitempty"`
	Pattern     string          `json:"pattern,omitempty"`
	Encoding    string          `json:"contentEncoding,omitempty"`
	Properties  Properties      `json:"properties,omitempty"`
	Required    []string        `json:"required,omitempty"`
	Additional  *Schema         `json:"additionalProperties,omitempty"`
	Items       *Schema         `json:"items,omitempty"`
	MinItems    *int            `json:"minItems,omitempty"`
	MaxItems    *int            `json:"maxItems,omitempty"`
	AnyOf       []*Schema       `json:"anyOf,omitempty"`
	AllOf       []*Schema       `json:"allOf,omitempty"`
	Examples    []any           `json:"examples,omitempty"`
	Raw         json.RawMessage `json:"-"` // the whole schema as given, instead of the fields
}

// MarshalJSON implements json.Marshaler.
func (s *Schema) MarshalJSON() ([]byte, error) {
	if s.Raw != nil {
		return s.Raw, nil
	}
	type fields Schema
	return marshal((*fields)(s))
}

// Property is a member of an object.
type Property struct {
	Name   string
	Schema *Schema
}

// Properties are the members of an object, in the order of the Go fields.
type Properties []Property

// MarshalJSON implements json.Marshaler.
func (p Properties) MarshalJSON() ([]byte, error) {
	return marshalOrdered(len(p), func(i int) (string, any) { return p[i].Name, p[i].Schema })
}

// marshalOrdered makes a JSON object whose members keep their order.
func marshalOrdered(n int, member func(i int) (name string, value any)) ([]byte, error) {
	b := []byte{'{'}
	for i := range n {
		name, value := member(i)
		key, err := marshal(name)
		if err != nil {
			return nil, err
		}
		v, err := marshal(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, key...), ':'), v...)
	}
	return append(b, '}'), nil
}

// marshal is json.Marshal without the escapes of HTML.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}
