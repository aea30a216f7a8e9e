package server

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// Limits are the throttles beyond Options.Throttle. The zero value limits
// nothing.
type Limits struct {
	// Rules are the limits. Conn.Messages is Options.Throttle when it is zero.
	Rules throttle.Rules
	// DryRun counts what would be refused, and how long it would have to wait,
	// and refuses nothing. It holds for Options.Throttle too.
	DryRun bool
	// Shared keeps the buckets of users and addresses for several pods; nil, or
	// when it does not know, each pod has its own. The caller closes it after
	// Shutdown.
	Shared throttle.Shared
	// TrustedProxies are the addresses whose X-Forwarded-For counts. None by
	// default: anybody can send that header.
	TrustedProxies []netip.Prefix
	// Keys bounds the buckets of each limit by user, address or room; 0 is
	// throttle.DefaultTableKeys.
	Keys int
}

// scopedLimit is one limit of a Limits with its buckets.
type scopedLimit struct {
	name   string // "user.messages"
	limit  throttle.Limit
	table  *throttle.Table
	shared throttle.Shared // nil: local
}

func (s *scopedLimit) allow(key string, n int, now time.Duration) (ok bool, retry time.Duration) {
	if s.limit.Off() {
		return true, 0
	}
	if s.shared != nil {
		if ok, retry, known := s.shared.AllowN(s.name+"\x00"+key, s.limit, n); known {
			return ok, retry
		}
	}
	return s.table.AllowN(key, s.limit, n, now)
}

// scope is the limits of a user, an address or a room.
type scope struct{ messages, bytes, joins, connects scopedLimit }

func (s *scope) on() bool {
	return !s.messages.limit.Off() || !s.bytes.limit.Off() || !s.joins.limit.Off() || !s.connects.limit.Off()
}

// limits is the state behind Options.Limits; nil when there is only
// Options.Throttle, which link.allow looks after.
type limits struct {
	dry            bool
	clock          *wheel
	proxies        []netip.Prefix
	conn           throttle.Rates
	user, ip, room scope
	events         []throttle.Limit
	names          map[string]int // of events, to indices in events

	count *limitCounts
}

// limitCounts outlive a change of the limits.
type limitCounts struct {
	refused, would tally // by name of the limit
	waits          throttle.Histogram
}

func newLimitCounts() *limitCounts {
	return &limitCounts{refused: tally{by: make(map[string]uint64)}, would: tally{by: make(map[string]uint64)}}
}

// newLimits returns nil when o asks for nothing beyond the messages of one
// connection. The buckets of prev, which may be nil, stay as full as they are.
func newLimits(o *Limits, clock *wheel, count *limitCounts, prev *limits) *limits {
	g := &limits{dry: o.DryRun, clock: clock, proxies: o.TrustedProxies, conn: o.Rules.Conn, count: count}
	if prev == nil {
		prev = &limits{}
	}
	set := func(s, old *scope, name string, r *throttle.Rates, shared throttle.Shared) {
		for _, l := range []struct {
			at    *scopedLimit
			table *throttle.Table
			kind  string
			limit throttle.Limit
		}{
			{&s.messages, old.messages.table, "messages", r.Messages},
			{&s.bytes, old.bytes.table, "bytes", r.Bytes},
			{&s.joins, old.joins.table, "joins", r.Joins},
			{&s.connects, old.connects.table, "connects", r.Connects},
		} {
			if l.limit.Off() {
				continue
			}
			if l.table == nil {
				l.table = throttle.NewTable(o.Keys)
			}
			*l.at = scopedLimit{name + "." + l.kind, l.limit, l.table, shared}
		}
	}
	set(&g.user, &prev.user, "user", &o.Rules.User, o.Shared)
	set(&g.ip, &prev.ip, "ip", &o.Rules.IP, o.Shared)
	set(&g.room, &prev.room, "room", &o.Rules.Room, nil)
	if len(o.Rules.Events) > 0 {
		g.names = make(map[string]int, len(o.Rules.Events))
		for name, l := range o.Rules.Events {
			g.names[name] = len(g.events)
			g.events = append(g.events, l)
		}
	}
	if !g.dry && !g.user.on() && !g.ip.on() && !g.room.on() && len(g.events) == 0 &&
		g.conn.Bytes.Off() && g.conn.Joins.Off() {
		return nil
	}
	return g
}

