package server

import (
	"math"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// peeked is what the front of an EVENT packet tells, without a look at the
// payload.
type peeked struct {
	ns          []byte
	id          int64
	attachments int
	data        []byte // ["name",arguments…]
}

// peekEvent reads the front of an EVENT or BINARY_EVENT packet. ok is false for
// other packets; a malformed front is left to the parser.
func peekEvent(b []byte) (p peeked, ok bool) {
	if len(b) == 0 || b[0] != '2' && b[0] != '5' {
		return p, false
	}
	binary, tooLong := b[0] == '5', false
	b = b[1:]
	p.ns, p.id = rootNS, socketio.NoID
	number := func() int64 {
		n := int64(-1)
		for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
			if n > math.MaxInt64/10-1 {
				n, tooLong = 0, true
			}
			n = max(n, 0)*10 + int64(b[0]-'0')
			b = b[1:]
		}
		return n
	}
	if binary {
		p.attachments = int(max(number(), 0))
		if len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	if len(b) > 0 && b[0] == '/' {
		end := 0
		for end < len(b) && b[end] != ',' {
			end++
		}
		p.ns = b[:end]
		b = b[min(end+1, len(b)):]
	}
	p.id = number()
	p.data = b
	return p, !tooLong
}

var rootNS = []byte("/")

// event is the name of the event, "" when there is none to be read.
func (p *peeked) event() string {
	name, _, err := socketio.SplitEventBytes(p.data)
	if err != nil {
		return ""
	}
	return string(name)
}

// allow asks the throttle for one message event. The second result says how
// long a refused client should wait; an error, that it was refused too often.
//
// size is that of the message, event its name, which is asked for only if some
// event has a limit of its own.
func (l *link) allow(ns []byte, size int, event func() string) (ok bool, retry time.Duration, err error) {
	limit, own := *l.srv.throttle.Load(), true
	g := l.srv.limits.Load()
	if g == nil && limit.Off() {
		return true, 0, nil
	}
	now := l.srv.wheel.now()
	if g != nil {
		ok, retry, own = g.message(l, limit, now, ns, size, event)
	} else {
		ok, retry = l.bucket.Allow(limit, now)
	}
	if ok {
		return true, 0, nil
	}
	l.srv.count.throttled.Add(1)
	// What others used up is not this client's fault.
	if own && l.strikes.Refused(int(l.srv.throttleStrikes.Load()), StrikeWindow, now) {
		l.srv.count.strikes.Add(1)
		return false, retry, errStruckOut
	}
	return false, max(retry, time.Millisecond), nil
}

// admit asks the throttle for an event before it is decoded, and tells the
// client of a refusal.
func (l *link) admit(e peeked, size int) (ok bool, err error) {
	ok, retry, err := l.allow(e.ns, size, e.event)
	if ok {
		return true, nil
	}
	c := l.conn(e.ns)
	if c == nil {
		return false, errNotConnected
	}
	object := c.errorObject(errRateLimited, retry)
	if e.id >= 0 {
		c.ack(e.id, Reply{Args: object})
	} else {
		c.exception(object)
	}
	return false, err
}

var errRateLimited = &Error{Code: codeRateLimited, Message: "too many messages: slow down"}

// effectiveThrottle is the limit that applies, with its fault.
func effectiveThrottle(o *Options) throttle.Limit {
	limit := o.Throttle
	if f := o.Faults; f != nil {
		switch {
		case f.ThrottleOff:
			return throttle.Limit{}
		case f.ThrottleLate && !limit.Off():
			limit.Burst = 10 * max(limit.Burst, 1)
		}
	}
	return limit
}
