package asyncapi

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Info is what a document says that the gateway itself doesn't know.
type Info struct {
	Title       string // "" is "Real-time gateway"
	Version     string // of the contract; "" is "0.0.0"
	Description string
	Host        string // that clients reach, with the port if any; "" is "localhost"
	Secure      bool   // TLS
}

const schemas = "#/components/schemas/"

// New makes the document of a gateway from what was declared on it so far. It
// fails for a declared type that has no JSON.
func New(s *server.Server, info Info) (*Document, error) {
	b := &builder{opts: s.Options(), reflect: Reflector{Prefix: schemas}, ids: make(map[string]string)}
	b.doc = &Document{
		AsyncAPI:           "3.0.0",
		DefaultContentType: "application/json",
		Info:               DocInfo{Title: orElse(info.Title, "Real-time gateway"), Version: orElse(info.Version, "0.0.0"), Description: info.Description},
	}
	b.security()
	b.servers(orElse(info.Host, "localhost"), info.Secure)
	if err := b.channels(s.Contract()); err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	defs := b.reflect.Definitions()
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		b.doc.Components.Schemas.Set(name, defs[name])
	}
	return b.doc, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

type builder struct {
	opts    server.Options
	doc     *Document
	reflect Reflector
	ids     map[string]string // what has an id, by id
	secured map[string][]Ref  // schemes by server
}

// Ids of the servers.
const (
	socketIO  = "socketio"
	webSocket = "websocket"
	sse       = "sse"
)

func (b *builder) servers(host string, secure bool) {
	add := func(id, path, proto, version, title, text string) {
		if path != "-" {
			b.doc.Servers.Set(id, Server{
				Host: host, Pathname: path, Protocol: protocol(proto, secure), ProtocolVersion: version,
				Title: title, Description: text, Security: b.secured[id],
			})
		}
	}
	add(socketIO, b.opts.SocketIOPath, socketIO, "5", "Socket.IO",
		"Socket.IO v4 clients (protocol 5 on Engine.IO 4) over WebSocket and long polling. A channel is a namespace; a message is an event with its payload as first argument.")
	add(webSocket, b.opts.WSPath, "ws", "", "WebSocket",
		`Plain WebSocket with text frames {"event":NAME,"data":PAYLOAD}. A channel is chosen by ?namespace=. A frame with an "id" is answered with {"event":"ack","id":…,"data":…}.`)
	add(sse, b.opts.EventsPath, "http", "", "Server-Sent Events",
		"EventSource streams. A channel is a topic, ?topic=NAME, which may stand several times; the event's type is the message's name, its data the payload as JSON.")
}

// channels adds a channel for each namespace or topic, with its operations.
func (b *builder) channels(contract []server.Declaration) error {
	for len(contract) > 0 {
		first := contract[0]
		n := 0
		for n < len(contract) && contract[n].Namespace == first.Namespace && contract[n].Topic == first.Topic {
			n++
		}
		if err := b.channel(contract[:n]); err != nil {
			return fmt.Errorf("namespace %s: %w", first.Namespace, err)
		}
		contract = contract[n:]
	}
	return nil
}

func (b *builder) channel(events []server.Declaration) error {
	id, ch := b.place(events[0])
	asked := false
	for _, d := range events {
		payload, err := b.payload(d.Payload)
		if err != nil {
			return fmt.Errorf("event %q: %w", d.Event, err)
		}
		in := newOperation(&ch, id, d, payload)
		if d.FromClient {
			asked = true
			if !d.Ack.IsZero() {
				ack, err := b.payload(d.Ack)
				if err != nil {
					return fmt.Errorf("acknowledgement of event %q: %w", d.Event, err)
				}
				in.reply(&ch, id, d.Event, ack)
			}
		} else if d.Namespace == server.EventsNamespace {
			in.Bindings = streamRequest(d.Topic)
		}
		b.doc.Operations.Set(b.id(id+"."+in.Action+"."+word(d.Event), d.Namespace+d.Topic+d.Event+in.Action), in.Operation)
	}
	if asked {
		ch.Messages.Set("error", Message{Name: "exception", Title: "Error", Summary: "Why an event failed: its acknowledgement, or the event exception when none was asked for.", Payload: b.errorSchema()})
		b.doc.Operations.Set(b.id(id+".send.exception", id+" exception"), Operation{
			Action: "send", Channel: Ref{"#/channels/" + id}, Summary: "An event without an acknowledgement failed.",
			Messages: []Ref{{"#/channels/" + id + "/messages/error"}},
		})
	}
	b.doc.Channels.Set(id, ch)
	return nil
}

