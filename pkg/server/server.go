package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// Server is a gateway: an http.Handler for its three endpoints. Make it with
// New, register handlers, Start it, serve it, Shutdown it.
type Server struct {
	opts    Options
	log     *slog.Logger
	origins atomic.Pointer[origins]
	wheel   *wheel

	deflater *deflater // nil: no compression
	writers  []*writer
	batches  sync.Pool
	chaos    *chaos // nil in production
	// throttle is Options.Throttle, with its faults
	throttle        atomic.Pointer[throttle.Limit]
	throttleStrikes atomic.Int64
	presence        *presenceHub           // nil: no room has it
	limits          atomic.Pointer[limits] // nil when there is only throttle
	limitCounts     *limitCounts
	policy          atomic.Pointer[policy.Policy] // nil: everything is allowed
	reconfiguring   sync.Mutex
	inForce         Live // guarded by reconfiguring
	revoked         *auth.Revocations
	count           counters
	made            made
	started         time.Time

	group     sync.WaitGroup // requests, and goroutines that serve clients
	asides    sync.Pool      // of *aside
	stop      chan struct{}  // ends wheel and writers, when there are no links any more
	life      context.Context
	die       context.CancelFunc // of life, with stop
	idle      chan struct{}      // closed when a draining server has no links any more
	core      sync.WaitGroup
	nextShard atomic.Uint32
	state     atomic.Int32

	nsMu       sync.RWMutex
	namespaces map[string]*Namespace
	families   []*Namespace // that OfFunc made
	dynamic    int          // namespaces of families

	queries  lane          // of other pods that take long to answer
	groupAck atomic.Uint32 // of the latest broadcast that is acknowledged

	engines map[string]EngineHandler // raw endpoints by path; nil: none

	onStart, onShutdown []func(context.Context) error

	contractErr error // guarded by nsMu; of a declaration, fails Start

	linksMu  sync.Mutex
	links    map[*link]struct{}
	sessions map[string]*link // those that began with polling, by Engine.IO sid
}

// States of a Server.
const (
	stateNew int32 = iota
	stateRunning
	stateDraining
	stateStopped
)

var (
	_ http.Handler = (*Server)(nil)
	_ cluster.Sink = (*Server)(nil)
)

// New makes a server. An error names the option that makes no sense.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.PodID == "" {
		host, _ := os.Hostname()
		o.PodID = host + "-" + newID()[:6]
	}
	s := &Server{
		opts: o, log: o.Logger, chaos: newChaos(o.Faults), deflater: newDeflater(o.Compression),
		wheel: newWheel(), started: time.Now(), stop: make(chan struct{}), idle: make(chan struct{}),
		namespaces: make(map[string]*Namespace),
		links:      make(map[*link]struct{}), sessions: make(map[string]*link),
	}
	s.life, s.die = context.WithCancel(context.Background())
	s.revoked = auth.NewRevocations(0)
	s.presence = s.newPresenceHub()
	s.limitCounts = newLimitCounts()
	s.apply(&o)
	for range runtime.GOMAXPROCS(0) {
		s.writers = append(s.writers, s.newWriter())
	}
	s.batches.New = func() any {
		return &batch{writers: s.writers, dirty: make([][]*link, len(s.writers))}
	}
	s.count.init()
	return s, nil
}

// Of returns the namespace of that name, which begins with "/" and is made at
// the first call.
func (s *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	s.nsMu.Lock()
	defer s.nsMu.Unlock()
	if n := s.namespaces[name]; n != nil {
		return n
	}
	n := s.newNamespace(name)
	s.subscribe(n)
	return n
}

// newNamespace makes a namespace, of which the other pods hear nothing before
// subscribe. The caller holds nsMu.
func (s *Server) newNamespace(name string) *Namespace {
	n := &Namespace{
		srv: s, name: name, handlers: make(map[string]handler),
		conns: make(map[string]*Conn), rooms: make(map[string]*room), all: &room{},
	}
	n.watcher, _ = s.opts.Backplane.(cluster.RoomWatcher)
	n.overflow = s.overflowRules(name)
	n.presence = s.newPresence(n)
	n.coalescer = coalescer{ns: n, windows: make(map[string]*window)}
	if n.seq = s.newSequence(n); n.seq != nil && s.state.Load() == stateRunning {
		n.seq.arm()
	}
	s.namespaces[name] = n
	return n
}

// subscribe has a namespace take part with the other pods. Start does it for those
// that are there before. The caller holds nsMu.
func (s *Server) subscribe(n *Namespace) {
	if n.subscribed || s.opts.Backplane == nil || s.state.Load() != stateRunning {
		return
	}
	n.subscribed = true
	if err := s.opts.Backplane.AddNamespace(n.name); err != nil {
		s.log.Error("subscribe namespace", "namespace", n.name, "error", err)
	}
}

func (s *Server) lookup(name string) *Namespace {
	s.nsMu.RLock()
	defer s.nsMu.RUnlock()
	return s.namespaces[name]
}

// EventsNamespace is the namespace of SSE streams: topic NAME is its room NAME.
const EventsNamespace = "/events"

