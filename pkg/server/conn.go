package server

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

// Conn is one client in one namespace. A Socket.IO client that joined several
// namespaces over one transport has a Conn in each. All methods are safe for
// concurrent use.
type Conn struct {
	id       string
	ns       *Namespace
	link     *link
	identity *auth.Identity
	renewed  atomic.Pointer[auth.Identity] // of a refresh, in place of identity
	payload  []byte                        // CONNECT payload; mu guards it

	state atomic.Uint32 // changes with link.mu held
	early []*frame      // guarded by link.mu: queued before the client was told that it is connected
	all   membership    // in ns.all

	released atomic.Bool // from a namespace of a family

	resume *resumption // set before it joins; nil unless it may come back

	mu    sync.Mutex
	rooms []*membership
	data  map[string]any
	asked *asked // nil until the client is asked to acknowledge
}

// States of a Conn.
const (
	connJoining uint32 = iota // guards and OnConnect are running
	connOpen
	connGone
)

// Handshake is what the gateway keeps of the request that opened a connection.
type Handshake struct {
	Time       time.Time
	RemoteAddr string // of the TCP connection
	Host       string
	Origin     string
	UserAgent  string
	Path       string
	// Query is the raw query with the values of token parameters cut out.
	Query  string
	Secure bool // TLS
	// Auth is the CONNECT payload of a Socket.IO client, a JSON object; "{}"
	// when there was none. Where tokens are verified, guards and OnConnect see
	// it whole and later callers without its token member.
	Auth []byte
}

// ID returns the connection's id: 20 characters of base64url, unique, and also
// the name of a room in which it is always.
func (c *Conn) ID() string { return c.id }

// Namespace returns the namespace.
func (c *Conn) Namespace() *Namespace { return c.ns }

// Identity returns what the verified token said, nil on an open gateway. A
// refresh over the connection replaces it.
func (c *Conn) Identity() *auth.Identity {
	if id := c.renewed.Load(); id != nil {
		return id
	}
	return c.identity
}

// Protocol returns "socket.io", "websocket" or "sse".
func (c *Conn) Protocol() string { return c.link.codec.protocol() }

// Transport returns "websocket", "polling" or "sse", the current one.
func (c *Conn) Transport() string { return c.link.transport() }

// RemoteAddr returns the address of the client's TCP connection.
func (c *Conn) RemoteAddr() string { return c.link.remote }

// Handshake returns what is kept of the first request.
func (c *Conn) Handshake() Handshake {
	l := c.link
	s := l.shake.Value()
	h := Handshake{
		Time: l.since, RemoteAddr: l.remote, Host: s.host, Origin: s.origin, UserAgent: s.userAgent,
		Path: s.path, Query: l.query, Secure: s.secure,
	}
	c.mu.Lock()
	h.Auth = c.payload
	c.mu.Unlock()
	if len(h.Auth) == 0 {
		h.Auth = []byte("{}")
	}
	return h
}

// forgetToken drops the token from what is kept of the CONNECT payload.
func (c *Conn) forgetToken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.payload = withoutToken(c.payload)
}

// Set keeps a value with the connection. Where pods give back sessions for each
// other it is marshalled to JSON at once, and is what that makes of it when the
// session goes on.
func (c *Conn) Set(key string, value any) {
	c.mu.Lock()
	if c.data == nil {
		c.data = make(map[string]any, 1)
	}
	c.data[key] = value
	c.mu.Unlock()
	c.saveData(key, value)
}

// Get returns a value that Set kept, or nil.
func (c *Conn) Get(key string) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.data[key]
}

// Emit sends an event to this client. Arguments are encoded as by Emitter.Emit.
// It returns when the message is queued, and fails with ErrClosed when the
// connection has ended.
func (c *Conn) Emit(event string, args ...any) error {
	raw, attachments, err := encodeArgs(args)
	if err != nil {
		return fmt.Errorf("emit %q: %w", event, err)
	}
	return c.EmitRaw(event, raw, attachments...)
}

// EmitRaw is Emit with arguments that are JSON already, separated by commas and
// without brackets. It keeps attachments where messages are kept for recovery:
// don't change them afterwards.
func (c *Conn) EmitRaw(event string, args []byte, attachments ...[]byte) error {
	array, err := eventArray(event, args)
	if err != nil {
		return err
	}
	if messageBytes(array, attachments) > c.ns.srv.opts.QueueBytes {
		return fmt.Errorf("emit %q: %w", event, ErrTooLarge)
	}
	m := message{ns: c.ns.name, array: array, attachments: attachments}
	if c.ns.seq != nil {
		return c.ns.seq.unicast(c, &m)
	}
	return c.send(m.frame(c.link.codec))
}

// send queues a frame and starts the writing of it.
func (c *Conn) send(f *frame) error {
	if !c.deliver(f, nil) {
		return ErrClosed
	}
	c.ns.srv.count.messagesOut.Add(1)
	return nil
}

// deliver queues a frame; the outbox is woken at once, or with others when b is
// not nil. While OnConnect runs, frames wait until the client has been told
// that it is connected.
func (c *Conn) deliver(f *frame, b *batch) bool {
	if c.link.deflates.Load() {
		f = c.link.form(f)
	}
	if c.state.Load() == connOpen {
		return c.link.put(f, b)
	}
	c.link.mu.Lock()
	switch c.state.Load() {
	case connOpen:
		c.link.mu.Unlock()
		return c.link.put(f, b)
	case connJoining:
		defer c.link.mu.Unlock()
		if len(c.early) >= c.ns.srv.opts.QueueMessages {
			return false
		}
		c.early = append(c.early, f)
		return true
	}
	c.link.mu.Unlock()
	return false
}

// Disconnect ends the connection: the client is told, and OnDisconnect runs with
// reason "server namespace disconnect". With closeTransport, or when the
// protocol has no namespaces, the whole transport is closed after what is queued
// has been written.
func (c *Conn) Disconnect(closeTransport bool) {
	if !c.ns.seq.pending() {
		c.link.disconnect(c, closeTransport)
		return
	}
	// Behind what it was sent. OnDisconnect must not run on who gives that out.
	c.ns.seq.after(func() {
		if s := c.ns.srv; s.hold() {
			s.group.Go(func() { c.link.disconnect(c, closeTransport) })
			s.group.Done()
		}
	})
}
