package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// conn is what all connections share: who they are, who ended them, and the
// order of writers.
//
// Life of a connection: Dial starts the read goroutine; whoever ends the
// connection first records the cause with end and then closes the transport;
// that wakes the read goroutine, which calls finish as its last act.
type conn struct {
	d      *Dialer
	h      rt.Handler
	target string // for errors, without credentials and query

	mu   sync.Mutex // guards info
	info rt.ConnInfo

	pace *pacer // of a connection that is read slowly, for Info

	cause   atomic.Pointer[rt.CloseInfo]
	writing chan struct{}  // holds a token while somebody writes
	running sync.WaitGroup // the connection's goroutines
}

func (c *conn) init(d *Dialer, r *rt.DialRequest, h rt.Handler, info rt.ConnInfo) {
	c.d, c.h, c.info = d, h, info
	c.target = d.names.get([]byte(r.Target.String()))
	c.info.Protocol = r.Target.Protocol
	c.info.Remote = d.names.get([]byte(c.info.Remote))
	c.writing = make(chan struct{}, 1)
}

// Info describes the connection as it is now.
func (c *conn) Info() rt.ConnInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.info
	if c.pace != nil {
		i.BytesRead = c.pace.read.Load()
	}
	return i
}

func (c *conn) setInfo(change func(*rt.ConnInfo)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.info)
}

// end records who ended the connection. Only the first to do so returns true;
// the caller closes the transport.
func (c *conn) end(by rt.CloseBy, code int, reason string, err error) bool {
	return c.cause.CompareAndSwap(nil, &rt.CloseInfo{At: time.Now(), By: by, Code: code, Reason: reason, Err: err})
}

// lost records what ended the connection when err came out of it: the peer, if
// it said so or broke the protocol, else the network. Like end it returns true
// for the first only.
func (c *conn) lost(err error) bool {
	if _, ok := errors.AsType[*protocolError](err); ok {
		err = c.endError(err)
	}
	if e, ok := errors.AsType[*rt.Error](err); ok {
		return c.end(rt.ByPeer, 0, e.Code, e)
	}
	switch {
	case err == nil, errors.Is(err, errServerClosed):
		return c.end(rt.ByPeer, 0, reasonTransportClose, nil)
	case errors.Is(err, errServerLeft):
		return c.end(rt.ByPeer, 0, reasonServerLeft, nil)
	}
	return c.end(rt.ByNetwork, 0, "", c.endError(unexpected(err))) // these protocols say goodbye
}

// endError is the error of a connection that ended without anybody wanting it.
func (c *conn) endError(err error) *rt.Error {
	e := &rt.Error{Op: "receive", Target: c.target, Kind: kindOf(err), Stage: rt.StageConnected, Err: err}
	if e.Kind == rt.KindInternal {
		e.Kind = rt.KindClosed
	}
	return e
}

// Reasons of a close in the words of socket.io-client.
const (
	reasonServerLeft     = "io server disconnect" // after a DISCONNECT packet
	reasonTransportClose = "transport close"      // after a CLOSE packet
	reasonPingTimeout    = "ping timeout"
)

// ended reports whether somebody ended the connection.
func (c *conn) ended() bool { return c.cause.Load() != nil }

// lock makes the caller the only writer until unlock, or fails when ctx ends or
// the write timeout passes.
func (c *conn) lock(ctx context.Context) error {
	select {
	case c.writing <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(c.d.opt.WriteTimeout)
	defer t.Stop()
	select {
	case c.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return errPeerWentQuiet
	}
}

func (c *conn) unlock() { <-c.writing }

// sendError sorts an error of Send.
func (c *conn) sendError(err error) error {
	if e, ok := errors.AsType[*rt.Error](err); ok {
		e := *e // the server's answer to a polling request
		e.Op = "send"
		return &e
	}
	e := &rt.Error{Op: "send", Target: c.target, Kind: kindOf(err), Stage: rt.StageConnected, Err: err}
	if e.Kind == rt.KindInternal || c.ended() && e.Kind != rt.KindCanceled && e.Kind != rt.KindTimeout {
		e.Kind = rt.KindClosed
	}
	return e
}

func (c *conn) usage(err error) error {
	return &rt.Error{Op: "send", Target: c.target, Kind: rt.KindUsage, Stage: rt.StageConnected, Err: err}
}

// finish tells the handler that the connection is gone. The read goroutine
// calls it last, and only if Dial returned the connection.
func (c *conn) finish() {
	c.end(rt.ByNetwork, 0, "", c.endError(errClosed))
	c.h.OnClose(*c.cause.Load())
}
