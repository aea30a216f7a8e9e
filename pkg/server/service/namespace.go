package service

import (
	"bytes"
	"context"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// bound is a route with its service's account.
type bound struct {
	Route
	target *target
}

// namespace are the routes of one namespace.
type namespace struct {
	binding *Binding
	routes  []bound
}

// register puts handlers on the namespace for what the routes want to know.
func (n *namespace) register(ns *server.Namespace) {
	if n.wants(HookConnect) {
		ns.OnConnect(n.connect)
	}
	if n.wants(HookJoin) {
		ns.OnJoin(func(c *server.Conn, room string) { n.tell(HookJoin, c, func(d *Data) { d.Room = room }) })
	}
	if n.wants(HookLeave) {
		ns.OnLeave(func(c *server.Conn, room string) { n.tell(HookLeave, c, func(d *Data) { d.Room = room }) })
	}
	if n.wants(HookDisconnect) {
		ns.OnDisconnect(func(c *server.Conn, reason string) {
			n.tell(HookDisconnect, c, func(d *Data) { d.Reason = reason })
		})
	}
	for i := range n.routes {
		if n.routes[i].Events != "" {
			ns.OnAny(n.event)
			return
		}
	}
}

func (n *namespace) wants(h Hook) bool {
	for i := range n.routes {
		if n.routes[i].takes(h) {
			return true
		}
	}
	return false
}

// connect asks the services whether a client may come in. It holds up the
// client, who has nothing else to do.
func (n *namespace) connect(ctx context.Context, c *server.Conn) error {
	b := n.binding
	for i := range n.routes {
		r := &n.routes[i]
		if !r.takes(HookConnect) {
			continue
		}
		call := b.call(HookConnect, c)
		a, err := b.ask(ctx, r.target, call)
		if err == nil {
			err = b.carryOut(c, call, a)
		}
		if err != nil {
			return err
		}
		if a.Disconnect {
			return &Refusal{Code: "disconnected", Message: "the service has ended the connection"}
		}
	}
	return nil
}

// event hands an event to the first route that matches, and returns at once.
func (n *namespace) event(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
	for i := range n.routes {
		r := &n.routes[i]
		if r.Events == "" || !matchEvent(r.Events, e.Name) {
			continue
		}
		call := n.binding.call(HookEvent, c)
		d := &call.Data
		d.Event, d.WantsAck = e.Name, e.WantsAck
		d.Args = make([]byte, 0, len(e.Args)+2)
		d.Args = append(append(append(d.Args, '['), e.Args...), ']')
		size := len(d.Args)
		for _, a := range e.Attachments {
			d.Attachments = append(d.Attachments, bytes.Clone(a))
			size += len(a)
		}
		later := e.Later()
		j := &job{conn: c, call: call, to: r.target, size: size, done: func(a *Answer, err error) {
			if err != nil {
				later(server.Reply{}, err)
				return
			}
			later(server.Reply{Args: a.Ack}, nil)
		}}
		if err := n.binding.submit(j); err != nil {
			r.target.count.refused.Add(1)
			return server.Reply{}, err
		}
		return server.Reply{None: true}, nil
	}
	return server.Reply{}, server.ErrUnknownEvent
}

// tell queues a call that nobody waits for.
func (n *namespace) tell(h Hook, c *server.Conn, fill func(*Data)) {
	for i := range n.routes {
		r := &n.routes[i]
		if !r.takes(h) {
			continue
		}
		call := n.binding.call(h, c)
		fill(&call.Data)
		j := &job{conn: c, call: call, to: r.target, size: len(call.Data.Room), last: h == HookDisconnect}
		if err := n.binding.submit(j); err != nil {
			r.target.count.refused.Add(1)
		}
	}
}