// linkLimits is what a link keeps for its limits. inMu of the link guards bytes
// and events, mu guards joins.
type linkLimits struct {
	ip     string
	bytes  throttle.Bucket
	events []throttle.Bucket // by index in of.events
	of     *limits

	mu    sync.Mutex
	joins throttle.Bucket
}

// newLink makes what one link needs, so that nothing is allocated later.
func (g *limits) newLink(r *http.Request) *linkLimits {
	if g == nil {
		return nil
	}
	return &linkLimits{ip: clientIP(r, g.proxies), events: make([]throttle.Bucket, len(g.events)), of: g}
}

// ownLimits returns what a link keeps for its limits. A link that came when there
// were no limits gets it now: no proxy was trusted then.
func (l *link) ownLimits(g *limits) *linkLimits {
	if own := l.limits.Load(); own != nil {
		return own
	}
	l.limits.CompareAndSwap(nil, g.newLink(&http.Request{RemoteAddr: l.remote}))
	return l.limits.Load()
}

// adopt goes over to changed limits. Buckets of events that have one still stay
// as they are. The caller holds inMu of the link.
func (own *linkLimits) adopt(g *limits) {
	events := make([]throttle.Bucket, len(g.events))
	for name, i := range g.names {
		if was, has := own.of.names[name]; has {
			events[i] = own.events[was]
		}
	}
	own.events, own.of = events, g
}

// decide counts a refusal; in a dry run it lets the event pass.
func (g *limits) decide(name string, ok bool, retry time.Duration) bool {
	if ok {
		return true
	}
	if g.dry {
		g.count.would.add(name)
		g.count.waits.Add(retry)
		return true
	}
	g.count.refused.add(name)
	return false
}

// message asks all limits of a message. own says that the limit is one of the
// connection alone, so that the refusal is its own doing. event gives the name
// and is called only if some event has a limit. messages is the limit of the
// connection, which may change while the server runs. The caller holds l.inMu.
func (g *limits) message(l *link, messages throttle.Limit, now time.Duration, ns []byte, size int, event func() string) (ok bool, retry time.Duration, own bool) {
	mine := l.ownLimits(g)
	if mine.of != g {
		mine.adopt(g)
	}
	var name string
	if i, has := g.event(event); has {
		name = "event"
		ok, retry = mine.events[i].Allow(g.events[i], now)
	} else {
		name = "conn.messages"
		ok, retry = l.bucket.Allow(messages, now)
	}
	if !g.decide(name, ok, retry) {
		return false, retry, true
	}
	if ok, retry = mine.bytes.AllowN(g.conn.Bytes, size, now); !g.decide("conn.bytes", ok, retry) {
		return false, retry, true
	}
	if g.ip.on() {
		if ok, retry = g.both(&g.ip, mine.ip, size, now); !ok {
			return false, retry, false
		}
	}
	if g.user.on() {
		if c := l.conn(ns); c != nil {
			if user, has := c.Identity().User(); has {
				if ok, retry = g.both(&g.user, user, size, now); !ok {
					return false, retry, false
				}
			}
		}
	}
	return true, 0, false
}

func (g *limits) event(name func() string) (i int, has bool) {
	if len(g.names) == 0 {
		return 0, false
	}
	i, has = g.names[name()]
	return i, has
}

// both asks the limits of messages and of bytes.
func (g *limits) both(s *scope, key string, size int, now time.Duration) (ok bool, retry time.Duration) {
	ok, retry = s.messages.allow(key, 1, now)
	if !g.decide(s.messages.name, ok, retry) {
		return false, retry
	}
	ok, retry = s.bytes.allow(key, size, now)
	return g.decide(s.bytes.name, ok, retry), retry
}

