package tui

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Phase is where a Session stands.
type Phase uint8

// Phases of a Session.
const (
	PhaseConnecting Phase = iota
	PhaseOpen
	PhaseWaiting // for the next attempt
	PhaseRefused // the server said no; it is not asked again
	PhaseClosed  // ended, by the user or for good
)

var phaseNames = [...]string{"connecting", "open", "waiting", "refused", "closed"}

func (p Phase) String() string { return phaseNames[p] }

// State describes a Session at one moment.
type State struct {
	Phase      Phase
	Began      time.Time // of the session
	Since      time.Time // of the phase
	Attempt    int       // failed attempts since the last open connection
	RetryAt    time.Time // PhaseWaiting: when the next attempt begins
	Reconnects uint64    // connections after the first
	Info       rt.ConnInfo
	Err        error // why it is not open
	Drops      []Drop
	Breaks     []Break // the newest last, at most maxBreaks
	Acks       bool    // outgoing messages ask for an ack
}

// Drop counts the lost connections of one cause.
type Drop struct {
	Cause string
	Count int
}

// Break is a time without a connection. A zero To means that it goes on.
type Break struct{ From, To time.Time }

const (
	maxBreaks = 64
	maxCauses = 16 // distinct texts in State.Drops; what comes later is "other"
)

// dropped counts cause.
func (s *State) dropped(cause string) {
	for i := range s.Drops {
		if s.Drops[i].Cause == cause {
			s.Drops[i].Count++
			return
		}
	}
	if len(s.Drops) == maxCauses {
		s.Drops[maxCauses-1].Cause = "other"
		s.Drops[maxCauses-1].Count++
		return
	}
	s.Drops = append(s.Drops, Drop{cause, 1})
}

// breakAt notes that the connection went at t.
func (s *State) breakAt(t time.Time) {
	if n := len(s.Breaks); n > 0 && s.Breaks[n-1].To.IsZero() {
		return
	}
	if len(s.Breaks) == maxBreaks {
		s.Breaks = append(s.Breaks[:0], s.Breaks[1:]...)
	}
	s.Breaks = append(s.Breaks, Break{From: t})
}

// mendedAt notes that there is a connection again.
func (s *State) mendedAt(t time.Time) {
	if n := len(s.Breaks); n > 0 && s.Breaks[n-1].To.IsZero() {
		s.Breaks[n-1].To = t
	}
}
