package server

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
)

// Declaration describes one event for the contract between gateway and clients.
type Declaration struct {
	// Namespace is the name or, of a family, the pattern of the names: /org-* of
	// OfGlob, ~ and a regular expression of OfPattern.
	Namespace string
	Family    bool
	// Topic is the SSE topic of an event in EventsNamespace, "" for any.
	Topic      string
	Event      string
	FromClient bool // otherwise to clients
	Summary    string
	// Payload is the first argument, the data of a plain WebSocket frame.
	Payload Shape
	// Ack is the argument of the acknowledgement of an event from a client.
	Ack Shape
}

// Shape is what JSON values look like: the zero value says that there are none.
type Shape struct {
	Type   reflect.Type    // of the Go values that are marshalled
	Schema json.RawMessage // a JSON Schema, which counts before Type
}

// IsZero reports whether there is no value.
func (s Shape) IsZero() bool { return s.Type == nil && s.Schema == nil }

// ShapeOf is the shape of a value's type. A reflect.Type is taken as that type,
// a json.RawMessage as a JSON Schema; nil is the zero Shape.
func ShapeOf(v any) Shape {
	switch v := v.(type) {
	case nil:
		return Shape{}
	case json.RawMessage:
		return Shape{Schema: v}
	case reflect.Type:
		return Shape{Type: v}
	}
	return Shape{Type: reflect.TypeOf(v)}
}

// Emits declares an event that clients of the namespace may receive. payload is
// a value of its type or a JSON Schema as json.RawMessage, nil for an event
// without an argument; doc describes it in a sentence. It changes nothing but
// the contract.
func (n *Namespace) Emits(event string, payload any, doc string) *Namespace {
	n.declare(Declaration{Namespace: n.name, Event: event, Payload: ShapeOf(payload), Summary: doc})
	return n
}

// Accepts declares an event from clients whose handler is registered by On or
// OnAny, which can't be told by their types; payload and ack are as in Emits.
// Handle and HandleAck declare by themselves.
func (n *Namespace) Accepts(event string, payload, ack any, doc string) *Namespace {
	n.declare(Declaration{Namespace: n.name, Event: event, FromClient: true, Payload: ShapeOf(payload), Ack: ShapeOf(ack), Summary: doc})
	return n
}

// EmitsTopic declares an event of an SSE topic, of any topic when that is "";
// payload and doc are as in Namespace.Emits.
func (s *Server) EmitsTopic(topic, event string, payload any, doc string) {
	s.Of(EventsNamespace).declare(Declaration{Namespace: EventsNamespace, Topic: topic, Event: event, Payload: ShapeOf(payload), Summary: doc})
}

// Contract returns what has been declared, sorted by namespace, topic, direction
// (from clients first) and event.
func (s *Server) Contract() []Declaration {
	s.nsMu.RLock()
	defer s.nsMu.RUnlock()
	var all []Declaration
	for _, n := range s.namespaces {
		if n.family != nil {
			continue // it has what its family has, whoever is there now
		}
		all = append(all, n.declared...)
		all = append(all, n.presence.contract()...)
	}
	for _, f := range s.families {
		all = append(all, f.declared...)
	}
	slices.SortFunc(all, func(a, b Declaration) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Topic, b.Topic), fromClientFirst(a, b), cmp.Compare(a.Event, b.Event))
	})
	return all
}

func fromClientFirst(a, b Declaration) int {
	switch {
	case a.FromClient == b.FromClient:
		return 0
	case a.FromClient:
		return -1
	}
	return 1
}

// Options returns the options with their defaults filled in, for programs that
// describe the gateway.
func (s *Server) Options() Options { return s.opts }

func (n *Namespace) declareHandler(event string, in, out reflect.Type, cfg *handlerConfig) {
	d := Declaration{Namespace: n.name, Event: event, FromClient: true, Summary: cfg.doc, Payload: Shape{Type: in}}
	if out != reflect.TypeFor[NoAck]() {
		d.Ack = Shape{Type: out}
	}
	n.declare(d)
}

// declare replaces an earlier declaration of the same event, and has events from
// clients checked if the server checks payloads.
func (n *Namespace) declare(d Declaration) {
	d.Family = n.match != nil
	n.srv.nsMu.Lock()
	n.declared = slices.DeleteFunc(n.declared, func(o Declaration) bool {
		return o.Event == d.Event && o.FromClient == d.FromClient && o.Topic == d.Topic
	})
	n.declared = append(n.declared, d)
	n.srv.nsMu.Unlock()
	if d.FromClient {
		n.check(d)
	}
}
