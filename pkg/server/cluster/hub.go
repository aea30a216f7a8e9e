package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
)

// Errors of backplanes.
var (
	// ErrStarted is returned for a second Start of a backplane.
	ErrStarted = errors.New("backplane is already started")
	// ErrNotStarted is returned for a question before Start.
	ErrNotStarted = errors.New("backplane is not started")
	// ErrClosed is returned for a use of a backplane after Close.
	ErrClosed = errors.New("backplane is closed")
)

// The bounds of what waits for one member of a hub; over them the oldest is
// dropped and counted.
const (
	hubMaxMessages = 1 << 16
	hubMaxBytes    = 64 << 20
)

// Hub joins servers of one process into a cluster without a network: for tests,
// and for programs that run several gateways. It is safe for concurrent use.
type Hub struct {
	mu      sync.RWMutex
	members []*member
}

// NewHub makes a hub without members.
func NewHub() *Hub { return &Hub{} }

// Backplane makes the backplane of one more server. It takes part from its Start
// to its Close.
func (h *Hub) Backplane() Backplane {
	return &member{
		hub:        h,
		namespaces: make(map[string]bool),
		queue:      queue.New[parcel](hubMaxMessages, hubMaxBytes),
		done:       make(chan struct{}),
	}
}

func (h *Hub) join(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = append(h.members, m)
}

func (h *Hub) leave(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = slices.DeleteFunc(h.members, func(o *member) bool { return o == m })
}

func (h *Hub) size() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.members)
}

// member is one server's side of a hub. A goroutine of its own delivers, so that
// no publisher holds its locks while another server takes its own.
type member struct {
	hub   *Hub
	queue *queue.Queue[parcel] // in the order in which others sent
	done  chan struct{}        // closed when the goroutine has ended
	stop  context.CancelFunc

	mu         sync.RWMutex
	sink       Sink
	namespaces map[string]bool
	closed     bool

	published, received, dropped atomic.Uint64
}

var _ Backplane = (*member)(nil)

func (m *member) Start(_ context.Context, sink Sink) error {
	ctx, stop := context.WithCancel(context.Background())
	m.mu.Lock()
	switch {
	case m.closed:
		m.mu.Unlock()
		stop()
		return ErrClosed
	case m.sink != nil:
		m.mu.Unlock()
		stop()
		return ErrStarted
	}
	m.sink, m.stop = sink, stop
	m.mu.Unlock()
	go m.run(ctx, sink)
	m.hub.join(m) // without m.mu: a publisher holds the hub's lock when it takes ours
	return nil
}

func (m *member) AddNamespace(namespace string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.namespaces[namespace] = true
	return nil
}

func (m *member) RemoveNamespace(namespace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.namespaces, namespace)
}

func (m *member) Publish(b *Broadcast) { m.send(b.Namespace, parcel{broadcast: b}, b.Size()) }

func (m *member) Send(c *Command) { m.send(c.Namespace, parcel{command: c}, c.Size()) }

// send puts p in the queues of the other members.
func (m *member) send(namespace string, p parcel, size int) {
	m.hub.mu.RLock()
	defer m.hub.mu.RUnlock()
	m.published.Add(1)
	for _, other := range m.hub.members {
		if other != m && other.takesPart(namespace) {
			other.offer(p, size)
		}
	}
}

func (m *member) takesPart(namespace string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return !m.closed && m.namespaces[namespace]
}

func (m *member) offer(p parcel, size int) {
	if n := m.queue.Push(p, size); n > 0 {
		m.dropped.Add(uint64(n))
	}
}

func (m *member) run(ctx context.Context, sink Sink) {
	defer close(m.done)
	var batch []parcel
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.queue.Ready():
		}
		batch = m.queue.Drain(batch[:0], 64, hubMaxBytes)
		for i, p := range batch {
			if p.deliver(sink) {
				m.received.Add(1)
			}
			batch[i] = parcel{}
		}
	}
}

func (m *member) Status() Status {
	m.mu.RLock()
	started := m.sink != nil && !m.closed
	m.mu.RUnlock()
	s := Status{
		Kind:      "memory",
		Connected: started,
		Degraded:  !started,
		Published: m.published.Load(),
		Received:  m.received.Load(),
		Heard:     m.received.Load(),
		Overrun:   m.dropped.Load(),
	}
	s.Servers = m.hub.size()
	if !started {
		s.Reason = "not running"
	}
	return s
}

func (m *member) Close(context.Context) error {
	m.mu.Lock()
	first := !m.closed
	m.closed = true
	running := m.sink != nil
	m.mu.Unlock()
	if !running {
		return nil
	}
	if first {
		m.hub.leave(m)
		m.stop()
	}
	<-m.done
	return nil
}
