package client

import (
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// outcome is where Dial and the read goroutine agree on how a handshake ended.
// Whoever settles it first decides whether the caller gets the connection, and
// so whether the handler hears of its end.
type outcome struct {
	settled atomic.Bool
	open    bool      // Dial returns the connection
	err     *rt.Error // nil for success
	done    chan struct{}
}

func newOutcome() *outcome { return &outcome{done: make(chan struct{})} }

// settle reports whether the caller was the first.
func (o *outcome) settle(open bool, err *rt.Error) bool {
	if !o.settled.CompareAndSwap(false, true) {
		return false
	}
	o.open, o.err = open, err
	close(o.done)
	return true
}

// settle ends the handshake.
func (c *sioConn) settle(open bool, err *rt.Error) {
	if c.outcome.settle(open, err) {
		c.returned = open
	}
	c.outcome, c.auth = nil, nil
}

// handshakeFailure says why the connection ended before the namespace answered.
// Only an explicit word of the server is a refusal: a DISCONNECT, or a close
// frame with a code for a violated policy or of the application's own.
func (c *sioConn) handshakeFailure() *rt.Error {
	c.end(rt.ByNetwork, 0, "", c.endError(errClosed))
	cause := c.cause.Load()
	e := &rt.Error{Op: "dial", Target: c.target, Kind: rt.KindClosed, Stage: rt.StageNamespace, Err: errNoNamespace}
	if !c.opened {
		e.Err = errNoHandshake
	}
	switch {
	case cause.Code == closePolicy || cause.Code >= 4000 && cause.Code < 5000:
		e.Kind, e.Code = rt.KindRejected, clean(cause.Reason)
		if e.Code == "" {
			e.Code = strconv.Itoa(cause.Code)
		}
	case cause.By == rt.ByPeer && cause.Reason == reasonServerLeft:
		e.Kind, e.Code = rt.KindRejected, reasonServerLeft
	case cause.Err != nil:
		if ce, ok := errors.AsType[*rt.Error](cause.Err); ok && ce.Kind != rt.KindClosed {
			e.Kind, e.Status, e.Code, e.Err = ce.Kind, ce.Status, ce.Code, ce.Err
		}
	}
	return e
}
