package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// refusal is a token that was not accepted.
type refusal struct {
	code string
	// late lets the client in for now: a fault that was asked for.
	late bool
}

// verify checks the token of a handshake. Both results are nil on an open
// gateway.
func (s *Server) verify(ctx context.Context, token string, found bool) (*auth.Identity, *refusal) {
	if s.opts.Auth == nil {
		return nil, nil
	}
	f := s.opts.Faults
	if f != nil && f.AuthOff {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.HandshakeTimeout)
	defer cancel()
	code := auth.CodeTokenMissing
	if found {
		id, err := s.opts.Auth.Verify(ctx, token)
		if err == nil && s.revoked.Has(id) {
			err = &auth.Error{Code: auth.CodeTokenRevoked}
		}
		if err == nil {
			return id, nil
		}
		code = auth.CodeKeyUnavailable
		if e, ok := errors.AsType[*auth.Error](err); ok {
			code = e.Code
		}
	}
	s.count.auth.add(code)
	return nil, &refusal{code: code, late: f != nil && f.AuthLate}
}

// data is the JSON that goes with the refusal: {"code":…}.
func (r *refusal) data() []byte {
	b := append([]byte(nil), `{"code":`...)
	b = rawjson.AppendQuote(b, r.code)
	return append(b, '}')
}

// authorize verifies the token of an HTTP handshake. When it returns ok false
// it has answered the request.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) (id *auth.Identity, late, ok bool) {
	token, found := auth.Extract(r, nil, s.opts.AuthPlaces)
	id, no := s.verify(r.Context(), token, found)
	if no == nil || no.late {
		if t := s.limits.Load().connectUser(id); t != nil {
			s.count.handshake.add("throttled")
			writeThrottled(w, t)
			return nil, false, false
		}
		return id, no != nil, true
	}
	h := w.Header()
	h.Set("WWW-Authenticate", `Bearer realm="rtk"`)
	status := http.StatusUnauthorized
	if no.code == auth.CodeKeyUnavailable {
		h.Del("WWW-Authenticate")
		h.Set("Retry-After", "5")
		status = http.StatusServiceUnavailable
	}
	writeError(w, status, no.code, (&auth.Error{Code: no.code}).Error())
	return nil, false, false
}

// The event that the fault AuthLeak sends to clients with a bad token.
const (
	leakEvent = "message"
	leakData  = `{"leak":true}`
)

// leaks reports whether the request is to be served the fault AuthLeak.
func (s *Server) leaks(r *http.Request) bool {
	if s.opts.Faults == nil || !s.opts.Faults.AuthLeak {
		return false
	}
	token, found := auth.Extract(r, nil, s.opts.AuthPlaces)
	_, no := s.verify(r.Context(), token, found)
	return no != nil
}

// writeError answers a request with {"error":{"code":…,"message":…}}.
func writeError(w http.ResponseWriter, status int, code, message string) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	body := append([]byte(nil), `{"error":{"code":`...)
	body = rawjson.AppendQuote(body, code)
	body = append(body, `,"message":`...)
	body = rawjson.AppendQuote(body, message)
	body = append(body, "}}\n"...)
	_, _ = w.Write(body)
}

// evict disconnects a client that AuthLate has let in.
func (l *link) evict() {
	at := l.srv.wheel.now() + AuthLateAfter
	l.mu.Lock()
	if l.expiresAt == 0 || at < l.expiresAt {
		l.expiresAt = at
	}
	l.mu.Unlock()
	l.watch()
}

// bound closes the link when the token runs out.
func (l *link) bound(id *auth.Identity) {
	if id == nil || id.ExpiresAt.IsZero() {
		return
	}
	at := max(l.srv.wheel.now()+time.Until(id.ExpiresAt), 1)
	l.mu.Lock()
	if l.expiresAt == 0 || at < l.expiresAt {
		l.expire(at)
	}
	l.mu.Unlock()
	l.watch()
	if l.srv.revoked.Has(id) { // since it was verified
		l.bye(reasonRevoked, closePolicy)
	}
}

// cutToken is a raw query without the value of the token parameter.
func cutToken(query string, p auth.Places) string {
	if query == "" {
		return ""
	}
	names := []string{}
	if name := p.QueryName(); name != "" {
		names = append(names, name)
	}
	return strings.Clone(strings.TrimPrefix(auth.RedactQuery("?"+query, names...), "?"))
}

// withoutToken is a CONNECT payload without its token member.
func withoutToken(payload []byte) []byte {
	if _, has := rawjson.Member(payload, "token"); !has {
		return payload
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return nil
	}
	delete(members, "token")
	b, _ := json.Marshal(members)
	return b
}
