package server

import (
	"net/http"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

// poll is the polling transport of a session.
type poll struct{}

func (s *Server) openPolling(w http.ResponseWriter, r *http.Request) {
	s.badHandshake(w, engineio.ErrTransportUnknown)
}

func (s *Server) servePoll(w http.ResponseWriter, r *http.Request, l *link) {}
func (s *Server) servePost(w http.ResponseWriter, r *http.Request, l *link) {}
func (s *Server) upgradeSession(w http.ResponseWriter, r *http.Request, l *link) {
}
