package server

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

// EngineConn is a client of a raw Engine.IO endpoint: messages without names,
// namespaces or acknowledgements. Its methods are safe for concurrent use.
type EngineConn struct{ link *link }

// EngineHandler handles one message of a raw Engine.IO client, text or binary.
// It runs on the connection's read goroutine, one message at a time and in wire
// order; data is valid until it returns. An error closes the connection.
type EngineHandler func(c *EngineConn, data []byte, binary bool) error

// HandleEngine serves raw Engine.IO 4 at path, which gets a slash at its end:
// long polling, WebSocket and the upgrade between them, with the heartbeat, the
// limits, the origins and the message throttle of the Socket.IO endpoint. On a
// gateway with Options.Auth the token must be in the handshake request, as no
// CONNECT packet follows. Register before the server starts.
func (s *Server) HandleEngine(path string, h EngineHandler) {
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	if s.engines == nil {
		s.engines = make(map[string]EngineHandler, 1)
	}
	s.engines[path] = h
}

// ID returns the session's id.
func (c *EngineConn) ID() string { return c.link.engine.sid }

// Send queues one message; it keeps a copy of data. Text must be valid UTF-8. It
// fails with ErrClosed when the connection has ended and with ErrTooLarge when
// the message is larger than Options.QueueBytes.
func (c *EngineConn) Send(data []byte, binary bool) error {
	l := c.link
	if len(data)+maxWSHead > l.srv.opts.QueueBytes {
		return ErrTooLarge
	}
	var f *frame
	if binary {
		f = wsFrame(wsBinary, len(data), func(dst []byte) []byte { return append(dst, data...) })
		// A transport that pulls has text only (Engine.IO 4, packet encoding).
		f.body = engineio.AppendRecord(nil, engineio.Packet{Type: engineio.Message, Binary: true, Data: data})
	} else {
		f = wsFrame(wsText, len(data)+1, func(dst []byte) []byte {
			return engineio.AppendText(dst, engineio.Message, data)
		})
	}
	if !l.put(f, nil) {
		return ErrClosed
	}
	l.srv.count.messagesOut.Add(1)
	return nil
}

// engineAt returns the raw endpoint that a request is for.
func (s *Server) engineAt(r *http.Request) (EngineHandler, bool) {
	if len(s.engines) == 0 {
		return nil, false
	}
	path := r.URL.Path
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	h, ok := s.engines[path]
	return h, ok
}

// rawMessage hands a message to the endpoint's handler.
func (l *link) rawMessage(data []byte, binary bool) (err error) {
	l.srv.count.messagesIn.Add(1)
	passed, _, err := l.allow(nil, len(data), func() string { return "" })
	if err != nil || !passed {
		return err
	}
	l.pushOwn()
	c := &EngineConn{l}
	defer l.srv.recoveredRaw(c, &err)
	return l.engine.raw(c, data, binary)
}

// authorizeRaw verifies the token of a raw endpoint's handshake; a Socket.IO
// client has until CONNECT. When ok is false the request has been answered.
func (s *Server) authorizeRaw(w http.ResponseWriter, r *http.Request, raw EngineHandler) (id *auth.Identity, late, ok bool) {
	if raw == nil {
		return nil, false, true
	}
	return s.authorize(w, r)
}

// admitted arms the deadlines of a new session.
func (l *link) admitted(id *auth.Identity, late bool) {
	l.bound(id)
	if late {
		l.evict()
	}
	l.watch()
}

// recoveredRaw is Namespace.recovered for a handler that has no namespace.
func (s *Server) recoveredRaw(c *EngineConn, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
		s.log.Error("engine handler panicked", "session", c.ID(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}
