package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unique"

	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// kind is how a client is carried now.
type kind uint8

const (
	kindWebSocket kind = iota // Socket.IO over WebSocket
	kindPolling               // Socket.IO over long polling
	kindPlainWS               // plain WebSocket
	kindSSE1                  // server-sent events over HTTP/1.1
	kindSSE2                  // server-sent events over HTTP/2
	kinds
)

// Reasons for the end of a connection, as OnDisconnect gets them. The first six
// are Socket.IO's.
const (
	reasonTransportClose = "transport close"
	reasonTransportError = "transport error"
	reasonPingTimeout    = "ping timeout"
	reasonClient         = "client namespace disconnect"
	reasonServer         = "server namespace disconnect"
	reasonShutdown       = "server shutting down"
	reasonParse          = "parse error"
	reasonSlow           = "slow consumer"
	reasonThrottled      = "throttled"
	reasonExpired        = "token expired"
	reasonRevoked        = "token revoked"
	reasonUnauthorized   = "unauthorized"
	reasonConnect        = "connect timeout"
)

// link is one client's connection to the gateway, whatever carries it: its
// outbox, its deadlines and its memberships. A Socket.IO link lives on when its
// transport changes from polling to WebSocket.
type link struct {
	srv    *Server
	writer *writer
	shard  uint16
	codec  codec
	reads  bool // a read loop will notice the end and tear down

	deflates atomic.Bool // permessage-deflate was negotiated

	outbox // its mu guards the fields down to closeOnFlush as well
	kind   kind
	nc     net.Conn        // what is written to; nil when the transport pulls
	raw    syscall.RawConn // nil when nc can't be written to without blocking
	reason string          // why it ended, "" while it lives
	dead   bool            // the transport is closed
	torn   bool            // the connections have ended
	// closeOnFlush closes nc when the goodbye has been written, because nobody
	// waits for the peer's.
	closeOnFlush bool

	timer     wheelEntry
	beatAt    time.Duration // next heartbeat, or its answer when waiting
	waiting   bool
	connectBy time.Duration // 0: not pending, as for the next two
	expiresAt time.Duration // of the token
	warnAt    time.Duration // of its warning
	closeBy   time.Duration
	beat      *frame // what a heartbeat sends; nil: none
	farewell  *frame // of SSE

	std    context.Context // made when somebody asks; see linkContext
	cancel context.CancelFunc
	shake  unique.Handle[shake]
	since  time.Time
	remote string
	query  string

	limits atomic.Pointer[linkLimits] // nil without Options.Limits

	connsMu sync.Mutex
	conns   []*Conn
	ended   bool // no more conns: the goodbye has been said

	// inMu serialises what comes in: polling has a goroutine for each POST. It
	// guards the fields below.
	inMu    sync.Mutex
	bucket  throttle.Bucket
	strikes throttle.Strikes
	engine  *engine       // of Socket.IO
	reading bool          // the read goroutine is handling a message
	own     *cork         // replies that wait for its next read; the read goroutine's only
	lastIn  time.Duration // when the latest message came; the read goroutine's only
}

// maxQueryBytes bounds what a connection keeps of its query.
const maxQueryBytes = 2 << 10

// newLink makes a link that is registered nowhere yet.
func (s *Server) newLink(k kind, c codec, r *http.Request) *link {
	l := &link{srv: s, kind: k, codec: c}
	l.shard = uint16(s.nextShard.Add(1) % uint32(len(s.writers)))
	l.writer = s.writers[l.shard]
	l.timer.owner = l
	l.since, l.remote = time.Now(), r.RemoteAddr
	l.query = clip(cutToken(r.URL.RawQuery, s.opts.AuthPlaces), maxQueryBytes)
	l.shake = sharedShake(r)
	l.limits.Store(s.limits.Load().newLink(r))
	return l
}

func (l *link) transport() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.kind {
	case kindPolling:
		return "polling"
	case kindSSE1, kindSSE2:
		return "sse"
	}
	return "websocket"
}

// attach makes nc the link's socket. The caller holds mu or is alone.
func (l *link) attach(nc net.Conn) {
	l.nc = nc
	if sc, ok := nc.(syscall.Conn); ok && canShoot {
		if raw, err := sc.SyscallConn(); err == nil {
			l.raw = raw
		}
	}
}

// shut says goodbye: finals are queued behind everything else, nothing more is
// taken, and the transport is closed when they are written and the client has
// answered or CloseTimeout is over.
func (l *link) shut(reason string, finals ...*frame) {
	l.mu.Lock()
	if l.phase != phaseOpen {
		l.mu.Unlock()
		return
	}
	if l.reason == "" {
		l.reason = reason
	}
	kick := false
	for _, f := range finals {
		if _, k := l.append(f); k {
			kick = true
		}
	}
	if len(finals) == 0 {
		kick = l.rouse() // so that flushed is called
	}
	l.phase = phaseClosing
	l.closeBy = l.srv.wheel.now() + l.srv.opts.CloseTimeout
	by := l.closeBy
	l.mu.Unlock()
	if kick {
		l.kick(nil)
	}
	l.srv.wheel.arm(&l.timer, by)
}

// flushed is called when the goodbye has been written.
func (l *link) flushed() {
	l.mu.Lock()
	now := l.closeOnFlush
	l.mu.Unlock()
	if now {
		l.abort(reasonTransportClose)
	}
}

