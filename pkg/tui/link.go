package tui

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// link is the handler of one connection of a Session.
type link struct {
	s      *Session
	kick   atomic.Bool
	closed chan rt.CloseInfo // capacity 1: OnClose comes once
}

var _ rt.Handler = (*link)(nil)

// OnMessage logs m. It runs on the connection's read goroutine and only
// copies and pushes.
func (l *link) OnMessage(m *rt.Message) {
	e := newEvent(m)
	switch m.Kind {
	case rt.KindAck:
		if at, ok := l.s.answered(m.AckID); ok {
			e.Latency = m.At.Sub(at)
		}
	case rt.KindDisconnect:
		l.kick.Store(true)
	case rt.KindRetry:
		if ms, err := strconv.ParseUint(string(m.Body), 10, 31); err == nil {
			l.s.mu.Lock()
			l.s.retry = time.Duration(ms) * time.Millisecond
			l.s.mu.Unlock()
		}
	}
	if m.ID != "" {
		l.s.mu.Lock()
		l.s.lastID = m.ID
		l.s.mu.Unlock()
	}
	l.s.source.Push(e)
}

// OnClose wakes the session.
func (l *link) OnClose(info rt.CloseInfo) { l.closed <- info }

// kicked reports whether the server took the client out of its namespace:
// socket.io-client does not come back after that either.
func (l *link) kicked() bool { return l.kick.Load() }
