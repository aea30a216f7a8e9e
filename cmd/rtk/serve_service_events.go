package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi/validate"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// events reads the events of a route: a pattern of names, or a list of patterns
// and of events that are described.
func (p *routingParser) events(n ast.Node, r *routeConfig) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		p.pattern(n, r)
		return
	}
	for _, item := range list.Values {
		switch item.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			p.event(item, r)
		default:
			p.pattern(item, r)
		}
	}
}

func (p *routingParser) pattern(n ast.Node, r *routeConfig) {
	text, ok := scalar(n)
	if _, list := n.(*ast.SequenceNode); !ok || list {
		p.fail(n, `events: want a pattern such as "order.*", or a list of patterns and of {name: …, payload: …}`)
		return
	}
	value, err := expandEnv(p.env, text)
	switch {
	case err != nil:
		p.fail(n, "events: %v", err)
	case value == "":
		p.fail(n, `events: a pattern is empty; want "*" for all events`)
	default:
		r.patterns = append(r.patterns, value)
	}
}

var eventKeys = []string{"name", "direction", "description", "payload", "ack"}

// event reads one that is described. Its schemas are taken as they stand: ${ is
// no reference in them.
func (p *routingParser) event(n ast.Node, r *routeConfig) {
	const receive, emit = "receive", "emit"
	e := service.Event{}
	before := len(p.errs)
	name := n
	for _, kv := range p.entries(n, "an event", eventKeys, "payload", "ack") {
		switch kv.key {
		case "name":
			e.Name, name = kv.value, kv.node
		case "direction":
			if e.ToClients = kv.value == emit; !e.ToClients && kv.value != receive {
				directions := []string{receive, emit}
				p.fail(kv.node, "unknown direction %q%s; want receive (from clients) or emit (to clients)", kv.value, nearest.Hint(kv.value, directions))
			}
		case "description":
			e.Summary = strings.TrimSpace(kv.value)
		case "payload":
			e.Payload = p.schema(kv)
		case "ack":
			e.Ack = p.schema(kv)
		}
	}
	if len(p.errs) > before {
		return
	}
	if err := e.Check(); err != nil {
		p.fail(name, "%v", err)
		return
	}
	if slices.ContainsFunc(r.contract, func(o service.Event) bool { return o.Name == e.Name && o.ToClients == e.ToClients }) {
		p.fail(name, "event %q stands twice", e.Name)
		return
	}
	r.contract = append(r.contract, e)
	if !e.ToClients {
		r.patterns = append(r.patterns, e.Name)
	}
}

// schema reads a JSON Schema, and finds where it is wrong.
func (p *routingParser) schema(e entry) json.RawMessage {
	schema, bad := nodeJSON(e.node)
	if bad != nil {
		p.fail(bad.node, "%s: %s", e.key, bad.text)
		return nil
	}
	_, err := validate.New().Compile(server.Declaration{Payload: server.Shape{Schema: schema}})
	if wrong, ok := errors.AsType[*validate.SchemaError](err); ok {
		p.fail(nodeAt(e.node, wrong.Path), "%s: %s", e.key, strings.TrimPrefix(wrong.Error(), "schema: "))
	} else if err != nil {
		p.fail(e.node, "%s: %v", e.key, err)
	}
	return schema
}