// finish is shut for a link whose client has gone or said goodbye itself: what
// is queued may still be written, but nobody waits for an answer.
func (l *link) finish(reason string) {
	l.mu.Lock()
	l.closeOnFlush = true
	pending := l.held || !l.queue.empty()
	l.mu.Unlock()
	if pending {
		l.shut(reason)
	} else {
		l.abort(reason)
	}
}

// abort ends the link at once. It may be called under no lock but inMu.
func (l *link) abort(reason string) {
	l.mu.Lock()
	if l.reason == "" {
		l.reason = reason
	}
	if l.dead {
		l.mu.Unlock()
		return
	}
	l.dead = true
	l.phase = phaseClosed
	if !l.held {
		l.queue.drop()
		l.messages, l.bytes = 0, 0
	}
	nc, raw, reads := l.nc, l.raw, l.reads
	cancel, torn := l.cancel, l.torn
	l.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	l.srv.wheel.disarm(&l.timer)
	switch {
	case nc == nil:
	case raw != nil:
		_ = nc.Close()
	default:
		l.srv.group.Go(func() { _ = nc.Close() }) // TLS writes an alert first
	}
	switch {
	case torn:
		l.srv.forget(l)
	case !reads:
		l.srv.group.Go(l.teardown)
	}
}

// teardown ends the connections of an ended link. Only the first call counts.
// The link is forgotten when its transport is closed as well.
func (l *link) teardown() {
	l.endConns()
	l.mu.Lock()
	last := !l.torn && l.dead
	l.torn = true
	l.mu.Unlock()
	if last {
		l.srv.forget(l)
	}
}

// endConns ends the link's connections in all namespaces.
func (l *link) endConns() {
	l.connsMu.Lock()
	conns := l.conns
	l.conns, l.ended = nil, true
	l.connsMu.Unlock()
	l.mu.Lock()
	reason := l.reason
	l.mu.Unlock()
	for _, c := range conns {
		c.end(reason)
	}
}

// fire looks after the link's deadlines. It runs on the wheel's goroutine.
func (l *link) fire() {
	now := l.srv.wheel.now()
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return
	}
	reason, code := "", 0
	warn := l.warnAt != 0 && now >= l.warnAt && l.phase == phaseOpen
	if warn {
		l.warnAt = 0
	}
	var beat *frame
	switch {
	case l.closeBy != 0 && now >= l.closeBy:
		reason = l.reason
	case l.phase == phaseClosing:
	case l.connectBy != 0 && now >= l.connectBy:
		reason = reasonConnect
	case l.expiresAt != 0 && now >= l.expiresAt:
		reason, code = reasonExpired, closePolicy
	case l.beat != nil && now >= l.beatAt && l.waiting:
		reason = reasonPingTimeout
	case l.beat != nil && now >= l.beatAt:
		beat = l.beat
		if l.kind >= kindSSE1 {
			l.beatAt = now + l.srv.opts.SSEHeartbeat
		} else {
			// Counted from when the ping was due, unless the clock is far behind:
			// the ticks of ping and timeout must not add up.
			l.waiting = true
			if now-l.beatAt > 2*wheelTick {
				l.beatAt = now
			}
			l.beatAt += l.srv.opts.PingTimeout
		}
	}
	closing := l.phase == phaseClosing
	next := l.nextDeadline()
	l.mu.Unlock()
	if warn {
		l.warnExpiry()
	}
	switch {
	case reason != "" && closing:
		l.abort(reason)
		return
	case reason == reasonPingTimeout && l.isPull():
		l.abort(reason)
		return
	case reason != "":
		l.bye(reason, code)
		return
	case beat != nil:
		l.put(beat, nil)
	}
	if next > 0 {
		l.srv.wheel.arm(&l.timer, next)
	}
}

// lapsed reports whether the time for the answer to a ping is over, and ends the
// link if so, without waiting for the tick.
func (l *link) lapsed() bool {
	now := l.srv.wheel.now()
	l.mu.Lock()
	late := l.waiting && now >= l.beatAt && l.pulls
	l.mu.Unlock()
	if late {
		l.abort(reasonPingTimeout)
	}
	return late
}

// nextDeadline is the earliest pending deadline, 0 for none.
func (l *link) nextDeadline() time.Duration {
	if l.phase != phaseOpen {
		return l.closeBy
	}
	var next time.Duration
	for _, d := range [...]time.Duration{l.connectBy, l.expiresAt, l.warnAt, l.closeBy} {
		if d != 0 && (next == 0 || d < next) {
			next = d
		}
	}
	if l.beat != nil && (next == 0 || l.beatAt < next) {
		next = l.beatAt
	}
	return next
}

// watch arms the timer for the earliest deadline.
func (l *link) watch() {
	l.mu.Lock()
	next := l.nextDeadline()
	l.mu.Unlock()
	if next > 0 {
		l.srv.wheel.arm(&l.timer, next)
	}
}

// alive notes the answer to a heartbeat.
func (l *link) alive() {
	at := l.srv.wheel.now() + l.srv.opts.PingInterval
	l.mu.Lock()
	l.waiting = false
	l.beatAt = at
	l.mu.Unlock()
}

func (l *link) isPull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pulls
}