// join asks all limits of joining a room.
func (g *limits) join(c *Conn, room string) error {
	if g == nil {
		return nil
	}
	now := g.clock.now()
	own := c.link.ownLimits(g)
	own.mu.Lock()
	ok, retry := own.joins.Allow(g.conn.Joins, now)
	own.mu.Unlock()
	if !g.decide("conn.joins", ok, retry) {
		return &throttled{retry, "joins"}
	}
	ok, retry = g.ip.joins.allow(own.ip, 1, now)
	if !g.decide(g.ip.joins.name, ok, retry) {
		return &throttled{retry, "joins"}
	}
	if user, has := c.Identity().User(); has {
		ok, retry = g.user.joins.allow(user, 1, now)
		if !g.decide(g.user.joins.name, ok, retry) {
			return &throttled{retry, "joins"}
		}
	}
	if !g.room.joins.limit.Off() {
		ok, retry = g.room.joins.allow(roomKey(c.ns, room), 1, now)
		if !g.decide(g.room.joins.name, ok, retry) {
			return &throttled{retry, "joins"}
		}
	}
	return nil
}

// emit asks the limits of a room for a message of a client to it.
func (g *limits) emit(n *Namespace, room string, size int) error {
	if g == nil || g.room.messages.limit.Off() && g.room.bytes.limit.Off() {
		return nil
	}
	if ok, retry := g.both(&g.room, roomKey(n, room), size, g.clock.now()); !ok {
		return &throttled{retry, "messages to this room"}
	}
	return nil
}

func roomKey(n *Namespace, room string) string { return n.name + "\x00" + room }

// connectIP asks the limit of connections for the address of a request, before
// anything is done for it. When it returns false it has answered.
func (g *limits) connectIP(w http.ResponseWriter, r *http.Request) bool {
	if g == nil || g.ip.connects.limit.Off() || r.Method == http.MethodOptions {
		return true
	}
	ok, retry := g.ip.connects.allow(clientIP(r, g.proxies), 1, g.clock.now())
	if g.decide(g.ip.connects.name, ok, retry) {
		return true
	}
	writeThrottled(w, &throttled{retry, "connections"})
	return false
}

// connectUser asks the limit of connections for who the token names.
func (g *limits) connectUser(id *auth.Identity) *throttled {
	if g == nil || g.user.connects.limit.Off() {
		return nil
	}
	user, has := id.User()
	if !has {
		return nil
	}
	ok, retry := g.user.connects.allow(user, 1, g.clock.now())
	if g.decide(g.user.connects.name, ok, retry) {
		return nil
	}
	return &throttled{retry, "connections"}
}

// throttled is the error of a limit.
type throttled struct {
	retry time.Duration
	what  string
}

func (t *throttled) Error() string     { return "too many " + t.what + ": slow down" }
func (t *throttled) ErrorCode() string { return codeRateLimited }

// retryMillis is when to try again, in whole milliseconds, at least 1.
func (t *throttled) retryMillis() int64 {
	return max(int64((t.retry+time.Millisecond-1)/time.Millisecond), 1)
}

// data is what goes with a CONNECT_ERROR: {"code":…,"retryAfterMs":…}.
func (t *throttled) data() []byte {
	b := append([]byte(nil), `{"code":"`+codeRateLimited+`","retryAfterMs":`...)
	return append(strconv.AppendInt(b, t.retryMillis(), 10), '}')
}

// writeThrottled answers 429 (RFC 6585) with Retry-After in whole seconds and
// retryAfterMs in the body.
func writeThrottled(w http.ResponseWriter, t *throttled) {
	h := w.Header()
	h.Set("Retry-After", strconv.FormatInt((t.retryMillis()+999)/1000, 10))
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Del("X-Accel-Buffering")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write(append(errorObject(t, 0), '\n'))
}

// count adds the totals to a pod's statistics.
func (s *Server) countLimits(r *stats.Refusals) {
	r.ThrottledByLimit, _ = s.limitCounts.refused.snapshot()
	if len(r.ThrottledByLimit) == 0 {
		r.ThrottledByLimit = nil
	}
	if g := s.limits.Load(); g == nil || !g.dry {
		return
	}
	r.WouldThrottle, _ = s.limitCounts.would.snapshot()
	counts, sum := s.limitCounts.waits.Snapshot()
	r.WouldWait = &stats.Waits{Counts: counts, SumSeconds: sum.Seconds()}
	for _, b := range throttle.WaitBounds {
		r.WouldWait.BoundsSeconds = append(r.WouldWait.BoundsSeconds, b.Seconds())
	}
}
