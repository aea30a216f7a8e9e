package server

import (
	"context"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// Guard decides whether a client may join a namespace, before OnConnect. An
// error refuses it: Socket.IO clients get CONNECT_ERROR with the message of an
// *Error, others a refusal of their protocol.
type Guard func(ctx context.Context, c *Conn) error

// EventGuard decides whether an event of a client may reach its handler. The
// client gets its error like that of a handler.
type EventGuard func(ctx context.Context, c *Conn, e *Event) error

// RawHandler handles one event. It runs on the connection's read goroutine: one
// at a time and in wire order for each connection. The reply goes to a client
// that asked for an acknowledgement; an error goes out as
// {"ok":false,"error":{"code":…,"message":…}} or, when no acknowledgement was
// asked for, as an "exception" event. A panic counts as an error and is logged.
//
// e and its slices are valid until the handler returns.
type RawHandler func(ctx context.Context, c *Conn, e *Event) (Reply, error)

// Event is a message from a client.
type Event struct {
	Name string
	// Args is the JSON of the arguments without brackets: 1,{"a":2}. A plain
	// WebSocket frame has one argument, its data, or none.
	Args []byte
	// Attachments are the binary arguments, in the order of their placeholders
	// {"_placeholder":true,"num":i} in Args.
	Attachments [][]byte
	// WantsAck is whether the client waits for an acknowledgement.
	WantsAck bool

	conn *Conn
	to   returnAddress
}

// Reply is an acknowledgement: JSON arguments without brackets, and binary
// arguments for the placeholders in them.
type Reply struct {
	Args        []byte
	Attachments [][]byte
	// None sends no acknowledgement, even to a client that waits for one.
	None bool
}

// Namespace is a set of handlers, connections and rooms. Register handlers
// before the server starts; everything else is safe for concurrent use.
type Namespace struct {
	srv  *Server
	name string

	guards       []Guard
	eventGuards  []EventGuard
	onConnect    []func(context.Context, *Conn) error
	onDisconnect []func(*Conn, string)
	onJoin       []func(*Conn, string)
	onLeave      []func(*Conn, string)
	handlers     map[string]handler
	onAny        RawHandler // anyBase with the interceptors
	anyBase      RawHandler
	interceptors []Interceptor
	checks       map[string]func(payload []byte) error // of declared events, by name
	anyChecked   map[string]handler                    // onAny behind the checks of events without a handler of their own
	declared     []Declaration                         // guarded by Server.nsMu
	serverSide   map[string]ServerSideHandler

	watcher cluster.RoomWatcher // nil when the backplane doesn't care

	later lane // hooks and handlers that other pods are the cause of

	// Lock order: mu before room.mu before outbox.mu. See LOCKS.md.
	mu    sync.RWMutex
	conns map[string]*Conn // by id
	rooms map[string]*room
	all   *room // every connection

	match  func(name string, payload []byte) bool // of a family
	family *Namespace                             // that this one belongs to, or nil

	// Of a member of a family. Server.nsMu guards them.
	users      int           // connections, those that are being let in or refused among them
	letIn      bool          // somebody was
	idle       time.Duration // when the last one left
	subscribed bool          // the backplane has it, if it came after the start

	seq *sequence // nil when the namespace keeps no history

	overflow  []overflowRule // nil when all rooms have the default
	coalescer coalescer

	presence *presence // nil when no room has it
}

// Name returns the namespace's name, "/" for the main one.
func (n *Namespace) Name() string { return n.name }

// Use adds guards that every connection must pass, in order.
func (n *Namespace) Use(g ...Guard) *Namespace {
	n.guards = append(n.guards, g...)
	return n
}

// UseEvent adds guards that every event must pass, in order.
func (n *Namespace) UseEvent(g ...EventGuard) *Namespace {
	n.eventGuards = append(n.eventGuards, g...)
	return n
}

// OnConnect adds a function that is called when a client has passed the guards,
// before the client is told that it is connected. What it emits reaches the
// client after that. An error refuses the client.
func (n *Namespace) OnConnect(fn func(context.Context, *Conn) error) *Namespace {
	n.onConnect = append(n.onConnect, fn)
	return n
}

// OnDisconnect adds a function that is called once for each connection that was
// connected, with the reason, after it has left its rooms.
func (n *Namespace) OnDisconnect(fn func(*Conn, string)) *Namespace {
	n.onDisconnect = append(n.onDisconnect, fn)
	return n
}

// On registers the handler of an event; a later one replaces it.
func (n *Namespace) On(event string, fn RawHandler, opts ...HandlerOption) *Namespace {
	n.register(event, fn, newHandlerConfig(opts))
	return n
}

// OnAny registers the handler of events that no other handler takes.
func (n *Namespace) OnAny(fn RawHandler) *Namespace {
	n.anyBase = fn
	n.composeAny()
	return n
}

// Conns returns the number of connections on this pod.
func (n *Namespace) Conns() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.conns)
}

// Conn returns the connection with the id on this pod, or nil.
func (n *Namespace) Conn(id string) *Conn {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.conns[id]
}

// Rooms returns the names and sizes of the rooms on this pod.
func (n *Namespace) Rooms() map[string]int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	sizes := make(map[string]int, len(n.rooms))
	for name, r := range n.rooms {
		sizes[name] = r.len()
	}
	return sizes
}

// HasRoom implements cluster.Sink.
func (s *Server) HasRoom(namespace, name string) bool {
	n := s.lookup(namespace)
	if n == nil {
		return false
	}
	if n.seq.hears(name) {
		return true // for those who come back
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.rooms[name] != nil || n.conns[name] != nil
}

// Deliver implements cluster.Sink.
func (s *Server) Deliver(b *cluster.Broadcast) {
	if s.crossPodOff() {
		return
	}
	if b.Namespace == controlNamespace {
		s.control(b)
		return
	}
	n := s.lookup(b.Namespace)
	if n == nil {
		return
	}
	s.count.broadcastsRemote.Add(1)
	if messageBytes(b.Args, b.Attachments) > s.opts.QueueBytes {
		s.log.Error("dropped a broadcast of another pod: it is larger than the outbound queue",
			"namespace", n.name, "bytes", messageBytes(b.Args, b.Attachments), "limit", s.opts.QueueBytes)
		return
	}
	n.deliver(b)
}
