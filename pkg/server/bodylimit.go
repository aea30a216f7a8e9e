package server

import (
	"net/http"
	"time"
)

// bodyLimit bounds the time that the body of a request may take. It holds for
// requests that are refused as well: net/http reads on to the end of a body
// before it sends the answer, for as long as the client likes.
func (s *Server) bodyLimit(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.opts.HandshakeTimeout))
	}
}
