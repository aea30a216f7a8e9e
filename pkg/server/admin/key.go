package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// keyed lets requests with the admin key through, all when no key is set.
func (a *Admin) keyed(next http.Handler) http.Handler { return bearer(a.opts.Key, "admin", next) }

// bearer lets requests with the key through, all when it is empty. name is what
// the key is called.
func bearer(key, name string, next http.Handler) http.Handler {
	if key == "" {
		return next
	}
	// Hashes have one length, so that the comparison tells nothing of the
	// key's.
	want := sha256.Sum256([]byte(key))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(key)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="rtk `+name+`"`)
			writeError(w, http.StatusUnauthorized, "bad_"+name+"_key", "want the "+name+" key as Authorization: Bearer KEY")
			return
		}
		next.ServeHTTP(w, r)
	})
}
