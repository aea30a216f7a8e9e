package asyncapi

import (
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
)

// Document is an AsyncAPI 3.0 document. It is read only once it has been made.
type Document struct {
	AsyncAPI           string             `json:"asyncapi"`
	Info               DocInfo            `json:"info"`
	DefaultContentType string             `json:"defaultContentType"`
	Servers            Ordered[Server]    `json:"servers"`
	Channels           Ordered[Channel]   `json:"channels"`
	Operations         Ordered[Operation] `json:"operations"`
	Components         Components         `json:"components"`
}

// DocInfo is the Info object.
type DocInfo struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}

// Ref is a reference within the document.
type Ref struct {
	Ref string `json:"$ref"`
}

// Server is an endpoint of the gateway.
type Server struct {
	Host            string `json:"host"`
	Pathname        string `json:"pathname"`
	Protocol        string `json:"protocol"`
	ProtocolVersion string `json:"protocolVersion,omitempty"`
	Title           string `json:"title,omitempty"`
	Description     string `json:"description,omitempty"`
	Security        []Ref  `json:"security,omitempty"`
}

// Channel is a namespace, or an SSE topic.
type Channel struct {
	Address     string             `json:"address"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Servers     []Ref              `json:"servers,omitempty"`
	Parameters  Ordered[Parameter] `json:"parameters,omitempty"`
	Messages    Ordered[Message]   `json:"messages"`
	Bindings    map[string]any     `json:"bindings,omitempty"`
}

// Parameter is a variable part of an address.
type Parameter struct {
	Description string `json:"description,omitempty"`
}

// Message is an event, an acknowledgement or an error.
type Message struct {
	Name    string  `json:"name,omitempty"`
	Title   string  `json:"title,omitempty"`
	Summary string  `json:"summary,omitempty"`
	Payload *Schema `json:"payload,omitempty"`
}

// Operation is what the gateway does with messages: it receives what clients
// send, and sends what they receive.
type Operation struct {
	Action   string         `json:"action"` // "receive" or "send"
	Channel  Ref            `json:"channel"`
	Summary  string         `json:"summary,omitempty"`
	Messages []Ref          `json:"messages"`
	Reply    *Reply         `json:"reply,omitempty"`
	Bindings map[string]any `json:"bindings,omitempty"`
}

// Reply is the acknowledgement of an operation.
type Reply struct {
	Channel  Ref   `json:"channel"`
	Messages []Ref `json:"messages"`
}

// Components hold what is referred to.
type Components struct {
	Schemas         Ordered[*Schema]         `json:"schemas,omitempty"`
	SecuritySchemes Ordered[*SecurityScheme] `json:"securitySchemes,omitempty"`
}

// SecurityScheme is a place that a token may travel in.
type SecurityScheme struct {
	Type         string `json:"type"`
	Description  string `json:"description,omitempty"`
	Name         string `json:"name,omitempty"`
	In           string `json:"in,omitempty"`
	Scheme       string `json:"scheme,omitempty"`
	BearerFormat string `json:"bearerFormat,omitempty"`
}

// Ordered is a JSON object that keeps its order.
type Ordered[V any] []Member[V]

// Member is a member of an Ordered.
type Member[V any] struct {
	Key   string
	Value V
}

// Set adds a member.
func (o *Ordered[V]) Set(key string, value V) { *o = append(*o, Member[V]{key, value}) }

// Get returns a member.
func (o Ordered[V]) Get(key string) (v V, ok bool) {
	for _, m := range o {
		if m.Key == key {
			return m.Value, true
		}
	}
	return v, false
}

// MarshalJSON implements json.Marshaler.
func (o Ordered[V]) MarshalJSON() ([]byte, error) {
	return marshalOrdered(len(o), func(i int) (string, any) { return o[i].Key, o[i].Value })
}

// JSON returns the document as indented JSON with a final newline.
func (d *Document) JSON() ([]byte, error) {
	b, err := marshal(d)
	if err != nil {
		return nil, fmt.Errorf("asyncapi document: %w", err)
	}
	var out json.RawMessage = b
	b, err = json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("asyncapi document: %w", err)
	}
	return append(b, '\n'), nil
}

// YAML returns the document as YAML.
func (d *Document) YAML() ([]byte, error) {
	b, err := marshal(d)
	if err != nil {
		return nil, fmt.Errorf("asyncapi document: %w", err)
	}
	b, err = yaml.JSONToYAML(b)
	if err != nil {
		return nil, fmt.Errorf("asyncapi document: %w", err)
	}
	return b, nil
}

// At returns the document for clients that reach the gateway at another host,
// with TLS or without.
func (d *Document) At(host string, secure bool) *Document {
	c := *d
	c.Servers = append(Ordered[Server](nil), d.Servers...)
	for i := range c.Servers {
		s := &c.Servers[i].Value
		s.Host = host
		s.Protocol = protocol(s.Protocol, secure)
	}
	return &c
}

// protocol is the name of a protocol with TLS or without.
func protocol(name string, secure bool) string {
	switch name {
	case "ws", "wss":
		if secure {
			return "wss"
		}
		return "ws"
	case "http", "https":
		if secure {
			return "https"
		}
		return "http"
	}
	return name
}
