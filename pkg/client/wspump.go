package client

import (
	"context"
	"errors"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// frameSink takes the messages of a WebSocket. p and m are valid during the
// call. An error ends the connection, and ending is the last that is called.
type frameSink interface {
	frame(op byte, p []byte, m *rt.Message) error
	ending()
}

// errGoodbye ends reading after the peer's close frame.
var errGoodbye = errors.New("close frame")

// serve begins to read w: one of the dialer's pollers does, or a goroutine of its
// own. The caller has counted it among c.running.
func (c *conn) serve(w *ws, sink frameSink) {
	w.c, w.sink = c, sink
	if w.l.pace != nil || !c.d.poll(w) {
		go c.resume(w, nil)
	}
}

// resume is the read goroutine. end is why a poller can't read on, nil if it can
// be tried.
func (c *conn) resume(w *ws, end error) {
	defer c.running.Done()
	c.pump(w, end)
	w.sink.ending()
}

// pump reads w until it ends, answers control frames, and records who ended the
// connection. It leaves w closed.
func (c *conn) pump(w *ws, err error) {
	if err == nil && w.owed != nil {
		err = c.settle(w)
	}
	if err == nil {
		err = c.read(w)
	}
	if errors.Is(err, errGoodbye) {
		_ = c.control(w, opClose, closeFrame(w.code, ""))
		err = nil
	} else {
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

// read returns what ends reading.
func (c *conn) read(w *ws) error {
	for {
		op, p, err := w.frames.next()
		if err == nil {
			err = c.take(w, op, p)
		}
		if err != nil {
			return err
		}
	}
}

// take handles one message or control frame.
func (c *conn) take(w *ws, op byte, p []byte) error {
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
	case opClose:
		code, reason := parseClose(p)
		c.end(rt.ByPeer, knownCode(code), reason, nil)
		w.code = code
		return errGoodbye
	}
	return w.sink.frame(op, p, m)
}

// knownCode turns "no status" into no code.
func knownCode(code int) int {
	if code == closeNoStatus {
		return 0
	}
	return code
}

// control writes a control frame from the read goroutine. A goodbye may take no
// longer than the wait for its answer.
func (c *conn) control(w *ws, op byte, p []byte) error {
	if w.reading() {
		c.answerNow(w, op, p)
		return nil
	}
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
