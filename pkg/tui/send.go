package tui

import (
	"context"
	"errors"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Do carries out one command. A send waits at most 5 s for the kernel to take
// the message; when it fails the log says so.
func (s *Session) Do(ctx context.Context, c Command) error {
	switch c.Verb {
	case VerbClose:
		s.Shut()
	case VerbOpen:
		s.Open()
	case VerbAck:
		if c.Ack && !s.canAck() {
			return errors.New("raw frames and SSE have no acks")
		}
		s.mu.Lock()
		s.state.Acks = c.Ack
		s.mu.Unlock()
	case VerbSend:
		return s.send(ctx, c)
	}
	return nil
}

func (s *Session) canAck() bool {
	return s.Target().Protocol != rt.SSE && s.Grammar() != GrammarRaw
}

func (s *Session) send(ctx context.Context, c Command) error {
	out := &rt.Outgoing{Event: c.Event, Body: c.Body, AckID: rt.NoAck}
	now := time.Now()
	s.mu.Lock()
	conn, transport := s.conn, s.state.Info.Transport
	if conn != nil && s.state.Acks {
		out.AckID = s.nextAck
		s.nextAck++
		if len(s.pending) == maxPendingAcks {
			s.pending = append(s.pending[:0], s.pending[1:]...)
		}
		s.pending = append(s.pending, pendingAck{out.AckID, now})
	}
	s.mu.Unlock()
	if conn == nil {
		return errors.New("not connected")
	}
	e := &Event{
		At: now, Dir: rt.Out, Kind: rt.KindEvent, Transport: transport,
		Namespace: s.Target().Namespace, Name: c.Event,
		Body: c.Body, Multi: s.Target().Protocol == rt.SocketIO, AckID: out.AckID, Size: len(c.Body),
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	s.source.Push(e) // before the send, for the answer must not stand above the question
	if err := conn.Send(ctx, out); err != nil {
		s.answered(out.AckID)
		s.source.retract(e)
		s.note("send failed", causeText(err), true)
		return err
	}
	return nil
}

// answered takes id off the list of awaited acks and returns when it was sent.
func (s *Session) answered(id int64) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range s.pending {
		if p.id == id {
			s.pending = append(s.pending[:i], s.pending[i+1:]...)
			return p.at, true
		}
	}
	return time.Time{}, false
}
