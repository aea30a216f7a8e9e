package service

import (
	"bytes"
	"context"
	"slices"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// bound is a route with its service's account.
type bound struct {
	Route
	target *target
}

// namespace are the routes of one namespace, or of the namespaces of one
// pattern.
type namespace struct {
	binding  *Binding
	name     string
	contract []Event
	events   bool    // OnAny is registered
	routes   []bound // in force; Binding.routing guards them
}

// register puts handlers on the namespace: for all hooks, as Replace may bring
// routes that want them, and for events if there are any.
func (n *namespace) register(ns *server.Namespace) {
	ns.OnConnect(n.connect)
	ns.OnJoin(func(c *server.Conn, room string) { n.tell(HookJoin, c, func(d *Data) { d.Room = room }) })
	ns.OnLeave(func(c *server.Conn, room string) { n.tell(HookLeave, c, func(d *Data) { d.Room = room }) })
	ns.OnDisconnect(func(c *server.Conn, reason string) {
		n.tell(HookDisconnect, c, func(d *Data) { d.Reason = reason })
	})
	if n.events {
		ns.OnAny(n.event)
	}
	declare(ns, n.contract)
}

func hasEvents(routes []bound) bool {
	return slices.ContainsFunc(routes, func(r bound) bool { return r.Events != "" })
}

// asked is a route with its service, entered.
type asked struct {
	route *bound
	in    *inForce
}

// enter returns the routes that want to know of something, at most one for
// events. Each must be left.
func (n *namespace) enter(wants func(*bound) bool, first bool) (list []asked) {
	n.binding.routing.RLock()
	defer n.binding.routing.RUnlock()
	for i := range n.routes {
		if r := &n.routes[i]; wants(r) {
			list = append(list, asked{r, r.target.enter()})
			if first {
				break
			}
		}
	}
	return list
}

// connect asks the services whether a client may come in. It holds up the
// client, who has nothing else to do.
func (n *namespace) connect(ctx context.Context, c *server.Conn) error {
	b := n.binding
	list := n.enter(func(r *bound) bool { return r.takes(HookConnect) }, false)
	defer func() {
		for _, q := range list {
			q.in.calls.Done()
		}
	}()
	for _, q := range list {
		call := b.call(HookConnect, c)
		a, err := b.ask(ctx, q.route.target, q.in, call)
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
	list := n.enter(func(r *bound) bool { return r.Events != "" && matchEvent(r.Events, e.Name) }, true)
	if len(list) == 0 {
		return server.Reply{}, server.ErrUnknownEvent
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
	j := &job{conn: c, call: call, to: list[0].route.target, in: list[0].in, size: size, done: func(a *Answer, err error) {
		if err != nil {
			later(server.Reply{}, err)
			return
		}
		later(server.Reply{Args: a.Ack}, nil)
	}}
	if err := n.submit(j); err != nil {
		return server.Reply{}, err
	}
	return server.Reply{None: true}, nil
}

// tell queues a call that nobody waits for.
func (n *namespace) tell(h Hook, c *server.Conn, fill func(*Data)) {
	for _, q := range n.enter(func(r *bound) bool { return r.takes(h) }, false) {
		call := n.binding.call(h, c)
		fill(&call.Data)
		j := &job{conn: c, call: call, to: q.route.target, in: q.in, size: len(call.Data.Room), last: h == HookDisconnect}
		_ = n.submit(j) // counted
	}
}

// submit starts a job or lets it wait, or counts that it was refused.
func (n *namespace) submit(j *job) error {
	err := n.binding.submit(j)
	if err != nil {
		j.to.count.refused.Add(1)
		j.in.calls.Done()
	}
	return err
}
