package tui

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// ending is how one connection, or one attempt, went.
type ending struct {
	connected bool
	refused   bool // explicitly: not to be repeated
	shut      bool // by the user
	err       error
}

// judge logs a close that the session did not ask for and decides whether the
// server wants to see us again.
func (s *Session) judge(info rt.CloseInfo, l *link, unanswered int) ending {
	name, text, fault := "close", info.Reason, true
	if info.Code != 0 {
		name += " " + strconv.Itoa(info.Code)
	}
	e := &rt.Error{Op: "watch", Target: s.Target().String(), Stage: rt.StageConnected, Kind: rt.KindClosed, Code: info.Reason, Err: info.Err}
	end := ending{err: e}
	switch {
	case l.kicked():
		text, e.Kind, end.refused = "the server disconnected this client", rt.KindRejected, true
	case info.Code == 1008: // RFC 6455, 7.4.1: policy violation
		e.Kind, end.refused = rt.KindRejected, true
	case info.By == rt.ByNetwork:
		e.Kind = rt.KindUnreachable
		if text == "" {
			text = "transport lost"
		}
	case info.Code == 0 || info.Code == 1000 || info.Code == 1001:
		fault, end.err = false, nil
		if text == "" {
			text = "by the server"
		}
	}
	if e.Err == nil && e.Code == "" {
		e.Err = errors.New(name)
	}
	if text == "" && info.Err != nil {
		text = causeText(info.Err)
	}
	cause := text
	if info.Code != 0 {
		cause = strconv.Itoa(info.Code) + " " + text
	}
	if unanswered > 0 {
		text += fmt.Sprintf(", %d acks unanswered", unanswered)
	}
	s.mu.Lock()
	s.state.dropped(cause)
	s.mu.Unlock()
	s.note(name, text, fault)
	return end
}
