package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// each is the namespace, or the members of the family on this pod.
func (n *Namespace) each() []*Namespace {
	if n.match != nil {
		return n.members()
	}
	return []*Namespace{n}
}

// SocketsJoin has the connections that the emitter chooses join rooms, on all
// pods: here before it returns, unless what was sent before still waits for its
// place in a journal of all pods; elsewhere without waiting. Options.Policy and
// Options.Limits are not asked, as this is no client's wish; a connection that is
// in Options.MaxRooms rooms joins no more.
func (e *Emitter) SocketsJoin(rooms ...string) {
	rooms = slices.Clone(rooms)
	e.command(cluster.OpJoin, rooms, false, func(n *Namespace) {
		n.tell(n.joinAll(e.rooms, e.except, rooms), n.onJoin)
	})
}

// SocketsLeave takes the connections that the emitter chooses out of rooms, as
// SocketsJoin has them join.
func (e *Emitter) SocketsLeave(rooms ...string) {
	rooms = slices.Clone(rooms)
	e.command(cluster.OpLeave, rooms, false, func(n *Namespace) {
		n.tell(n.leaveAll(e.rooms, e.except, rooms), n.onLeave)
	})
}

// DisconnectSockets ends the connections that the emitter chooses, on all pods,
// as Conn.Disconnect does.
func (e *Emitter) DisconnectSockets(closeTransport bool) {
	e.command(cluster.OpDisconnect, nil, closeTransport, func(n *Namespace) {
		for _, c := range n.pick(e.rooms, e.except) {
			c.Disconnect(closeTransport)
		}
	})
}

// command does here what it then tells the other pods to do.
func (e *Emitter) command(op cluster.Op, targets []string, closeTransport bool, here func(*Namespace)) {
	for _, n := range e.ns.each() {
		c := &cluster.Command{
			Op: op, Namespace: n.name, Rooms: e.rooms, Except: e.except, Targets: targets, Close: closeTransport,
		}
		if n.seq.pending() { // behind what was sent before
			n.seq.after(func() { n.srv.execute(c) })
		} else {
			here(n)
		}
		if e.crossesPods() {
			n.srv.opts.Backplane.Send(c)
		}
	}
}

// askPods asks the other pods, if they are meant.
func (e *Emitter) askPods(ctx context.Context, q *cluster.Query, each func(*cluster.Answer)) error {
	if !e.crossesPods() {
		return nil
	}
	s := e.ns.srv
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	stop := context.AfterFunc(s.life, cancel)
	defer stop()
	return s.askPods(ctx, q, each)
}

func (s *Server) askPods(ctx context.Context, q *cluster.Query, each func(*cluster.Answer)) error {
	s.count.podAsked.Add(1)
	err := s.opts.Backplane.Ask(ctx, q, each)
	if errors.Is(err, cluster.ErrPartial) {
		s.count.podPartial.Add(1)
	}
	return err
}

// bounded gives ctx the deadline of a query, if it has no earlier one.
func (e *Emitter) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has && e.timeout == 0 {
		return context.WithCancel(ctx)
	}
	d := e.timeout
	if d == 0 {
		d = e.ns.srv.opts.RequestTimeout
	}
	return context.WithTimeout(ctx, d)
}

// AllRooms returns the names of all rooms of the namespace on all pods, those
// that are connection ids among them, in no order. ctx and the error are as for
// FetchSockets.
func (n *Namespace) AllRooms(ctx context.Context) ([]string, error) { return n.emitter().AllRooms(ctx) }

// AllRooms is Namespace.AllRooms; of the emitter's choices only Local and Timeout
// matter.
func (e *Emitter) AllRooms(ctx context.Context) ([]string, error) {
	if e.ns.match != nil {
		return nil, ErrFamily
	}
	rooms := e.ns.roomNames()
	seen := make(map[string]struct{}, len(rooms))
	for _, r := range rooms {
		seen[r] = struct{}{}
	}
	err := e.askPods(ctx, &cluster.Query{Op: cluster.OpAllRooms, Namespace: e.ns.name}, func(a *cluster.Answer) {
		for _, r := range a.Rooms {
			if _, has := seen[r]; !has {
				seen[r] = struct{}{}
				rooms = append(rooms, r)
			}
		}
	})
	if err != nil {
		return rooms, fmt.Errorf("rooms of %q: %w", e.ns.name, err)
	}
	return rooms, nil
}

// roomNames are the rooms of this pod, with the ids of connections.
func (n *Namespace) roomNames() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	names := make([]string, 0, len(n.rooms)+len(n.conns))
	for name := range n.rooms {
		names = append(names, name)
	}
	for id := range n.conns {
		if n.rooms[id] == nil {
			names = append(names, id)
		}
	}
	return names
}

// Servers counts the pods of the namespace, this one among them: servers of other
// make count if they share the backplane.
func (n *Namespace) Servers(ctx context.Context) (int, error) {
	if n.match != nil {
		return 0, ErrFamily
	}
	if !n.srv.clustered() {
		return 1, nil
	}
	ctx, cancel := n.emitter().bounded(ctx)
	defer cancel()
	return n.srv.opts.Backplane.Servers(ctx, n.name)
}
