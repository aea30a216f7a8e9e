package server

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// Times of presence.
const (
	presenceTick = 250 * time.Millisecond // how late an end may be noticed
	presenceBeat = 2 * time.Second        // between the heartbeats of a pod
	// presenceSilence is after how long without a heartbeat a pod is taken for
	// dead. Messages that take longer than the rest of it would have it flap.
	presenceSilence = 7 * time.Second
	// presenceSlack is what others wait beyond the grace of an absent member, as
	// its own pod tells of the end.
	presenceSlack = 2 * time.Second
)

// Bounds of the messages of other pods that wait. What doesn't fit is asked for
// again.
const (
	presenceInbox = 4096
	// presenceInboxBytes has room for the parts that hundreds of pods send at once:
	// one of perPart members takes about 100 kB.
	presenceInboxBytes = 64 << 20
)

// presenceHub is the part of presence that all namespaces share: the clock, and
// the talk with the other pods. nil when no room has presence.
type presenceHub struct {
	srv    *Server
	pod    string // this run of this pod
	events atomic.Uint64
	askDue atomic.Bool // a namespace has come whose members elsewhere are not known

	mu  sync.Mutex // held while changes go to the backplane, which puts them in order
	out []podChange
	seq uint64 // of the latest that went

	inbox      chan json.RawMessage
	inboxBytes atomic.Int64
	overrun    atomic.Uint64 // messages that did not fit in the inbox
	lost       atomic.Bool   // there was one

	views podViews // of the goroutine that runs
}

func (s *Server) newPresenceHub() *presenceHub {
	if len(s.opts.Presence) == 0 {
		return nil
	}
	h := &presenceHub{srv: s, pod: newID(), inbox: make(chan json.RawMessage, presenceInbox)}
	h.views = podViews{hub: h, pods: make(map[string]*podView)}
	return h
}

// named is called for each namespace with presence.
func (h *presenceHub) named() { h.askDue.Store(true) }

// scope says whose members are counted.
func (h *presenceHub) scope() string {
	if h.srv.clustered() {
		return "cluster"
	}
	return "pod"
}

// receive takes a message of another pod. It doesn't block.
func (h *presenceHub) receive(m json.RawMessage) {
	size := int64(len(m))
	if h.inboxBytes.Add(size) <= presenceInboxBytes {
		select {
		case h.inbox <- m:
			return
		default:
		}
	}
	h.inboxBytes.Add(-size)
	h.overrun.Add(1)
	h.lost.Store(true)
}

// run keeps the time, and up with the other pods.
func (h *presenceHub) run(stop <-chan struct{}) {
	tick := time.NewTicker(presenceTick)
	defer tick.Stop()
	for {
		select {
		case m := <-h.inbox:
			h.inboxBytes.Add(-int64(len(m)))
			h.views.handle(m)
		case now := <-tick.C:
			h.expire(now)
			if h.srv.clustered() {
				h.views.tick(now)
			}
		case <-stop:
			return
		}
	}
}

// presences are those of all namespaces that have it.
func (h *presenceHub) presences() (all []*presence) {
	h.srv.nsMu.RLock()
	defer h.srv.nsMu.RUnlock()
	for _, n := range h.srv.namespaces {
		if n.presence != nil {
			all = append(all, n.presence)
		}
	}
	return all
}

// of returns the presence of a namespace, nil when it has none here.
func (h *presenceHub) of(namespace string) *presence {
	if n := h.srv.lookup(namespace); n != nil {
		return n.presence
	}
	return nil
}

// expire ends the memberships of those that have not come back.
func (h *presenceHub) expire(now time.Time) {
	for _, p := range h.presences() {
		p.tell(p.expired(now))
	}
}

// expired takes out those that have not come back and returns their rooms.
func (p *presence) expired(now time.Time) (rooms []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.away {
		before := len(r.absent)
		for i := 0; i < len(r.absent); {
			key := r.absent[i]
			if r.members[key].until.After(now) {
				i++
				continue
			}
			op := opLeave
			if key.pod != "" {
				op = 0
			}
			p.remove(r, key, op) // takes it out of absent
		}
		if len(r.absent) < before {
			rooms = append(rooms, r.room)
		}
		if len(r.absent) == 0 {
			delete(p.away, r)
		}
	}
	return rooms
}

// grace is how long a connection that ended for reason may stay away: as long as
// it can be told that it is the same that comes back.
func (c *Conn) grace(reason string, session *savedSession) time.Duration {
	o := &c.ns.srv.opts
	if c.ns.presence == nil || o.PresenceGrace <= 0 || !recoverableReason(reason) || reason == reasonSlow {
		return 0
	}
	if id := c.Identity(); id != nil && id.Subject != "" || session != nil && session.pid != "" {
		return o.PresenceGrace
	}
	return 0
}

// stats returns the figures, nil without presence.
func (h *presenceHub) stats() *stats.Presence {
	if h == nil {
		return nil
	}
	s := &stats.Presence{Events: h.events.Load(), Pods: int(h.views.alive.Load()), Dropped: h.views.dropped.Load()}
	for _, p := range h.presences() {
		p.mu.Lock()
		for _, r := range p.rooms {
			if len(r.members) == 0 {
				continue // all of it has not been told yet
			}
			s.Rooms++
			s.Members += len(r.members)
			s.Absent += len(r.absent)
			for _, n := range r.pods {
				s.Remote += n
			}
		}
		p.mu.Unlock()
	}
	return s
}
