package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// keyed lets requests with the bearer key through, all when no key is set.
func (a *Admin) keyed(next http.Handler) http.Handler {
	if a.opts.Key == "" {
		return next
	}
	// Hashes have one length, so that the comparison tells nothing of the
	// key's.
	want := sha256.Sum256([]byte(a.opts.Key))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(key)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="rtk admin"`)
			writeError(w, http.StatusUnauthorized, "bad_admin_key", "want the admin key as Authorization: Bearer KEY")
			return
		}
		next.ServeHTTP(w, r)
	})
}
