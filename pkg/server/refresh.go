package server

import (
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// The event that warns a client before its token expires, and the one with
// which it sends a new token. Where tokens are verified no handler gets the
// latter.
const (
	expiringEvent = "token_expiring"
	refreshEvent  = "auth.refresh"
)

// expire sets the end of the token and the time of the warning. The caller
// holds l.mu.
func (l *link) expire(at time.Duration) {
	l.expiresAt, l.warnAt = at, 0
	if before := l.srv.opts.ExpiryWarning; before > 0 {
		l.warnAt = max(at-before, 1)
	}
}

// warnExpiry tells the client's namespaces that the token is about to expire.
// It runs on the wheel's goroutine.
func (l *link) warnExpiry() {
	l.connsMu.Lock()
	conns := append([]*Conn(nil), l.conns...)
	l.connsMu.Unlock()
	for _, c := range conns {
		id := c.Identity()
		if id == nil || id.ExpiresAt.IsZero() || time.Until(id.ExpiresAt) > l.srv.opts.ExpiryWarning+time.Second {
			continue // another namespace's token
		}
		_ = c.EmitRaw(expiringEvent, appendExpiry([]byte(`{`), id)) // it may have ended
	}
}

// appendExpiry appends "expiresAt":MILLISECONDS}.
func appendExpiry(dst []byte, id *auth.Identity) []byte {
	dst = append(dst, `"expiresAt":`...)
	return append(strconv.AppendInt(dst, id.ExpiresAt.UnixMilli(), 10), '}')
}

// refresh takes a new token: the first argument is {"token":"…"}. It must be of
// the same subject and issuer; it counts for all namespaces of the connection
// that have them. The connection stays as it is when the token is refused.
func (c *Conn) refresh(args []byte) (Reply, error) {
	l := c.link
	was := c.Identity()
	if was == nil { // let in by a fault
		return Reply{}, errUnknownEvent
	}
	payload, _, _ := rawjson.Next(args)
	token, clear := auth.ExtractPayload(payload, auth.Places{})
	id, no := l.srv.verify(l.context(), token, clear && token != "")
	switch {
	case no != nil:
		return Reply{}, &Error{Code: no.code, Message: (&auth.Error{Code: no.code}).Error()}
	case id == nil:
		return Reply{}, errUnknownEvent
	case id.Subject != was.Subject || id.Issuer != was.Issuer:
		return Reply{}, &Error{Code: "token_other_subject", Message: "the token is somebody else's: connect anew with it"}
	}
	l.renew(id)
	return Reply{Args: appendExpiry([]byte(`{"ok":true,`), id)}, nil
}

// renew puts id in the place of the identities of the same subject, and takes
// the connections out of rooms that it has no right to.
func (l *link) renew(id *auth.Identity) {
	l.connsMu.Lock()
	conns := append([]*Conn(nil), l.conns...)
	l.connsMu.Unlock()
	end := id.ExpiresAt
	for _, c := range conns {
		was := c.Identity()
		if was == nil {
			continue
		}
		if was.Subject != id.Subject || was.Issuer != id.Issuer {
			if was.ExpiresAt.Before(end) {
				end = was.ExpiresAt
			}
			continue
		}
		c.renewed.Store(id)
		for _, room := range c.Rooms() {
			if c.MayJoin(room) != nil {
				c.Leave(room)
			}
		}
	}
	if e := l.engine; e != nil && e.identity != nil && e.identity.Subject == id.Subject && e.identity.Issuer == id.Issuer {
		e.identity = id // of namespaces that are joined later; inMu is held
	}
	at := max(l.srv.wheel.now()+time.Until(end), 1)
	l.mu.Lock()
	l.expire(at)
	l.mu.Unlock()
	l.watch()
	if l.srv.revoked.Has(id) {
		l.bye(reasonRevoked, closePolicy)
	}
}
