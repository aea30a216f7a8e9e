package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// handler is a registered handler with its event name, so that dispatching
// needs no copy of the name.
type handler struct {
	name string
	fn   RawHandler     // base with its guards, interceptors and check
	base RawHandler     // as it was registered
	cfg  *handlerConfig // of the registration
}

var events = sync.Pool{New: func() any { return new(Event) }}

// event hands an EVENT packet to its handler and sends the acknowledgement.
func (c *Conn) event(p *socketio.Packet, attachments [][]byte) error {
	name, args, err := socketio.SplitEventBytes(p.Data)
	if err != nil {
		return err
	}
	reply, err := c.ns.dispatch(c, name, args, attachments, returnAddress{ack: p.ID})
	switch {
	case err != nil && p.ID >= 0:
		c.ack(p.ID, Reply{Args: c.errorObject(err, 0)})
	case errors.Is(err, errUnknownEvent):
	case err != nil:
		c.exception(c.errorObject(err, 0))
	case p.ID >= 0 && !reply.None:
		c.ack(p.ID, reply)
	}
	return nil
}

var errUnknownEvent = &Error{Code: codeUnknown, Message: "no handler for this event"}

// dispatch runs guards and handler of an event. name, args and attachments are
// the caller's again when it returns.
func (n *Namespace) dispatch(c *Conn, name, args []byte, attachments [][]byte, to returnAddress) (Reply, error) {
	c.link.pushOwn()
	if string(name) == refreshEvent && n.srv.opts.Auth != nil {
		return c.refresh(args)
	}
	h, ok := n.handlers[string(name)]
	if !ok {
		switch {
		case n.presence != nil && string(name) == presenceListEvent:
			h = handler{name: presenceListEvent, fn: n.presence.list}
		case n.onAny == nil:
			return Reply{}, errUnknownEvent
		default:
			if h, ok = n.anyChecked[string(name)]; !ok {
				h = handler{name: string(name), fn: n.onAny}
			}
		}
	}
	e := events.Get().(*Event)
	*e = Event{Name: h.name, Args: args, Attachments: attachments, WantsAck: to.wanted(), conn: c, to: to}
	reply, err := n.run(c.link.context(), c, h.fn, e)
	*e = Event{}
	events.Put(e)
	return reply, err
}

func (n *Namespace) run(ctx context.Context, c *Conn, fn RawHandler, e *Event) (reply Reply, err error) {
	start := n.srv.wheel.now()
	defer func() { n.srv.count.handling.Observe(n.srv.wheel.now() - start) }()
	defer n.recovered(e.Name, c, &err)
	for _, g := range n.eventGuards {
		if err := g(ctx, c, e); err != nil {
			return Reply{}, err
		}
	}
	reply, err = fn(ctx, c, e)
	if err != nil {
		n.failed(e.Name, c, err)
	}
	return reply, err
}

// recovered turns a panic of user code into an error, so that it harms no other
// connection.
func (n *Namespace) recovered(what string, c *Conn, err *error) {
	p := recover()
	if p == nil {
		return
	}
	*err = fmt.Errorf("panic: %v", p)
	n.srv.log.Error("handler panicked", "namespace", n.name, "event", clip(what, 64), "conn", c.id,
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}

// survive logs a panic of user code that belongs to no one connection.
func (n *Namespace) survive(what string, err *error) {
	p := recover()
	if p == nil {
		return
	}
	*err = fmt.Errorf("panic: %v", p)
	n.srv.log.Error("handler panicked", "namespace", n.name, "event", clip(what, 64),
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}

func (n *Namespace) runDisconnect(fn func(*Conn, string), c *Conn, reason string) {
	var err error
	defer n.recovered("disconnect", c, &err)
	fn(c, reason)
}

// ack acknowledges a Socket.IO event. It is called on the read goroutine.
func (c *Conn) ack(id int64, r Reply) {
	packet := func(dst []byte) []byte {
		return socketio.AppendAck(dst, c.ns.name, id, r.Args, len(r.Attachments))
	}
	size := len(r.Args) + len(c.ns.name) + 24
	if len(r.Attachments) == 0 && c.link.reply(size+1, func(dst []byte) []byte {
		return packet(append(dst, byte(engineio.Message)))
	}) {
		return
	}
	c.link.putOwn(messageFrame(size, r.Attachments, packet))
}

// exception tells a client that its event failed, when it waits for no
// acknowledgement.
func (c *Conn) exception(object []byte) {
	f := messageFrame(len(object)+len(c.ns.name)+24, nil, func(dst []byte) []byte {
		return socketio.AppendEvent(dst, c.ns.name, socketio.NoID, "exception", object, 0)
	})
	c.link.putOwn(f)
}
