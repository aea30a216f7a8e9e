package server

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// Stats returns the pod's statistics. It walks over all connections, so it is
// for scrapes, not for hot paths.
func (s *Server) Stats() stats.Pod {
	c := &s.count
	now := time.Now()
	p := stats.Pod{
		ID: s.opts.PodID, Version: s.opts.Version,
		Time: now, Started: s.started, UptimeSeconds: now.Sub(s.started).Seconds(),
		Draining: s.state.Load() == stateDraining,
		Clients: stats.Clients{
			WebSocket:      int(c.clients[kindWebSocket].Load()),
			Polling:        int(c.clients[kindPolling].Load()),
			PlainWebSocket: int(c.clients[kindPlainWS].Load()),
			SSEHTTP1:       int(c.clients[kindSSE1].Load()),
			SSEHTTP2:       int(c.clients[kindSSE2].Load()),
		},
		Traffic: stats.Traffic{
			MessagesIn: c.messagesIn.Load(), MessagesOut: c.messagesOut.Load(),
			BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
			Broadcasts: c.broadcasts.Load(), BroadcastsRemote: c.broadcastsRemote.Load(),
			Published: c.published.Load(),
		},
		Connections: stats.Connections{
			Opened: c.opened.Load(), Upgrades: c.upgrades.Load(), SSEHTTP1Browsers: c.sseHTTP1Browsers.Load(),
		},
		Refusals: stats.Refusals{
			Throttled: c.throttled.Load(), StrikesClosed: c.strikes.Load(), ProtocolErrors: c.protocol.Load(),
			InvalidPayloads: c.payloadsInvalid.Load(),
		},
		Queues: stats.Queues{
			SlowConsumers: c.slowConsumers.Load(), VolatileDropped: c.volatileDropped.Load(),
			OverflowDropped: c.overflowDropped.Load(), Superseded: c.superseded.Load(), Coalesced: c.coalesced.Load(),
		},
		Faults: s.opts.Faults.Names(),
	}
	p.Presence = s.presence.stats()
	if s.opts.Peers != nil {
		p.Connections.Forwarded, p.Connections.ForwardFailed = s.opts.Peers.Stats()
	}
	p.Ready, p.Reason = s.Ready()
	p.Clients.SSE = p.Clients.SSEHTTP1 + p.Clients.SSEHTTP2
	p.Clients.Total = p.Clients.WebSocket + p.Clients.Polling + p.Clients.PlainWebSocket + p.Clients.SSE
	p.Connections.ClosedByReason, p.Connections.Closed = c.closed.snapshot()
	p.Connections.HandshakeErrors, _ = c.handshake.snapshot()
	p.Refusals.AuthByCode, p.Refusals.Auth = c.auth.snapshot()
	p.Latency = stats.Latency{Handler: c.handling.Snapshot(), Write: c.writing.Snapshot()}
	s.countLimits(&p.Refusals)
	p.Process = stats.ReadProcess()
	s.countQueues(&p.Queues)
	s.countHistory(&p)
	s.countRooms(&p)
	if s.opts.Backplane != nil {
		b := s.opts.Backplane.Status()
		p.Backplane = &stats.Backplane{
			Kind: b.Kind, Connected: b.Connected, Degraded: b.Degraded, Reason: b.Reason,
			Published: b.Published, Received: b.Received, Heard: b.Heard, Dropped: b.Dropped, Overrun: b.Overrun,
			Ignored: b.Ignored, Reconnects: b.Reconnects, Queued: b.Queued, RTTMicros: b.RTTMicros,
			Foreign: b.Foreign, QueuedBytes: b.QueuedBytes, QueuedSeconds: b.QueuedFor.Seconds(),
			Servers: b.Servers, Subscriptions: b.Subscriptions,
			Asked: c.podAsked.Load(), Partial: c.podPartial.Load(), Answered: c.podAnswered.Load(),
			Executed: c.podExecuted.Load(), HandlersDropped: c.podDropped.Load(),
		}
		if h := s.presence; h != nil {
			p.Backplane.Ignored += h.views.ignored.Load()
			p.Backplane.Overrun += h.overrun.Load()
		}
	}
	return p
}

func (s *Server) countQueues(q *stats.Queues) {
	for _, l := range s.allLinks() {
		l.mu.Lock()
		q.Messages += int64(l.messages)
		q.Bytes += int64(l.bytes)
		q.DeepestMessages = max(q.DeepestMessages, int64(l.messages))
		q.DeepestBytes = max(q.DeepestBytes, int64(l.bytes))
		l.mu.Unlock()
	}
}

func (s *Server) countRooms(p *stats.Pod) {
	s.nsMu.RLock()
	defer s.nsMu.RUnlock()
	p.Namespaces = len(s.namespaces)
	for _, n := range s.namespaces {
		n.mu.RLock()
		p.Rooms += len(n.rooms)
		n.mu.RUnlock()
	}
}

func (s *Server) allLinks() []*link {
	s.linksMu.Lock()
	defer s.linksMu.Unlock()
	links := make([]*link, 0, len(s.links))
	for l := range s.links {
		links = append(links, l)
	}
	return links
}
