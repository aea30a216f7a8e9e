package client

import (
	"context"
	"errors"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// frameSink takes the messages of a WebSocket. p and m are valid during the
// call. An error ends the connection.
type frameSink interface {
	frame(op byte, p []byte, m *rt.Message) error
}

// pump reads w until it ends, answers control frames, and records who ended the
// connection. It leaves w closed.
func (c *conn) pump(w *ws, sink frameSink) {
	err := c.read(w, sink)
	if err != nil {
		c.readFailed(w, err)
	}
	// The peer shall close first: then the port of this side is free at once.
	_ = w.l.SetReadDeadline(time.Now().Add(c.d.opt.CloseTimeout))
	for err == nil {
		w.l.r = w.l.w
		err = w.l.fill()
	}
	_ = w.l.Close()
	w.frames.close()
}

// read returns nil after the closing handshake.
func (c *conn) read(w *ws, sink frameSink) error {
	for {
		op, p, err := w.frames.next()
		if err != nil {
			return err
		}
		// In place, not as a literal: that would be copied over the stack, which
		// every idle connection keeps at its greatest depth.
		m := &w.l.rb.msg
		*m = rt.Message{}
		m.At, m.Transport, m.AckID, m.Size = w.l.rb.at, rt.TransportWebSocket, rt.NoAck, len(p)
		switch op {
		case opPing:
			if err := c.control(w, opPong, p); err != nil {
				return err
			}
			err = sink.frame(op, p, m)
		case opClose:
			code, reason := parseClose(p)
			c.end(rt.ByPeer, knownCode(code), reason, nil)
			_ = c.control(w, opClose, closeFrame(code, ""))
			return nil
		default:
			err = sink.frame(op, p, m)
		}
		if err != nil {
			return err
		}
	}
}

// knownCode turns "no status" into no code.
func knownCode(code int) int {
	if code == closeNoStatus {
		return 0
	}
	return code
}

// control writes a control frame. A goodbye may take no longer than the wait for
// its answer.
func (c *conn) control(w *ws, op byte, p []byte) error {
	ctx := context.Background()
	if op == opClose {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.d.opt.CloseTimeout)
		defer cancel()
	}
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	return w.write(ctx, op, p)
}

// readFailed records why reading ended, and tells the peer what it did wrong.
func (c *conn) readFailed(w *ws, err error) {
	c.lost(err)
	if pe, ok := errors.AsType[*protocolError](err); ok && pe.code != 0 {
		_ = c.control(w, opClose, closeFrame(pe.code, ""))
	} else if errors.Is(err, errServerLeft) {
		_ = c.control(w, opClose, closeFrame(closeNormal, ""))
	}
}

// closeWS says goodbye on w and bounds the wait for the peer's answer.
func (c *conn) closeWS(w *ws, goodbye func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.d.opt.CloseTimeout)
	defer cancel()
	_ = w.l.SetReadDeadline(time.Now().Add(c.d.opt.CloseTimeout))
	if err := c.lock(ctx); err != nil {
		w.l.abort()
		return
	}
	defer c.unlock()
	if err := goodbye(ctx); err != nil {
		w.l.abort()
		return
	}
	if err := w.write(ctx, opClose, closeFrame(closeNormal, "")); err != nil {
		w.l.abort()
	}
}
