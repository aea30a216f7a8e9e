package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

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
	// LastEventID is the cursor after which the stream goes on; "" is now.
	LastEventID string
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
		l.pulls, l.wake = true, make(chan struct{}, 1)
	}
	l.farewell = cfg.Farewell
	if cfg.Heartbeat != nil && s.opts.SSEHeartbeat > 0 {
		l.beat, l.beatAt = cfg.Heartbeat, s.wheel.now()+s.opts.SSEHeartbeat
	}
	c := &Conn{id: newID(), ns: cfg.Namespace, link: l, identity: cfg.Identity}
	join := func() error { return c.Join(cfg.Rooms...) }
	if cfg.Namespace.seq != nil {
		cfg.Namespace.seq.reach(cfg.Request.Context(), cfg.LastEventID)
		c.resume, join = &resumption{rooms: cfg.Rooms, lastEventID: cfg.LastEventID}, nil
	}
	if err := s.open(l, c, func() *frame { return cfg.Hello }, join); err != nil {
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
func (s *Server) open(l *link, c *Conn, hello func() *frame, joined func() error) error {
	if !s.remember(l) {
		return ErrClosed
	}
	err := l.join(c, hello, joined)
	if err != nil {
		l.mu.Lock()
		l.nc, l.raw, l.dead, l.phase, l.reason = nil, nil, true, phaseClosed, "refused"
		l.mu.Unlock()
		l.teardown()
	}
	return err
}

// maxIdleTalk is how much a client that has nothing more to say may send.
const maxIdleTalk = 4 << 10

// readNothing waits for the end of a client that has nothing more to say. One
// that goes on talking is cut off: it would cost a system call for each few
// bytes, a larger buffer would cost memory for all the others.
func (l *link) readNothing(nc net.Conn) {
	var buf [64]byte
	for left := maxIdleTalk; ; {
		n, err := nc.Read(buf[:])
		left -= n
		if err == nil && left > 0 {
			continue
		}
		reason := reasonParse
		if err != nil {
			reason = readReason(err)
		} else {
			l.srv.count.protocol.Add(1)
		}
		l.abort(reason)
		l.teardown()
		return
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
func (l *link) done() <-chan struct{} { return l.context().Done() }

// errUpgraded means that the transport that pulls has been replaced.
var errUpgraded = errors.New("the transport has been upgraded")

// pull waits for frames and appends their bodies to buf, up to about max bytes
// but at least one frame. The caller writes them out and calls pulled, before
// the next pull. It returns ErrClosed when the link has ended, and ctx's error.
func (l *link) pull(ctx context.Context, buf []byte, max int) (data []byte, frames, bytes int, err error) {
	frames, bytes, err = l.pullFrames(ctx, nil, func(f *frame) bool {
		buf = append(buf, f.body...)
		return len(buf) < max
	})
	return buf, frames, bytes, err
}

// pullFrames waits for frames and calls take with one after the other until it
// returns false. limit, if not nil, ends the waiting with no frames.
func (l *link) pullFrames(ctx context.Context, limit <-chan time.Time, take func(*frame) bool) (frames, bytes int, err error) {
	for {
		l.mu.Lock()
		if !l.pulls {
			l.mu.Unlock()
			return 0, 0, errUpgraded
		}
		for more := true; more && !l.queue.empty(); {
			f := l.queue.pop()
			frames++
			bytes += len(f.wire)
			more = take(f)
		}
		l.taking = frames > 0
		over := false
		if frames == 0 {
			l.held = false
			over = l.phase != phaseOpen
		}
		l.mu.Unlock()
		switch {
		case frames > 0:
			return frames, bytes, nil
		case over:
			l.flushed()
			return 0, 0, ErrClosed
		}
		select {
		case <-l.wake:
		case <-limit:
			return 0, 0, nil
		case <-l.done():
			return 0, 0, ErrClosed
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// pulled settles the account of what pull returned, once it has been written.
func (l *link) pulled(frames, bytes int) {
	l.mu.Lock()
	l.taking = false
	pulls := l.pulls
	l.mu.Unlock()
	if l.wrote(frames, bytes) && !pulls {
		l.kick(nil) // upgraded meanwhile: the rest goes to the socket
	}
}