// Topic starts a broadcast to the streams that subscribed to a topic.
func (s *Server) Topic(name string) *Emitter { return s.Of(EventsNamespace).To(name) }

// Publish broadcasts an event whose arguments are JSON already, separated by
// commas and without brackets, to rooms of a namespace or, without rooms, to all
// of it. The namespace need not exist on this pod.
func (s *Server) Publish(namespace string, rooms, except []string, event string, args []byte) error {
	n := s.lookup(namespace)
	if n == nil {
		return fmt.Errorf("publish %q: no namespace %q here", event, namespace)
	}
	s.count.published.Add(1)
	return n.To(rooms...).Except(except...).EmitRaw(event, args)
}

// Start starts the writers, the clock and the backplane. Requests are answered
// 503 before. ctx bounds the start only.
func (s *Server) Start(ctx context.Context) error {
	if s.state.Load() == stateNew {
		if err := s.startHooks(ctx); err != nil {
			return err
		}
	}
	if !s.state.CompareAndSwap(stateNew, stateRunning) {
		return errors.New("server start: it has been started before")
	}
	s.group.Add(1) // until Shutdown
	s.core.Go(func() { s.wheel.run(s.stop) })
	for _, w := range s.writers {
		s.core.Go(func() { w.run(s.stop) })
	}
	s.nsMu.RLock()
	for _, n := range s.namespaces {
		if n.seq != nil {
			n.seq.arm()
		}
	}
	s.nsMu.RUnlock()
	if s.presence != nil {
		s.core.Go(func() { s.presence.run(s.stop) })
	}
	if s.opts.Peers != nil {
		s.core.Go(s.opts.Peers.Run)
	}
	if s.opts.Backplane == nil {
		return nil
	}
	s.nsMu.RLock()
	names := slices.Sorted(maps.Keys(s.namespaces))
	s.nsMu.RUnlock()
	if s.opts.Auth != nil || s.presence != nil || s.sharesSessions() {
		names = append(names, controlNamespace)
	}
	for _, name := range names {
		if err := s.opts.Backplane.AddNamespace(name); err != nil {
			return fmt.Errorf("server start: namespace %q: %w", name, err)
		}
	}
	if err := s.opts.Backplane.Start(ctx, s); err != nil {
		return fmt.Errorf("server start: backplane: %w", err)
	}
	if s.opts.Auth != nil {
		s.core.Go(func() { s.keepRevocations(s.stop) })
	}
	return nil
}

// ServeHTTP serves the Socket.IO, WebSocket and SSE endpoints.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.bodyLimit(w, r)
	path := r.URL.Path
	switch {
	case s.opts.SocketIOPath != "-" && (path == s.opts.SocketIOPath || path+"/" == s.opts.SocketIOPath):
		s.serveEngine(w, r, nil)
	case s.opts.WSPath != "-" && path == s.opts.WSPath:
		s.servePlainWS(w, r)
	case s.opts.EventsPath != "-" && path == s.opts.EventsPath:
		s.serveSSE(w, r)
	case s.opts.PollPath != "-" && path == s.opts.PollPath:
		s.serveTopics(w, r)
	default:
		if h, ok := s.engineAt(r); ok {
			s.serveEngine(w, r, h)
			return
		}
		http.NotFound(w, r)
	}
}

// Ready reports whether the pod takes new clients, and if not, why.
func (s *Server) Ready() (ok bool, reason string) {
	switch s.state.Load() {
	case stateNew:
		return false, "not started"
	case stateDraining:
		return false, "draining"
	case stateStopped:
		return false, "stopped"
	}
	if s.opts.Backplane != nil {
		if st := s.opts.Backplane.Status(); st.Degraded {
			return false, "backplane: " + st.Reason
		}
	}
	return true, ""
}

// remember registers a link; it fails when the server takes no more.
func (s *Server) remember(l *link) bool {
	s.linksMu.Lock()
	if s.state.Load() != stateRunning {
		s.linksMu.Unlock()
		return false
	}
	s.links[l] = struct{}{}
	if l.engine != nil && l.engine.poll != nil {
		s.sessions[l.engine.sid] = l
	}
	s.linksMu.Unlock()
	s.count.opened.Add(1)
	s.count.clients[l.kind].Add(1)
	return true
}

// forget takes an ended link out of the books.
func (s *Server) forget(l *link) {
	l.mu.Lock()
	k, reason := l.kind, l.reason
	l.mu.Unlock()
	s.count.clients[k].Add(-1)
	s.count.closed.add(reason)
	s.linksMu.Lock()
	delete(s.links, l)
	if l.engine != nil {
		delete(s.sessions, l.engine.sid)
	}
	s.noteIdle()
	s.linksMu.Unlock()
}

// noteIdle closes idle for the last link. The caller holds linksMu.
func (s *Server) noteIdle() {
	if s.state.Load() == stateDraining && len(s.links) == 0 {
		close(s.idle)
	}
}

func (s *Server) session(sid string) *link {
	s.linksMu.Lock()
	defer s.linksMu.Unlock()
	return s.sessions[sid]
}
