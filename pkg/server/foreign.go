package server

import (
	"errors"
	"net/http"

	"github.com/realtime-toolkit/rtk/pkg/server/peers"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

// newSessionID makes an Engine.IO sid: 20 characters, of which the first name the
// pod when there are others to pass requests on.
func (s *Server) newSessionID() string {
	id := newID()
	if p := s.opts.Peers; p != nil {
		id = p.Tag() + id[peers.TagLength:]
	}
	return id
}

// acceptHop takes a request of another pod as if it came from the client itself.
// When ok is false the request has been answered.
func (s *Server) acceptHop(w http.ResponseWriter, r *http.Request) (hop, ok bool) {
	if s.opts.Peers == nil {
		return false, true
	}
	client, hop, err := s.opts.Peers.Accept(r)
	if err != nil {
		s.badHandshake(w, engineio.ErrForbidden)
		return hop, false
	}
	if hop {
		r.RemoteAddr = client
	}
	return hop, true
}

// forward passes a request for another pod's session on. It reports whether the
// request has been answered.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, sid string) bool {
	p := s.opts.Peers
	if p == nil || p.Owns(sid) {
		return false
	}
	err := p.Forward(w, r, sid)
	if errors.Is(err, peers.ErrBusy) {
		s.count.handshake.add("too many forwards")
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable, "unavailable", err.Error())
		return true
	}
	return err == nil
}
