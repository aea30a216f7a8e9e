package server

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

// streamConfig describes an outbound-only connection.
type streamConfig struct {
	Kind      kind // kindSSE1 or kindSSE2
	Namespace *Namespace
	Rooms     []string
	Request   *http.Request
	Identity  *auth.Identity
	// Late is the second result of Server.authorize.
	Late bool
	// Conn is the hijacked connection that the gateway writes frames' wire to
	// and reads to notice the end. nil: the transport calls pull.
	Conn net.Conn
	// Hello is queued first, Heartbeat every SSEHeartbeat, Farewell last. Each
	// may be nil.
	Hello, Heartbeat, Farewell *frame
}

// openStream makes the connection a member of its namespace and rooms. The error
// is ErrClosed when the server takes no more, or a guard's; Conn is the caller's
// then.
func (s *Server) openStream(cfg streamConfig) (*Conn, error) {
	l := s.newLink(cfg.Kind, codecSSE, cfg.Request)
	if cfg.Conn != nil {
		l.attach(cfg.Conn)
		l.reads = true
	} else {
		l.wake = make(chan struct{}, 1)
	}
	l.farewell = cfg.Farewell
	if cfg.Heartbeat != nil && s.opts.SSEHeartbeat > 0 {
		l.beat, l.beatAt = cfg.Heartbeat, s.wheel.now()+s.opts.SSEHeartbeat
	}
	c := &Conn{id: newID(), ns: cfg.Namespace, link: l, identity: cfg.Identity}
	if err := s.open(l, c, cfg.Hello, func() error { return c.Join(cfg.Rooms...) }); err != nil {
		return nil, err
	}
	l.bound(cfg.Identity)
	if cfg.Late {
		l.evict()
	}
	if cfg.Conn != nil {
		s.group.Go(func() { l.readNothing(cfg.Conn) })
	}
	l.watch()
	return c, nil
}

// open registers a link that has one connection from the start. Nobody but the
// caller knows the link when it fails.
func (s *Server) open(l *link, c *Conn, hello *frame, joined func() error) error {
	if !s.remember(l) {
		l.cancel()
		return ErrClosed
	}
	err := l.join(c, func() *frame { return hello }, joined)
	if err != nil {
		l.mu.Lock()
		l.nc, l.raw, l.dead, l.phase, l.reason = nil, nil, true, phaseClosed, "refused"
		l.mu.Unlock()
		l.cancel()
		l.teardown()
	}
	return err
}

// readNothing waits for the end of a client that has nothing more to say.
func (l *link) readNothing(nc net.Conn) {
	var buf [512]byte
	for {
		if _, err := nc.Read(buf[:]); err != nil {
			l.abort(readReason(err))
			l.teardown()
			return
		}
	}
}

// readReason is what the end of reading means.
func readReason(err error) string {
	if errors.Is(err, net.ErrClosed) {
		return reasonTransportError
	}
	return reasonTransportClose
}

// done is closed when the link has ended.
func (l *link) done() <-chan struct{} { return l.ctx.Done() }

// pull waits for frames and appends their bodies to buf, up to about max bytes
// but at least one frame. The caller writes them out and calls pulled. It
// returns ErrClosed when the link has ended, and ctx's error.
func (l *link) pull(ctx context.Context, buf []byte, max int) (data []byte, frames, bytes int, err error) {
	for {
		l.mu.Lock()
		for !l.queue.empty() && (frames == 0 || len(buf) < max) {
			f := l.queue.pop()
			buf = append(buf, f.body...)
			frames++
			bytes += len(f.wire)
		}
		if frames == 0 {
			l.held = false
			if l.phase != phaseOpen {
				l.mu.Unlock()
				l.flushed()
				return buf, 0, 0, ErrClosed
			}
		}
		l.mu.Unlock()
		if frames > 0 {
			return buf, frames, bytes, nil
		}
		select {
		case <-l.wake:
		case <-l.done():
			return buf, 0, 0, ErrClosed
		case <-ctx.Done():
			return buf, 0, 0, ctx.Err()
		}
	}
}

// pulled settles the account of what pull returned.
func (l *link) pulled(frames, bytes int) {
	if l.wrote(frames, bytes) {
		l.kick(nil)
	}
}
