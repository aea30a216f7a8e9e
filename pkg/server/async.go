package server

import (
	"bytes"
	"errors"
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// ErrUnknownEvent is what a handler of any event (OnAny) returns for one that it
// doesn't take either: a client that waits for an acknowledgement is told, any
// other not.
var ErrUnknownEvent error = errUnknownEvent

// returnAddress is where the answer to an event goes.
type returnAddress struct {
	ack   int64  // Socket.IO acknowledgement id, negative for none
	frame []byte // id of a plain WebSocket frame, nil for none
}

func (a returnAddress) wanted() bool { return a.ack >= 0 || a.frame != nil }

// Later lets a handler return before it has the answer, so that it doesn't hold
// up what else the client sends, its heartbeats included. The handler returns
// Reply{None: true} and hands the answer over afterwards, as it would have
// returned it; only the first call of answer counts. It may be called from any
// goroutine, and does nothing when the connection has ended.
func (e *Event) Later() (answer func(Reply, error)) {
	c, to, name := e.conn, e.to, e.Name
	to.frame = bytes.Clone(to.frame)
	var data []byte
	if c.link.codec == codecNestWS && !to.wanted() {
		data = bytes.Clone(e.Args) // an exception names its cause
	}
	var answered atomic.Bool
	return func(r Reply, err error) {
		if !answered.CompareAndSwap(false, true) {
			return
		}
		if f := c.answer(to, name, data, r, err); f != nil {
			c.deliver(f, nil)
		}
	}
}

// answer makes the frame that tells the client the outcome of its event, nil for
// none. It says what event and plainMessage say of an outcome that is there at
// once.
func (c *Conn) answer(to returnAddress, name string, data []byte, r Reply, err error) *frame {
	if c.link.codec == codecNestWS {
		return c.answerPlain(to, name, data, r, err)
	}
	switch {
	case err != nil && to.ack >= 0:
		r = Reply{Args: c.errorObject(err, 0)}
	case errors.Is(err, ErrUnknownEvent):
		return nil
	case err != nil:
		object := c.errorObject(err, 0)
		return messageFrame(len(object)+len(c.ns.name)+24, nil, func(dst []byte) []byte {
			return socketio.AppendEvent(dst, c.ns.name, socketio.NoID, "exception", object, 0)
		})
	case to.ack < 0 || r.None:
		return nil
	}
	return messageFrame(len(r.Args)+len(c.ns.name)+24, r.Attachments, func(dst []byte) []byte {
		return socketio.AppendAck(dst, c.ns.name, to.ack, r.Args, len(r.Attachments))
	})
}

func (c *Conn) answerPlain(to returnAddress, name string, data []byte, r Reply, err error) *frame {
	var body []byte
	switch {
	case err != nil && to.frame != nil:
		body = nestws.AppendAck(nil, to.frame, c.errorObject(err, 0))
	case errors.Is(err, ErrUnknownEvent):
	case err != nil:
		body = c.appendException(nil, err, name, data)
	case r.None:
	default:
		out := oneArgument(inlineBinary(r.Args, r.Attachments))
		if to.frame != nil {
			body = nestws.AppendAck(nil, to.frame, out)
		} else if string(out) != "null" {
			body = out
		}
	}
	if len(body) == 0 {
		return nil
	}
	return wsFrame(wsText, len(body), func(dst []byte) []byte { return append(dst, body...) })
}
