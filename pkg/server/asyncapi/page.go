package asyncapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Parse(pageSource))

// pagePolicy lets the page have its own style and nothing else.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// HTML returns the document as a page that needs no script and nothing from
// elsewhere.
func (d *Document) HTML() ([]byte, error) {
	v := pageView{Document: d, Style: template.CSS(pageStyle)} // #nosec G203 -- embedded, not anybody's input
	for _, c := range d.Channels {
		v.Sections = append(v.Sections, d.section(c.Key, c.Value))
	}
	for _, s := range d.Components.Schemas {
		v.Schemas = append(v.Schemas, schemaView{Name: s.Key, Rows: rows("", s.Value, false)})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("asyncapi page: %w", err)
	}
	return b.Bytes(), nil
}

type pageView struct {
	*Document
	Style    template.CSS
	Sections []section
	Schemas  []schemaView
}

// section is a channel of the page.
type section struct {
	ID string
	Channel
	Receives, Sends []eventView
}

type eventView struct {
	Name, Summary string
	Payload       []row
	HasAck        bool
	Ack           []row
}

type schemaView struct {
	Name string
	Rows []row
}

// row is a line of the table of a schema.
type row struct {
	Name, Type, Link, Notes string
	Required                bool
	Indent                  int
}

func (d *Document) section(id string, c Channel) section {
	s := section{ID: id, Channel: c}
	for _, m := range d.Operations {
		o := m.Value
		if o.Channel.Ref != "#/channels/"+id {
			continue
		}
		msg := c.message(o.Messages[0])
		e := eventView{Name: msg.Name, Summary: orElse(msg.Summary, o.Summary), Payload: d.payload(msg)}
		if o.Reply != nil {
			e.HasAck, e.Ack = true, d.payload(c.message(o.Reply.Messages[0]))
		}
		if o.Action == "receive" {
			s.Receives = append(s.Receives, e)
		} else {
			s.Sends = append(s.Sends, e)
		}
	}
	return s
}

// payload are the lines of a message's payload: of the definition that it is a
// reference to, so that a reader need not follow it.
func (d *Document) payload(m Message) []row {
	s := m.Payload
	if s == nil {
		return nil
	}
	if name, ok := strings.CutPrefix(s.Ref, schemas); ok {
		if def, known := d.Components.Schemas.Get(name); known {
			s = def
		}
	}
	return rows("", s, len(s.Properties) == 0)
}

// message is the message of the channel that a reference leads to.
func (c Channel) message(r Ref) Message {
	m, _ := c.Messages.Get(r.Ref[strings.LastIndexByte(r.Ref, '/')+1:])
	return m
}

// rows are the lines of a schema: its own, unless it is an object whose members
// say all, and those of its members.
func rows(name string, s *Schema, self bool) []row {
	return appendRows(nil, name, s, self, true, 0)
}

func appendRows(to []row, name string, s *Schema, self, required bool, indent int) []row {
	if s == nil {
		return to
	}
	text, link := typeText(s)
	self = self || len(s.Properties) == 0
	if self {
		to = append(to, row{Name: name, Type: text, Link: link, Notes: notes(s), Required: required, Indent: indent})
		indent++
	}
	for _, p := range s.Properties {
		to = appendRows(to, p.Name, p.Schema, true, contains(s.Required, p.Name), indent)
	}
	if s.Items != nil && len(s.Items.Properties) > 0 {
		to = appendRows(to, "[ ]", s.Items, true, true, indent)
	}
	return to
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// typeText names the type of a schema; link is the definition that it leads to.
func typeText(s *Schema) (text, link string) {
	switch {
	case s.Raw != nil:
		var given struct{ Type any }
		if json.Unmarshal(s.Raw, &given) == nil && given.Type != nil {
			return typeName(given.Type), ""
		}
		return "any", ""
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return name, name
	case len(s.AllOf) == 1:
		return typeText(s.AllOf[0])
	case len(s.AnyOf) > 0:
		var names []string
		for _, a := range s.AnyOf {
			t, l := typeText(a)
			names = append(names, t)
			link = orElse(link, l)
		}
		return strings.Join(names, " or "), link
	case s.Items != nil:
		t, l := typeText(s.Items)
		return "array of " + t, l
	case s.Additional != nil:
		t, l := typeText(s.Additional)
		return "object of " + t, l
	case s.Type != nil:
		return typeName(s.Type), ""
	}
	return "any", ""
}

func typeName(t any) string {
	switch t := t.(type) {
	case []string:
		return strings.Join(t, " or ")
	case []any:
		var names []string
		for _, n := range t {
			names = append(names, fmt.Sprint(n))
		}
		return strings.Join(names, " or ")
	}
	return fmt.Sprint(t)
}

// notes say what else a schema asks for.
func notes(s *Schema) string {
	var n []string
	add := func(text string, v any) { n = append(n, strings.TrimSpace(text+" "+literal(v))) }
	if s.Raw != nil {
		var given Schema
		if json.Unmarshal(s.Raw, &struct {
			*Schema
			Properties any `json:"properties"`
		}{Schema: &given}) == nil {
			given.Raw = nil
			return notes(&given)
		}
		return ""
	}
	if s.Description != "" {
		n = append(n, strings.TrimSuffix(s.Description, "."))
	}
	if s.Format != "" {
		n = append(n, "format "+s.Format)
	}
	if s.Encoding != "" {
		n = append(n, s.Encoding)
	}
	if s.Const != nil {
		add("always", s.Const)
	}
	if s.Minimum != "" {
		n = append(n, "at least "+s.Minimum.String())
	}
	if s.Maximum != "" {
		n = append(n, "at most "+s.Maximum.String())
	}
	for _, c := range []struct {
		text string
		v    *int
	}{
		{"characters from", s.MinLength},
		{"characters up to", s.MaxLength},
		{"items from", s.MinItems},
		{"items up to", s.MaxItems},
	} {
		if c.v != nil {
			n = append(n, fmt.Sprint(c.text, " ", *c.v))
		}
	}
	if s.Pattern != "" {
		n = append(n, "matches "+s.Pattern)
	}
	if len(s.Enum) > 0 {
		add("one of", s.Enum)
	}
	if len(s.Examples) > 0 {
		add("such as", s.Examples)
	}
	return strings.Join(n, "; ")
}

// literal is a value as JSON, a list without its brackets.
func literal(v any) string {
	b, err := marshal(v)
	if err != nil {
		return ""
	}
	if _, list := v.([]any); list {
		b = bytes.Trim(b, "[]")
	}
	return strings.ReplaceAll(string(b), ",", ", ")
}
