package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

// enter admits a request to an endpoint. When it returns true the caller holds
// one count of s.group; otherwise the request has been answered. A draining
// server admits requests of sessions that it still has.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, ofSession bool) bool {
	s.linksMu.Lock()
	state := s.state.Load()
	admit := state == stateRunning || state == stateDraining && ofSession && len(s.links) > 0
	if admit {
		s.group.Add(1)
	}
	s.linksMu.Unlock()
	if !admit {
		s.count.handshake.add("not ready")
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Connection", "close")
		writeError(w, http.StatusServiceUnavailable, "unavailable", "the server is starting or shutting down")
		return false
	}
	if !s.origins.Load().allow(w, r) {
		s.group.Done()
		s.count.handshake.add("origin")
		if r.URL.Path == s.opts.WSPath || r.URL.Path == s.opts.EventsPath || r.URL.Path == s.opts.PollPath {
			writeError(w, http.StatusForbidden, "forbidden_origin", "this origin is not allowed")
		} else {
			engineError(w, engineio.ErrForbidden)
		}
		return false
	}
	if !ofSession && !s.limits.Load().connectIP(w, r) {
		s.group.Done()
		s.count.handshake.add("throttled")
		return false
	}
	return true
}

// serveEngine serves an Engine.IO endpoint (Engine.IO 4, HTTP long-polling and
// WebSocket): Socket.IO, or messages for raw when it isn't nil. The order of the
// checks is that of engine.io 6.
func (s *Server) serveEngine(w http.ResponseWriter, r *http.Request, raw EngineHandler) {
	hop, ok := s.acceptHop(w, r)
	if !ok {
		return
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	sid := q.Get("sid")
	if !s.enter(w, r, sid != "") {
		return
	}
	defer s.group.Done()
	if r.Method == http.MethodOptions {
		s.origins.Load().preflight(w, r, "GET, POST, OPTIONS")
		return
	}
	if err != nil {
		s.badHandshake(w, engineio.ErrBadRequest)
		return
	}
	transport := q.Get("transport")
	switch {
	case transport != "polling" && transport != "websocket":
		s.badHandshake(w, engineio.ErrTransportUnknown)
		return
	case q.Get("EIO") != "4":
		s.badHandshake(w, engineio.ErrUnsupportedVersion)
		return
	}
	upgrade := headerHas(r.Header, "Connection", "upgrade") && headerHas(r.Header, "Upgrade", "websocket")
	if upgrade != (transport == "websocket") {
		s.badHandshake(w, engineio.ErrBadRequest)
		return
	}
	if sid == "" {
		switch {
		case r.Method != http.MethodGet:
			s.badHandshake(w, engineio.ErrBadMethod)
		case upgrade:
			s.openWebSocket(w, r, raw)
		default:
			s.openPolling(w, r, raw)
		}
		return
	}
	l := s.session(sid)
	if l == nil && !hop && s.forward(w, r, sid) {
		return
	}
	switch {
	case l == nil || l.lapsed() || (l.engine.raw == nil) != (raw == nil):
		s.badHandshake(w, engineio.ErrSessionUnknown)
	case upgrade:
		s.upgradeSession(w, r, l)
	case l.transport() != "polling":
		s.badHandshake(w, engineio.ErrBadRequest)
	case r.Method == http.MethodGet:
		s.servePoll(w, r, l)
	case r.Method == http.MethodPost:
		s.servePost(w, r, l)
	default:
		s.badHandshake(w, engineio.ErrBadRequest)
	}
}

func (s *Server) badHandshake(w http.ResponseWriter, e *engineio.HandshakeError) {
	s.count.handshake.add(strings.ToLower(e.Message))
	engineError(w, e)
}

func engineError(w http.ResponseWriter, e *engineio.HandshakeError) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.JSON())
}

// openWebSocket opens a Socket.IO connection over WebSocket.
func (s *Server) openWebSocket(w http.ResponseWriter, r *http.Request, raw EngineHandler) {
	id, late, ok := s.authorizeRaw(w, r, raw)
	if !ok {
		return
	}
	k, err := s.upgrade(w, r)
	if err != nil {
		return
	}
	l := s.newSession(kindWebSocket, r, raw)
	k.bind(l)
	if !s.remember(l) {
		s.group.Go(func() { k.refuse(wsCloseFrame(closeRestart, ""), s.opts.CloseTimeout) })
		return
	}
	l.put(l.openFrame(), nil)
	l.admitted(id, late)
	s.group.Go(func() { k.readLoop(l) })
}

// engineMessage handles one WebSocket message of a Socket.IO connection.
func (l *link) engineMessage(binary bool, b []byte) error {
	p, err := engineio.Decode(b, binary)
	if err != nil {
		return err
	}
	return l.enginePacket(p)
}

// headerHas reports whether a comma-separated header has a token, in any case.
func headerHas(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
