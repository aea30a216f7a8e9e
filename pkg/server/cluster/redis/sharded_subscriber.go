package redis

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

const (
	// The map of a Cluster is asked for anew when a server says that it has
	// changed, but not more often than lookGap; when a server can't be reached,
	// every lookDown; and else every lookIdle.
	lookGap  = 50 * time.Millisecond
	lookDown = 250 * time.Millisecond
	lookIdle = time.Second
)

// shardSubscriber keeps subscriptions to sharded channels, each at the server
// that has its slot: a connection to every server that has one of them. What is
// no Cluster is one server with all slots.
type shardSubscriber struct {
	connector *connector
	ioTimeout time.Duration
	onMessage func(rueidis.PubSubMessage) // on a reader's goroutine: must be quick
	onReady   func()                      // after each time that all subscriptions are in force
	onFail    func(error)                 // after each try that failed
	onLost    func()                      // when subscriptions that were in force are not any more
	log       *slog.Logger
	look      chan struct{} // asks for the map anew
	known     chan struct{} // closed when there is a first map

	slots atomic.Pointer[redisconn.Map] // nil while not known

	mu     sync.Mutex
	wanted map[string]int // channels, and how often each was added
	nodes  map[string]*shardNode
	left   []*shardNode // no longer used, and perhaps not at their end yet

	up         atomic.Bool
	problem    atomic.Pointer[string]
	reconnects atomic.Uint64
	subscribed atomic.Int64 // channels in force
}

// add makes subscriptions to channels due.
func (s *shardSubscriber) add(channels ...string) {
	s.mu.Lock()
	for _, c := range channels {
		s.wanted[c]++
	}
	s.touch(channels)
	s.mu.Unlock()
}

// remove takes back what add did once.
func (s *shardSubscriber) remove(channels ...string) {
	s.mu.Lock()
	for _, c := range channels {
		if s.wanted[c]--; s.wanted[c] <= 0 {
			delete(s.wanted, c)
		}
	}
	s.touch(channels)
	s.mu.Unlock()
}

// touch has the servers of channels look at them. s.mu is held.
func (s *shardSubscriber) touch(channels []string) {
	m := s.slots.Load()
	if m == nil {
		return // run will look at all of them
	}
	for _, c := range channels {
		if n := s.nodes[m.Node(redisconn.Slot(c))]; n != nil {
			n.touch(c)
		} else {
			s.again()
		}
	}
}

// again asks run for the map anew. It never blocks.
func (s *shardSubscriber) again() {
	select {
	case s.look <- struct{}{}:
	default:
	}
}

// isWanted reports whether the server at addr is to have a channel.
func (s *shardSubscriber) isWanted(channel, addr string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted[channel] > 0 && s.slots.Load().Node(redisconn.Slot(channel)) == addr
}

// run keeps the subscriptions until ctx ends.
func (s *shardSubscriber) run(ctx context.Context) {
	var b backoff
	defer s.stop()
	for {
		m, err := s.connector.dialer.Map(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.failed("cluster map: ", err)
			if !b.wait(ctx) {
				return
			}
			continue
		}
		b.reset()
		s.follow(ctx, m)
		if !s.pause(ctx) {
			return
		}
	}
}

// pause waits until the map is worth asking for again.
func (s *shardSubscriber) pause(ctx context.Context) bool {
	every := lookIdle
	if !s.up.Load() {
		every = lookDown
	}
	timer := time.NewTimer(every/2 + rand.N(every/2))
	defer timer.Stop()
	gap := time.NewTimer(lookGap)
	defer gap.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-gap.C:
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.look:
		case <-timer.C:
			if s.slots.Load().Single() && s.up.Load() {
				continue // it can't change
			}
		}
		return true
	}
}

// follow puts a map into force: channels of a slot that has moved are due at
// both ends, servers without channels are left.
func (s *shardSubscriber) follow(ctx context.Context, m *redisconn.Map) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.slots.Swap(m)
	if old == nil {
		close(s.known)
	}
	used := make(map[string]bool)
	for c := range s.wanted {
		slot := redisconn.Slot(c)
		addr := m.Node(slot)
		if addr == "" {
			continue // nobody has it now; the next map may know
		}
		used[addr] = true
		n := s.nodes[addr]
		if n == nil {
			n = newShardNode(ctx, s, addr)
			s.nodes[addr] = n
		}
		if old == nil || old.Node(slot) != addr {
			n.touch(c)
			if old != nil {
				if left := s.nodes[old.Node(slot)]; left != nil {
					left.touch(c)
				}
			}
		} else if !n.has(c) {
			n.touch(c)
		}
	}
	for addr, n := range s.nodes {
		if !used[addr] {
			delete(s.nodes, addr)
			n.cancel()
			s.left = append(slices.DeleteFunc(s.left, (*shardNode).ended), n)
		}
	}
	s.settle()
}

// settle tells whether all subscriptions are in force. s.mu is held.
func (s *shardSubscriber) settle() {
	total := 0
	up := len(s.nodes) > 0
	for _, n := range s.nodes {
		have, settled := n.state()
		total += have
		up = up && settled
	}
	s.subscribed.Store(int64(total))
	if was := s.up.Swap(up); up && !was {
		s.problem.Store(nil)
		s.onReady()
	}
}

// settled is called by a server's goroutine that has done what was due.
func (s *shardSubscriber) settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
}

// lost is called by a server's goroutine whose connection has ended.
func (s *shardSubscriber) lost(err error, was bool) {
	if was {
		s.reconnects.Add(1)
	}
	if s.up.Swap(false) {
		s.onLost()
		text := "subscribe: " + reason(err)
		s.problem.Store(&text)
		s.log.Warn("redis subscription lost", "error", text)
	} else {
		s.failed("subscribe: ", err)
	}
	s.again()
}

func (s *shardSubscriber) failed(what string, err error) {
	text := what + reason(err)
	s.problem.Store(&text)
	s.onFail(err)
}

// stop ends the servers' goroutines.
func (s *shardSubscriber) stop() {
	s.mu.Lock()
	nodes := append(slices.Collect(maps.Values(s.nodes)), s.left...)
	s.nodes, s.left = nil, nil
	s.mu.Unlock()
	for _, n := range nodes {
		n.cancel()
		<-n.done
	}
	s.up.Store(false)
}
