package server

import (
	"net/http"
	"net/url"
	"strings"
)

// origins is the one allow-list for WebSocket upgrades, which browsers do not
// protect, and for CORS.
type origins struct {
	any  bool
	list map[string]bool // lower-case; empty: same origin only
}

func newOrigins(names []string) origins {
	o := origins{list: make(map[string]bool, len(names))}
	for _, name := range names {
		if name == "*" {
			o.any = true
		}
		o.list[strings.ToLower(strings.TrimSuffix(name, "/"))] = true
	}
	return o
}

// allow reports whether a request may be served, and sets the CORS headers of
// its answer (Fetch standard, "CORS protocol"). A request without Origin passes.
func (o origins) allow(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !o.any && !o.list[strings.ToLower(origin)] {
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	}
	// The origin is named even when any is allowed: browsers refuse "*" for
	// requests with credentials.
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	return true
}

// preflight answers OPTIONS (Fetch standard, "CORS-preflight request").
func (o origins) preflight(w http.ResponseWriter, r *http.Request, methods string) {
	h := w.Header()
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", methods)
		if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
			h.Add("Vary", "Access-Control-Request-Headers")
			h.Set("Access-Control-Allow-Headers", names)
		}
		h.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}
