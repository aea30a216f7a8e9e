package tui

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const (
	defaultConnectTimeout = 10 * time.Second
	sendTimeout           = 5 * time.Second
	maxPendingAcks        = 1024 // the oldest is forgotten when more are asked for
)

// SessionOptions configure a Session. Dialer and Request are required.
type SessionOptions struct {
	Dialer  rt.Dialer
	Request rt.DialRequest
	// ConnectTimeout bounds one connection attempt, 0 means 10 s.
	ConnectTimeout time.Duration
	// NoReconnect ends Run when the first connection ends or fails.
	NoReconnect bool
	// MustConnect ends Run when the first attempt fails. Without it the first
	// attempt is repeated like any other.
	MustConnect bool
	// Hold keeps Run going after a refusal or /close, until Open is called.
	// The screen sets it; a stream has nobody to call Open.
	Hold bool
	// Acks asks the server to acknowledge what is sent. A WebSocket server must
	// know rtk's ack extension of {event,data} frames for it; raw frames and
	// SSE have no acks.
	Acks bool
	// Buffer is the number of events to hold, 0 means DefaultBuffer.
	Buffer int
	// Random returns a number in [0,1) for the back-off's jitter; nil means
	// math/rand/v2.
	Random func() float64
}

// Session keeps one connection up and logs what happens on it. Its methods
// are safe for concurrent use; Run is called once.
type Session struct {
	o       SessionOptions
	source  *Source
	control chan Verb // capacity 1: the newest of /open and /close

	mu      sync.Mutex
	state   State
	conn    rt.Conn
	up      chan struct{} // closed while conn is open
	nextAck int64
	pending []pendingAck
	lastID  string        // SSE
	retry   time.Duration // SSE retry field, 0 when there was none
}

type pendingAck struct {
	id int64
	at time.Time
}