// place makes the channel that a declaration belongs to, without its messages.
func (b *builder) place(d server.Declaration) (id string, ch Channel) {
	if d.Namespace == server.EventsNamespace {
		ch = Channel{Address: d.Topic, Title: "Topic " + d.Topic, Servers: b.refs(sse)}
		if d.Topic == "" {
			ch.Address, ch.Title = "{topic}", "Any topic"
			ch.Parameters.Set("topic", Parameter{Description: "Name of the topic."})
		}
		return b.id("events."+orElse(word(d.Topic), "any"), "topic "+d.Topic), ch
	}
	ch = Channel{Address: d.Namespace, Title: "Namespace " + d.Namespace, Servers: b.refs(socketIO, webSocket)}
	if d.Family {
		familyAddress(&ch, d.Namespace)
	}
	if b.opts.WSPath != "-" {
		name := &Schema{Type: "string", Const: d.Namespace}
		if d.Family {
			name = &Schema{Type: "string"}
		}
		ch.Bindings = map[string]any{"ws": map[string]any{"query": &Schema{
			Type:       "object",
			Properties: Properties{{"namespace", name}},
		}}}
	}
	return b.id(orElse(word(d.Namespace), "root"), "namespace "+d.Namespace), ch
}

// familyAddress makes the address of all namespaces that a pattern takes: one
// parameter for each * of a glob, and one for the name of anything else.
func familyAddress(ch *Channel, pattern string) {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(pattern, "/") || len(parts) == 1 {
		ch.Address = "{namespace}"
		text := "Name of the namespace."
		if expr, ok := strings.CutPrefix(pattern, "~"); ok {
			text = "Name of the namespace, all of which matches " + expr
		}
		ch.Parameters.Set("namespace", Parameter{Description: text})
		return
	}
	ch.Address = parts[0]
	for i, part := range parts[1:] {
		name := "name"
		if i > 0 {
			name += strconv.Itoa(i + 1)
		}
		ch.Parameters.Set(name, Parameter{Description: "Letters, digits and . _ ~ : @ -"})
		ch.Address += "{" + name + "}" + part
	}
}

// streamRequest is the HTTP request that opens a stream of a topic.
func streamRequest(topic string) map[string]any {
	name := &Schema{Type: "string"}
	if topic != "" {
		name.Const = topic
	}
	return map[string]any{"http": map[string]any{"method": "GET", "query": &Schema{
		Type: "object", Properties: Properties{{"topic", name}}, Required: []string{"topic"},
	}}}
}

// refs are references to those of the servers that there are.
func (b *builder) refs(ids ...string) (refs []Ref) {
	for _, id := range ids {
		if _, ok := b.doc.Servers.Get(id); ok {
			refs = append(refs, Ref{"#/servers/" + id})
		}
	}
	return refs
}

// payload is the schema of a shape, nil when there is no value.
func (b *builder) payload(s server.Shape) (*Schema, error) {
	if s.IsZero() {
		return nil, nil
	}
	return b.reflect.Shape(s)
}

func (b *builder) errorSchema() *Schema {
	if b.opts.EncodeError != nil {
		return &Schema{}
	}
	const name = "GatewayError"
	if _, ok := b.doc.Components.Schemas.Get(name); !ok {
		b.doc.Components.Schemas.Set(name, gatewayError)
	}
	return &Schema{Ref: schemas + name}
}

var gatewayError = &Schema{
	Type: "object",
	Properties: Properties{
		{"ok", &Schema{Const: false}},
		{"error", &Schema{
			Type: "object",
			Properties: Properties{
				{"code", &Schema{Type: "string", Description: "For programs, in snake_case.", Examples: []any{"invalid_payload", "bad_request", "rate_limited", "internal"}}},
				{"message", &Schema{Type: "string", Description: "For people."}},
				{"pointer", &Schema{Type: "string", Description: "JSON Pointer to what is wrong in the payload."}},
				{"retryAfterMs", &Schema{Type: "integer", Description: "Milliseconds until another try makes sense."}},
			},
			Required: []string{"code", "message"},
		}},
	},
	Required: []string{"ok", "error"},
}

// word is a name as the keys of a document allow it.
func word(s string) string { return strings.Trim(notName.ReplaceAllString(s, "_"), "_") }

// id makes an id of its own for what key tells apart.
func (b *builder) id(want, key string) string {
	id := want
	for i := 2; ; i++ {
		if have, taken := b.ids[id]; !taken || have == key {
			b.ids[id] = key
			return id
		}
		id = want + "-" + strconv.Itoa(i)
	}
}
