package server

import (
	"cmp"
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

// HistoryOptions say which rooms keep their latest messages, so that event
// streams resume and GET /poll works. The zero value keeps nothing.
type HistoryOptions struct {
	// Rooms are patterns such as "ticker:*", in which * stands for any text, or
	// "/chat#room:*" for rooms of one namespace.
	Rooms []string
	// Limits bound what is kept in each namespace; zero fields have the defaults
	// of package history.
	Limits history.Limits
}

// DefaultRecoveryBytes bounds what recovery keeps in each namespace, and
// recoverySessions the number of sessions that wait for their client.
const (
	DefaultRecoveryBytes = 64 << 20
	recoverySessions     = 100_000
)

func (o *Options) checkHistory() error {
	for _, s := range o.History.Rooms {
		if _, err := parseRoomPattern(s); err != nil {
			return fmt.Errorf("server option History: %w", err)
		}
	}
	l := o.History.Limits
	for _, n := range []int{l.Count, l.Bytes, l.Total, l.Rooms} {
		if n < 0 {
			return fmt.Errorf("server option History: limit %d: must be positive", n)
		}
	}
	if l.Age < 0 {
		return fmt.Errorf("server option History: age %v: must be positive", l.Age)
	}
	if o.Recovery != 0 && o.Recovery < time.Second {
		return fmt.Errorf("server option Recovery %v: at least 1s, or 0 for none", o.Recovery)
	}
	if o.Recovery > 0 && o.Backplane != nil && !recoverable(o.Backplane.Status().Kind) {
		return fmt.Errorf("server option Recovery: the backplane %q gives a message no offset that other pods know: "+
			"a client that comes back to another pod could not be told what it missed; run one pod, or leave recovery off", o.Backplane.Status().Kind)
	}
	return nil
}

// recoverable reports whether a backplane of this kind may go with recovery:
// with the Redis pub/sub adapters, Socket.IO's clients get a junk argument or
// nothing in the place of the offset, depending on the pod.
func recoverable(kind string) bool { return kind == "memory" || kind == "redis-streams" }

// newSequence makes the sequence of a namespace, nil when it keeps nothing.
func (s *Server) newSequence(n *Namespace) *sequence {
	o := &s.opts
	q := &sequence{ns: n, waits: make(map[string][]chan struct{})}
	for _, text := range o.History.Rooms {
		if p, err := parseRoomPattern(text); err == nil && p.in(n.name) {
			q.keeps = append(q.keeps, p)
		}
	}
	limits := o.History.Limits
	if o.Recovery > 0 && n.name != EventsNamespace {
		q.recovery = newSessions(o.Recovery)
		q.keeps = []roomPattern{{room: "*"}}
		limits.Age = max(limits.Age, o.Recovery)
		if len(o.History.Rooms) == 0 {
			limits.Age = o.Recovery
		}
		if limits.Total == 0 {
			limits.Total = DefaultRecoveryBytes
		}
	}
	if len(q.keeps) == 0 {
		return nil
	}
	q.log = history.NewMemory[*message](limits)
	q.every = max(limits.Age/4, time.Second)
	q.timer.owner = q
	if j, ok := o.Backplane.(cluster.Journal); ok {
		q.shared = newShared(q, j)
		if q.recovery != nil {
			q.every = min(q.every, max(q.recovery.keep/2, time.Second))
		}
		j.Follow(n.name, cmp.Or(limits.Age, history.DefaultAge), q.shared)
	}
	q.listening = q.newListening(limits.Age)
	return q
}
