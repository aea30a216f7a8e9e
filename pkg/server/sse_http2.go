package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// pullBytes is about how much one write of an HTTP/2 stream takes.
	pullBytes = 32 << 10
	// idleBytes is the largest buffer that a stream keeps while it is idle.
	idleBytes = 4 << 10
)

// streamHTTP2 writes the stream from the handler, which HTTP/2 wants to stay.
// Flow control is the client's: a stream that it does not take holds up no
// other, and its outbox fills until it counts as too slow.
func (s *Server) streamHTTP2(w http.ResponseWriter, cfg streamConfig) {
	cfg.Kind = kindSSE2
	cfg.Hello = controlBody(s.appendRetry(nil))
	c, err := s.openStream(cfg)
	if err != nil {
		s.refuseStream(w, err)
		return
	}
	p := &pump{link: c.link, w: w, control: http.NewResponseController(w)}
	// A link that ends must not wait for a write that the client does not take.
	unblocked := make(chan struct{})
	stop := context.AfterFunc(p.link.context(), func() {
		defer close(unblocked)
		if p.writing.Load() {
			_ = p.control.SetWriteDeadline(time.Unix(1, 0))
		}
	})
	reason := p.run(cfg.Request.Context())
	if !stop() {
		<-unblocked // the controller is dead once the handler has returned
	}
	p.link.abort(reason)
}

// pump moves frames from a link's outbox to a response.
type pump struct {
	link    *link
	w       http.ResponseWriter
	control *http.ResponseController
	writing atomic.Bool
}

// run pumps until the link or the request ends, and returns the reason.
func (p *pump) run(ctx context.Context) string {
	p.w.WriteHeader(http.StatusOK)
	var buf []byte
	for {
		data, frames, bytes, err := p.link.pull(ctx, buf[:0], pullBytes)
		if err != nil {
			return reasonTransportClose
		}
		err = p.write(data)
		p.link.pulled(frames, bytes)
		if err != nil {
			return reasonTransportError
		}
		if buf = data; cap(buf) > idleBytes {
			buf = nil
		}
	}
}

func (p *pump) write(data []byte) error {
	p.writing.Store(true)
	defer p.writing.Store(false)
	if p.link.context().Err() != nil { // ended before it could see that we write
		return ErrClosed
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(p.link.srv.opts.WriteTimeout))
	if _, err := p.w.Write(data); err != nil {
		return err
	}
	if err := p.control.Flush(); err != nil {
		return err
	}
	return p.control.SetWriteDeadline(time.Time{})
}
