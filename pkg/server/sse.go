package server

import "net/http"

// serveSSE opens a stream of server-sent events.
func (s *Server) serveSSE(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotImplemented, "not_implemented", "no event streams yet")
}
