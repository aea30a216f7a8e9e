package server

import (
	"cmp"
	"errors"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// clustered reports whether there are other pods to talk to.
func (s *Server) clustered() bool { return s.opts.Backplane != nil && !s.crossPodOff() }

func (s *Server) crossPodOff() bool { return s.opts.Faults != nil && s.opts.Faults.CrossPodOff }

// hold takes a count of s.group for a goroutine that Shutdown doesn't know of, so
// that it may start others. When it returns false the server doesn't run.
func (s *Server) hold() bool {
	s.linksMu.Lock()
	defer s.linksMu.Unlock()
	if state := s.state.Load(); state != stateRunning && state != stateDraining {
		return false
	}
	s.group.Add(1)
	return true
}

// Execute implements cluster.Sink. It runs on a goroutine of the backplane that
// must go on: memberships change at once, so that the next broadcast finds them
// so, and what the program wants to know of it is told elsewhere.
func (s *Server) Execute(c *cluster.Command) {
	if s.crossPodOff() {
		return
	}
	s.count.podExecuted.Add(1)
	s.execute(c)
}

func (s *Server) execute(c *cluster.Command) {
	if !s.hold() {
		return
	}
	defer s.group.Done()
	n := s.lookup(c.Namespace)
	if n == nil {
		return
	}
	switch c.Op {
	case cluster.OpJoin:
		n.tellLater(n.joinAll(c.Rooms, c.Except, c.Targets), n.onJoin)
	case cluster.OpLeave:
		n.tellLater(n.leaveAll(c.Rooms, c.Except, c.Targets), n.onLeave)
	case cluster.OpDisconnect:
		n.expelAll(c.Rooms, c.Except, c.Close)
	case cluster.OpServerSideEmit:
		n.serverSideEvent(c.Args, c.Attachments, nil)
	}
}

// moved is a connection that has joined or left rooms that somebody wants to
// know of.
type moved struct {
	conn  *Conn
	rooms []string
}

// joinAll has the connections that rooms and except choose join targets. It asks
// neither Options.Policy nor Options.Limits: those are for what clients want.
func (n *Namespace) joinAll(rooms, except, targets []string) (all []moved) {
	n.seq.listen(targets)
	full := 0
	for _, c := range n.pick(rooms, except) {
		joined, err := c.join(targets)
		c.save()
		if len(joined) > 0 {
			all = append(all, moved{c, joined})
		}
		if errors.Is(err, ErrTooManyRooms) {
			full++
		}
	}
	if full > 0 {
		n.srv.log.Warn("connections are in too many rooms to join more",
			"namespace", n.name, "connections", full, "limit", n.srv.opts.MaxRooms)
	}
	return all
}

func (n *Namespace) leaveAll(rooms, except, targets []string) (all []moved) {
	for _, c := range n.pick(rooms, except) {
		left := c.leave(targets)
		c.save()
		if len(left) > 0 {
			all = append(all, moved{c, left})
		}
	}
	return all
}

// tell calls the functions of OnJoin or OnLeave, and tells those who know each
// other.
func (n *Namespace) tell(all []moved, hooks []func(*Conn, string)) {
	for _, m := range all {
		m.conn.tellRooms(hooks, m.rooms)
		n.presence.tell(m.rooms)
	}
}

func (n *Namespace) tellLater(all []moved, hooks []func(*Conn, string)) {
	if len(all) > 0 {
		n.later.push(n.srv, func() { n.tell(all, hooks) })
	}
}

// expelAll disconnects connections. Their handlers are told by a goroutine that
// no bound can refuse: a connection has to be taken out of its namespace.
func (n *Namespace) expelAll(rooms, except []string, closeTransport bool) {
	var rest []*Conn
	for _, c := range n.pick(rooms, except) {
		if c.link.expel(c, closeTransport) {
			rest = append(rest, c)
		}
	}
	if len(rest) > 0 {
		n.srv.group.Go(func() {
			for _, c := range rest {
				c.ended(reasonServer)
			}
		})
	}
}

// Answer implements cluster.Sink, under the rules of Execute.
func (s *Server) Answer(q *cluster.Query, reply func(*cluster.Answer)) {
	if s.crossPodOff() || !s.hold() {
		return
	}
	defer s.group.Done()
	s.count.podAnswered.Add(1)
	n := s.lookup(q.Namespace)
	if n == nil { // nobody is there; who asked must not wait to be told
		if q.Op != cluster.OpServerSideEmit {
			reply(&cluster.Answer{})
		}
		return
	}
	switch q.Op {
	case cluster.OpServerSideEmit:
		n.serverSideEvent(q.Args, q.Attachments, reply)
	case cluster.OpFetchSockets:
		s.queries.push(s, func() { reply(&cluster.Answer{Sockets: n.sockets(q.Rooms, q.Except)}) })
	case cluster.OpAllRooms:
		s.queries.push(s, func() { reply(&cluster.Answer{Rooms: n.roomNames()}) })
	case cluster.OpBroadcastAck:
		n.answerBroadcast(q, reply)
	}
}

// answerBroadcast delivers a broadcast of another pod and passes on how its
// clients acknowledge it.
func (n *Namespace) answerBroadcast(q *cluster.Query, reply func(*cluster.Answer)) {
	s := n.srv
	s.count.broadcastsRemote.Add(1)
	if bytes := messageBytes(q.Args, q.Attachments); bytes > s.opts.QueueBytes {
		s.log.Error("dropped a broadcast of another pod: it is larger than the outbound queue",
			"namespace", n.name, "bytes", bytes, "limit", s.opts.QueueBytes)
		reply(&cluster.Answer{})
		return
	}
	g := &ackGroup{
		begin: func(clients int) { reply(&cluster.Answer{Clients: clients}) },
		each:  func(r Reply) { reply(&cluster.Answer{Args: r.Args, Attachments: r.Attachments}) },
		done:  func(error) {},
	}
	s.beginAck(g, cmp.Or(max(q.Timeout, 0), s.opts.AckTimeout))
	n.ask(&cluster.Broadcast{
		Namespace: n.name, Rooms: q.Rooms, Except: q.Except,
		Args: q.Args, Attachments: q.Attachments, NoCompress: q.NoCompress,
	}, g)
}

// serverSideEvent hands an event of another pod to its handler, if there is one.
// reply is nil when that pod waits for no answer.
func (n *Namespace) serverSideEvent(array []byte, attachments [][]byte, reply func(*cluster.Answer)) {
	name, args, err := socketio.SplitEvent(array)
	fn := n.serverSide[name]
	if err != nil || fn == nil {
		return
	}
	n.later.push(n.srv, func() {
		r := n.runServerSide(fn, &ServerSideEvent{Name: name, Args: args, Attachments: attachments, WantsAck: reply != nil})
		if reply != nil && !r.None {
			r = r.first()
			reply(&cluster.Answer{Args: r.Args, Attachments: r.Attachments})
		}
	})
}
