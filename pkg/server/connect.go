package server

import (
	"context"
	"errors"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// Bounds of a CONNECT packet, which the gateway keeps or echoes.
const (
	maxNamespaceBytes = 256
	maxPayloadBytes   = 16 << 10
)

// connect handles a CONNECT packet (Socket.IO 5, connection to a namespace).
// The client gets CONNECT, or CONNECT_ERROR; a bad token also ends the engine
// connection at once.
func (l *link) connect(name string, payload []byte) error {
	s := l.srv
	if len(name) > maxNamespaceBytes || len(payload) > maxPayloadBytes {
		return errConnectSize
	}
	n, family := s.find(name, payload)
	if n == nil && family == nil {
		s.count.handshake.add("invalid namespace")
		l.control(func(dst []byte) []byte {
			return socketio.AppendConnectError(dst, name, "Invalid namespace", nil)
		})
		return nil
	}
	id, no := l.authenticate(payload)
	if no != nil && !no.late {
		l.reject(name, no)
		if f := s.opts.Faults; f != nil && (f.AuthSilent || f.AuthLinger) {
			return nil // the connection stays until the handshake's bound
		}
		return errTokenRejected
	}
	if family != nil {
		var err error
		if n, err = s.member(family, name); err != nil {
			s.count.handshake.add("too many namespaces")
			message, data := connectError(err)
			l.control(func(dst []byte) []byte {
				return socketio.AppendConnectError(dst, name, message, data)
			})
			return nil
		}
	}
	c := &Conn{id: newID(), ns: n, link: l, identity: id}
	if len(payload) > 0 {
		c.payload = append([]byte(nil), payload...)
	}
	if n.recovers() {
		n.seq.claim(c, askedSession(payload))
		c.payload = withoutSession(c.payload)
	}
	if t := s.limits.Load().connectUser(id); t != nil {
		s.count.handshake.add("throttled")
		c.release()
		l.control(func(dst []byte) []byte {
			return socketio.AppendConnectError(dst, name, t.Error(), t.data())
		})
		return nil
	}
	if err := l.join(c, func() *frame {
		f := messageFrame(64, nil, func(dst []byte) []byte {
			return socketio.AppendConnect(dst, name, c.connectPayload())
		})
		f.control = true
		return f
	}, nil); err != nil {
		c.release()
		s.count.handshake.add("guard")
		message, data := connectError(err)
		l.control(func(dst []byte) []byte {
			return socketio.AppendConnectError(dst, name, message, data)
		})
		return nil
	}
	c.saveFirst()
	if s.opts.Auth != nil {
		c.forgetToken()
	}
	l.mu.Lock()
	l.connectBy = 0
	l.mu.Unlock()
	l.bound(id)
	if no != nil {
		l.evict()
	}
	return nil
}

// authenticate verifies the token of the CONNECT payload or, when it has none,
// that of the handshake request, once.
func (l *link) authenticate(payload []byte) (*auth.Identity, *refusal) {
	s, e := l.srv, l.engine
	if s.opts.Auth == nil {
		return nil, nil
	}
	token, clear := auth.ExtractPayload(payload, s.opts.AuthPlaces)
	if !clear {
		return s.verify(l.context(), "", false) // there, but not one clear token
	}
	if token == "" {
		if e.identity != nil {
			return e.identity, nil
		}
		id, no := s.verify(l.context(), e.token, e.token != "")
		if no == nil {
			e.identity, e.token = id, ""
		}
		return id, no
	}
	return s.verify(l.context(), token, true)
}

// reject tells the client that its token is no good. The caller closes.
func (l *link) reject(ns string, no *refusal) {
	if f := l.srv.opts.Faults; f != nil && f.AuthLeak {
		l.control(func(dst []byte) []byte {
			return socketio.AppendEvent(dst, ns, socketio.NoID, leakEvent, []byte(leakData), 0)
		})
	}
	l.control(func(dst []byte) []byte {
		return socketio.AppendConnectError(dst, ns, "unauthorized", no.data())
	})
	if f := l.srv.opts.Faults; f != nil && f.AuthSilent {
		l.control(func(dst []byte) []byte {
			return socketio.AppendEvent(dst, ns, socketio.NoID, leakEvent, []byte(leakData), 0)
		})
	}
}

// connectError is what CONNECT_ERROR says of a guard's error.
func connectError(err error) (message string, data []byte) {
	code, message, told := publicError(err)
	if !told {
		return message, nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Data != nil {
		if b, err := marshal(e.Data); err == nil {
			return message, b
		}
	}
	if t, ok := errors.AsType[*throttled](err); ok {
		return message, t.data()
	}
	if code != "" {
		data = (&refusal{code: code}).data()
	}
	return message, data
}

// join passes the guards and OnConnect and makes c a member of its namespace.
// hello makes the frame that tells the client, if any; what was emitted meanwhile
// goes out behind it. then, if not nil, runs before as well and may refuse.
func (l *link) join(c *Conn, hello func() *frame, then func() error) error {
	l.pushOwn()
	err := c.ns.admit(l.context(), c)
	if err == nil && then != nil {
		err = then()
	}
	if err != nil {
		c.discard()
		return err
	}
	l.connsMu.Lock()
	if l.ended {
		l.connsMu.Unlock()
		c.discard()
		return ErrClosed
	}
	l.conns = append(l.conns, c)
	l.connsMu.Unlock()

	l.mu.Lock()
	if c.state.Load() == connGone { // OnConnect called Disconnect
		l.mu.Unlock()
		l.drop(c)
		c.leaveAll(0)
		return ErrClosed
	}
	kick := false
	put := func(fs ...*frame) {
		for _, f := range fs {
			_, k := l.putLocked(f)
			kick = kick || k
		}
	}
	if c.resume != nil {
		put(c.resume.before...)
	}
	if f := hello(); f != nil {
		put(f)
	}
	if c.resume != nil {
		put(c.resume.after...)
		c.resume.before, c.resume.after = nil, nil
	}
	put(c.early...)
	c.early = nil
	c.state.Store(connOpen)
	l.mu.Unlock()
	if kick {
		l.kick(nil)
	}
	return nil
}

// admit runs the guards and OnConnect. c is in the namespace while OnConnect
// runs, so that it may join rooms; what it is sent waits.
func (n *Namespace) admit(ctx context.Context, c *Conn) (err error) {
	defer n.recovered("connect", c, &err)
	for _, g := range n.guards {
		if err := g(ctx, c); err != nil {
			return err
		}
	}
	n.entered()
	if c.resume == nil {
		n.enter(c)
	} else if err := n.seq.enter(c); err != nil {
		return err
	}
	for _, fn := range n.onConnect {
		if err := fn(ctx, c); err != nil {
			return err
		}
	}
	n.welcomed()
	return nil
}

// discard undoes the joining of a connection that was refused.
func (c *Conn) discard() {
	c.link.mu.Lock()
	c.state.Store(connGone)
	c.early = nil
	c.link.mu.Unlock()
	c.leaveAll(0)
}

// end takes an ended connection out of its namespace and tells the handlers.
func (c *Conn) end(reason string) {
	if c.mute() {
		c.ended(reason)
	}
}

// mute makes the connection one that gets nothing any more. It reports whether
// the caller has to call ended.
func (c *Conn) mute() bool {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	return c.state.Swap(connGone) == connOpen
}

// ended takes a mute connection out of its namespace and tells the handlers.
func (c *Conn) ended(reason string) {
	session := c.session(reason)
	c.leaveAll(c.grace(reason, session))
	c.leaveSession(session)
	c.failAcks()
	c.ns.srv.chaos.forget(c)
	for _, fn := range c.ns.onDisconnect {
		c.ns.runDisconnect(fn, c, reason)
	}
}