// NewSession checks o and returns a Session that has not connected yet.
func NewSession(o SessionOptions) (*Session, error) {
	if o.Dialer == nil || o.Request.Target.URL == nil {
		return nil, &rt.Error{Op: "watch", Kind: rt.KindUsage, Err: errors.New("a dialer and a target URL are required")}
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	s := &Session{o: o, source: NewSource(o.Buffer), control: make(chan Verb, 1), up: make(chan struct{})}
	s.lastID = o.Request.LastEventID
	now := time.Now()
	s.state = State{Phase: PhaseConnecting, Began: now, Since: now, Acks: o.Acks && s.canAck()}
	return s, nil
}

// Source is the log of s.
func (s *Session) Source() *Source { return s.source }

// Target is the endpoint that s connects to.
func (s *Session) Target() rt.Target { return s.o.Request.Target }

// Grammar is what the lines to send look like.
func (s *Session) Grammar() Grammar {
	switch t := s.Target(); {
	case t.Protocol == rt.SocketIO:
		return GrammarArgs
	case t.Framing == rt.FramingRaw:
		return GrammarRaw
	}
	return GrammarValue
}

// State returns a copy of the present state.
func (s *Session) State() State {
	s.mu.Lock()
	st, conn := s.state, s.conn
	st.Drops = slices.Clone(st.Drops)
	st.Breaks = slices.Clone(st.Breaks)
	s.mu.Unlock()
	if conn != nil {
		st.Info = conn.Info() // the transport may have been upgraded
	}
	return st
}

// Open asks for a connection now: it ends a wait, or a hold.
func (s *Session) Open() { s.ask(VerbOpen) }

// Shut closes the connection and keeps s from coming back until Open.
func (s *Session) Shut() { s.ask(VerbClose) }

func (s *Session) ask(v Verb) {
	for {
		select {
		case s.control <- v:
			return
		default:
		}
		select {
		case <-s.control:
		default:
		}
	}
}

// waitOpen returns when there is a connection, with ctx's error when that ends
// first.
func (s *Session) waitOpen(ctx context.Context) error {
	s.mu.Lock()
	up := s.up
	s.mu.Unlock()
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run connects and stays connected until ctx ends, and closes the connection
// before it returns. It returns nil when ctx or the user ended it or the
// server closed normally, otherwise why there is no connection: an *rt.Error.
func (s *Session) Run(ctx context.Context) error {
	for connected := false; ; {
		if ctx.Err() != nil {
			s.setPhase(PhaseClosed, nil)
			return nil
		}
		s.setPhase(PhaseConnecting, nil)
		end := s.connect(ctx, connected)
		connected = connected || end.connected
		if ctx.Err() != nil {
			s.setPhase(PhaseClosed, nil)
			return nil
		}
		switch {
		case end.shut || end.refused:
			phase := PhaseClosed
			if end.refused {
				phase = PhaseRefused
			}
			s.setPhase(phase, end.err)
			if !s.o.Hold {
				return end.err
			}
			if !s.await(ctx, 0) {
				s.setPhase(PhaseClosed, nil)
				return nil
			}
		case s.o.NoReconnect || s.o.MustConnect && !connected:
			s.setPhase(PhaseClosed, end.err)
			if !s.o.Hold {
				return end.err
			}
			if !s.await(ctx, 0) {
				return nil
			}
		default:
			if !s.pause(ctx, end.err) {
				s.setPhase(PhaseClosed, nil)
				return nil
			}
		}
	}
}

// connect dials once and stays until the connection has ended.
func (s *Session) connect(ctx context.Context, again bool) ending {
	select {
	case v := <-s.control:
		if v == VerbClose {
			return ending{shut: true}
		}
	default:
	}
	r := s.o.Request
	s.mu.Lock()
	r.LastEventID = s.lastID
	s.mu.Unlock()

	l := &link{s: s, closed: make(chan rt.CloseInfo, 1)}
	dialCtx, cancel := context.WithTimeout(ctx, s.o.ConnectTimeout)
	conn, err := s.o.Dialer.Dial(dialCtx, &r, l)
	cancel()
	if err != nil {
		if conn != nil {
			conn.Close() // refused inside an open transport
		}
		if ctx.Err() != nil {
			return ending{err: err}
		}
		refused := isRefusal(err)
		name := "failed"
		if refused {
			name = "refused"
		}
		e := s.local(name, causeText(err), true)
		e.Last = !s.o.Hold && (refused || s.o.NoReconnect || s.o.MustConnect && !again)
		s.source.Push(e)
		s.mu.Lock()
		s.state.Attempt++
		s.state.breakAt(time.Now())
		s.mu.Unlock()
		return ending{refused: refused, err: err}
	}
	s.opened(conn, again)
	end := s.stay(ctx, conn, l)
	end.connected = true
	return end
}

func (s *Session) opened(conn rt.Conn, again bool) {
	now := time.Now()
	info := conn.Info()
	s.mu.Lock()
	s.conn = conn
	close(s.up)
	s.nextAck = 0
	s.pending = s.pending[:0]
	s.state.Phase, s.state.Since, s.state.Err = PhaseOpen, now, nil
	s.state.Attempt = 0
	s.state.Info = info
	s.state.mendedAt(now)
	if again {
		s.state.Reconnects++
	}
	s.mu.Unlock()
	name := "connected"
	if again {
		name = "reconnected"
	}
	text := string(info.Transport) + " in " + duration(info.Phases.Total)
	if info.SID != "" {
		text += ", sid " + info.SID
	}
	s.note(name, text, false)
}

// stay waits for the end of an open connection.
func (s *Session) stay(ctx context.Context, conn rt.Conn, l *link) ending {
	for {
		select {
		case <-ctx.Done():
			conn.Close()
			s.lost()
			return ending{}
		case v := <-s.control:
			if v != VerbClose {
				continue // already open
			}
			conn.Close()
			s.lost()
			s.note("closed", "by you, /open connects again", false)
			return ending{shut: true}
		case info := <-l.closed:
			unanswered := s.lost()
			conn.Close() // releases what is left of it; the peer is gone
			return s.judge(info, l, unanswered)
		}
	}
}

// lost forgets the connection and returns how many acks were still awaited.
func (s *Session) lost() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = nil
	s.up = make(chan struct{})
	n := len(s.pending)
	s.pending = s.pending[:0]
	s.state.breakAt(time.Now())
	return n
}

// pause waits before the next attempt. It reports false when ctx ended.
func (s *Session) pause(ctx context.Context, cause error) bool {
	s.mu.Lock()
	n := max(s.state.Attempt, 1)
	wait := backoff(n, s.retry, s.o.Random())
	s.state.Phase, s.state.Since, s.state.Err = PhaseWaiting, time.Now(), cause
	s.state.RetryAt = s.state.Since.Add(wait)
	s.mu.Unlock()
	s.note("retry "+strconv.Itoa(n), "in "+duration(wait), false)
	return s.await(ctx, wait)
}

// await returns true after d (0: never) or when Open was called, false when
// ctx ended. /close during a wait stops the clock.
func (s *Session) await(ctx context.Context, d time.Duration) bool {
	var timeout <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timeout:
			return true
		case v := <-s.control:
			if v == VerbOpen {
				return true
			}
			timeout = nil
			s.setPhase(PhaseClosed, nil)
			if !s.o.Hold {
				return false
			}
		}
	}
}

func (s *Session) setPhase(p Phase, err error) {
	s.mu.Lock()
	s.state.Phase, s.state.Since, s.state.Err = p, time.Now(), err
	s.mu.Unlock()
}

// note logs a local event.
func (s *Session) note(name, text string, fault bool) { s.source.Push(s.local(name, text, fault)) }

func (s *Session) local(name, text string, fault bool) *Event {
	return &Event{
		At: time.Now(), Dir: rt.Local, Kind: rt.KindEvent,
		Namespace: s.Target().Namespace, Name: name, Note: text, AckID: rt.NoAck, Fault: fault,
	}
}
