package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Event describes an event between clients and a service.
type Event struct {
	Name string
	// ToClients is an event that the service emits, otherwise clients send it.
	ToClients bool
	// Payload and Ack are JSON Schemas (draft 07, without $ref) of the first
	// argument and of the acknowledgement's; nil says nothing about them.
	Payload, Ack json.RawMessage
	Summary      string // a sentence for people
}

// Check refuses what can't be an event.
func (e *Event) Check() error {
	switch {
	case e.Name == "" || len(e.Name) > maxName:
		return fmt.Errorf("the name of an event must have 1 to %d bytes", maxName)
	case strings.Contains(e.Name, "*"):
		return fmt.Errorf("event %q: describe each event by its own name, without *", e.Name)
	case slices.Contains(reserved, e.Name):
		return fmt.Errorf("event %q is reserved by Socket.IO", e.Name)
	case e.ToClients && e.Ack != nil:
		return fmt.Errorf("event %q: events to clients have no acknowledgement here", e.Name)
	}
	return nil
}

// Declare puts the contract of routes on a server that never starts, to describe
// it. The routes need no services. Bind declares by itself.
func Declare(s *server.Server, routes []Route) error {
	var order []string
	events := map[string][]Event{}
	for i := range routes {
		r := &routes[i]
		err := CheckNamespace(r.Namespace)
		for i := range r.Contract {
			err = errors.Join(err, r.Contract[i].Check())
		}
		if err != nil {
			return fmt.Errorf("service route %d: %w", i, err)
		}
		if _, seen := events[r.Namespace]; !seen {
			order = append(order, r.Namespace)
		}
		events[r.Namespace] = append(events[r.Namespace], r.Contract...)
	}
	for _, name := range order {
		declare(open(s, name), events[name])
	}
	return nil
}

func declare(ns *server.Namespace, events []Event) {
	for _, e := range events {
		if e.ToClients {
			ns.Emits(e.Name, e.Payload, e.Summary)
		} else {
			ns.Accepts(e.Name, e.Payload, e.Ack, e.Summary)
		}
	}
}
