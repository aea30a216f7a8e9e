package server

import (
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// firstGroupAck parts the acknowledgement ids of broadcasts from those of single
// connections: one id, and so one encoded frame, serves all clients of a
// broadcast. Ids stay below 2^31, as some clients read them into 32 bits.
const firstGroupAck = 1 << 30

// nextGroupAck is the id of a broadcast. They come again after 2^30.
func (s *Server) nextGroupAck() int64 {
	return firstGroupAck + int64(s.groupAck.Add(1)%firstGroupAck)
}

// ackGroup is a broadcast that waits for the acknowledgements of its clients on
// this pod. It ends when each has answered or gone, or when time is over.
type ackGroup struct {
	begin func(clients int) // before the message goes out
	each  func(Reply)       // with each acknowledgement's first argument; one at a time, must not block
	done  func(error)       // at the end, with why some are missing; none of each follows, must not block

	srv   *Server
	id    int64
	timer wheelEntry

	mu         sync.Mutex // taken before wheel.mu and what the functions take
	conns      []*Conn
	waiting    int // clients, and 1 for the sending
	unanswered int // clients, also those that have gone
	begun      bool
	over       bool
}

// beginAck gives g, which has its functions, an id and its time.
func (s *Server) beginAck(g *ackGroup, timeout time.Duration) {
	g.srv, g.id, g.waiting = s, s.nextGroupAck(), 1
	g.timer.owner = g
	s.wheel.arm(&g.timer, s.wheel.now()+timeout)
}

// ask delivers b like Namespace.deliver, behind what is to be delivered before it,
// and asks the Socket.IO clients among the recipients to acknowledge it.
//
// Such a message has no place in the history and nobody who comes back gets it:
// nobody would wait for the answer any more.
func (n *Namespace) ask(b *cluster.Broadcast, g *ackGroup) {
	n.srv.pace(messageBytes(b.Args, b.Attachments))
	n.seq.after(func() { n.askNow(b, g) })
}

func (n *Namespace) askNow(b *cluster.Broadcast, g *ackGroup) {
	s := n.srv
	all := n.pick(b.Rooms, b.Except)
	if !g.expect(len(all)) {
		return
	}
	asked := make([]*Conn, 0, len(all))
	rest := all[:0] // those that can't acknowledge
	for _, c := range all {
		if c.link.codec != codecSocketIO {
			rest = append(rest, c)
		} else if c.await(g) {
			asked = append(asked, c)
		}
	}
	if !g.start(asked, len(all)-len(asked)) {
		for _, c := range asked {
			c.takeGroup(g.id)
		}
		return
	}
	m := newMessage(b)
	f := fanout{ns: n, message: m, chaos: s.chaos, batch: s.batches.Get().(*batch)}
	for _, c := range rest {
		f.one(c)
	}
	m.forms[codecSocketIO] = messageFrame(len(b.Args)+len(n.name)+32, b.Attachments, func(dst []byte) []byte {
		return socketio.AppendEventArray(dst, n.name, g.id, b.Args, len(b.Attachments))
	})
	m.forms[codecSocketIO].verbatim = b.NoCompress
	for _, c := range asked {
		f.one(c)
	}
	f.batch.done()
	s.batches.Put(f.batch)
	s.count.messagesOut.Add(f.sent)
	g.miss()
}

// expect waits for so many clients at the most. It fails when the waiting is over.
func (g *ackGroup) expect(clients int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting += clients
	return !g.over
}

// start says whom the message is about to go to. It fails when the waiting is
// over.
func (g *ackGroup) start(asked []*Conn, not int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return false
	}
	g.waiting -= not
	g.begun, g.unanswered, g.conns = true, len(asked), asked
	g.begin(len(asked))
	return true
}

// await notes that c is to acknowledge g, unless it has ended.
func (c *Conn) await(g *ackGroup) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load() == connGone {
		return false
	}
	a := c.awaited()
	a.groups = append(a.groups, g)
	return true
}

// takeGroup returns the broadcast with the id that c has not acknowledged yet,
// and forgets it; nil when there is none.
func (c *Conn) takeGroup(id int64) *ackGroup {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.asked
	if a == nil {
		return nil
	}
	for i, g := range a.groups {
		if g.id == id {
			last := len(a.groups) - 1
			a.groups[i] = a.groups[last]
			a.groups[last] = nil
			a.groups = a.groups[:last]
			return g
		}
	}
	return nil
}

// answer takes a client's acknowledgement. args and attachments are the caller's
// again when it returns.
func (g *ackGroup) answer(args []byte, attachments [][]byte) {
	r := Reply{Args: args, Attachments: attachments}.first()
	r.Args = append([]byte(nil), r.Args...)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over && g.unanswered > 0 { // 0 before start: a client guessed the id
		g.unanswered--
		g.each(r)
	}
	g.settle(1, nil)
}

// miss notes that a client has ended without an answer, or that the sending has.
func (g *ackGroup) miss() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settle(1, nil)
}

// settle counts n that are no longer waited for, and ends the waiting for the
// last or for an error. The caller holds mu.
func (g *ackGroup) settle(n int, err error) {
	g.waiting -= n
	if g.over || g.waiting > 0 && err == nil {
		return
	}
	g.over, g.conns = true, nil
	g.srv.wheel.disarm(&g.timer)
	switch {
	case g.begun && g.unanswered == 0:
		err = nil
	case err == nil:
		err = ErrClosed
	}
	g.done(err)
}

// fire runs on the wheel's goroutine.
func (g *ackGroup) fire() {
	g.srv.group.Go(func() { g.expire(ErrAckTimeout) })
}

// expire ends the waiting with an error.
func (g *ackGroup) expire(err error) {
	g.mu.Lock()
	conns := g.conns
	g.mu.Unlock()
	missing := 0
	for _, c := range conns {
		if c.takeGroup(g.id) == g {
			missing++
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settle(missing, err)
}

// first is the acknowledgement's first argument alone, null when it has none.
// JavaScript's parser numbers attachments in the order of the arguments.
func (r Reply) first() Reply {
	first, rest, ok := rawjson.Next(r.Args)
	if !ok || len(first) == 0 {
		return Reply{Args: []byte("null")}
	}
	if len(rawjson.Trim(rest)) == 0 {
		return Reply{Args: first, Attachments: r.Attachments}
	}
	used := 0
	socketio.Placeholders(first, func(_, _, i int) bool {
		used = max(used, i+1)
		return true
	})
	return Reply{Args: first, Attachments: r.Attachments[:min(used, len(r.Attachments))]}
}
