package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// streamHTTP1 takes the connection over: no chunks and no length, the stream
// ends with the connection. The handler returns, which frees net/http's buffers
// of 8 KiB; what remains is one goroutine that waits for the client's end.
func (s *Server) streamHTTP1(w http.ResponseWriter, cfg streamConfig) {
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.log.Error("take over the connection of an event stream", "error", err)
		writeError(w, http.StatusInternalServerError, codeInternal, textInternal)
		return
	}
	_ = nc.SetDeadline(time.Time{}) // net/http may have set one; a dead connection fails at the next use
	cfg.Kind, cfg.Conn = kindSSE1, nc
	cfg.Hello = controlBody(s.appendRetry(http1Head(w.Header())))
	if _, err := s.openStream(cfg); err != nil {
		_ = nc.SetWriteDeadline(time.Now().Add(s.opts.WriteTimeout))
		s.refuseStream(&rawResponse{header: w.Header(), nc: nc}, err)
		_ = nc.Close()
	}
}

// http1Head is the head of the response. net/http would write it only together
// with a body that it frames itself.
func http1Head(h http.Header) []byte {
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&b) // a Builder takes everything
	b.WriteString("\r\n")
	return []byte(b.String())
}

// rawResponse is the http.ResponseWriter of a connection that was taken over
// and is then refused.
type rawResponse struct {
	header http.Header
	nc     net.Conn
	status int
}

var _ http.ResponseWriter = (*rawResponse)(nil)

func (w *rawResponse) Header() http.Header    { return w.header }
func (w *rawResponse) WriteHeader(status int) { w.status = status }

// Write writes the whole response; it is called once.
func (w *rawResponse) Write(body []byte) (int, error) {
	out := bufio.NewWriter(w.nc)
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\n", w.status, http.StatusText(w.status))
	w.header.Set("Connection", "close")
	w.header.Set("Content-Length", fmt.Sprint(len(body)))
	if err := w.header.Write(out); err != nil {
		return 0, err
	}
	fmt.Fprintf(out, "\r\n%s", body)
	return len(body), out.Flush()
}
