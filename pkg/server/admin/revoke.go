package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

// Revoker is a Gateway that can end tokens before they expire.
type Revoker interface {
	// Revoke returns the number of connections that it closed on this pod.
	Revoke(auth.Revocation) (closed int, err error)
}

const maxRevokeBytes = 8 << 10

// revokeFields are the members of a request and what a value of each must be.
var revokeFields = map[string]string{
	"jti":          "a string that is not empty",
	"sub":          "a string that is not empty",
	"iss":          "a string that is not empty",
	"issuedBefore": "a Unix time in seconds",
	"exp":          "a Unix time in seconds: when the last of the tokens expires",
}

// revoke answers POST /api/revoke.
func (a *Admin) revoke(gw Revoker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRevokeBytes))
		if err != nil {
			writeError(w, http.StatusRequestEntityTooLarge, "too_large", "the body is larger than 8 KiB, or could not be read")
			return
		}
		rev, err := parseRevocation(body)
		if err == nil {
			err = rev.Validate(time.Now())
		}
		if err != nil {
			writeError(w, http.StatusBadRequest, "invalid_request", strings.TrimPrefix(err.Error(), "revocation: "))
			return
		}
		closed, err := gw.Revoke(rev)
		if err != nil {
			a.log.Warn("revocation refused", "error", err)
			writeError(w, http.StatusInsufficientStorage, "not_revoked", err.Error())
			return
		}
		a.log.Info("tokens revoked", "by_id", rev.TokenID != "", "by_subject", rev.Subject != "", "closed_here", closed)
		writeJSON(w, http.StatusOK, map[string]any{"ok": true, "closedHere": closed, "until": rev.Until.Unix()})
	})
}

// parseRevocation checks a whole request.
func parseRevocation(body []byte) (rev auth.Revocation, err error) {
	var in map[string]json.RawMessage
	if json.Unmarshal(body, &in) != nil || in == nil {
		return rev, errors.New(`the body must be a JSON object such as {"sub":"ana"} or {"jti":"…","exp":1767096277}`)
	}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if revokeFields[k] == "" {
			return rev, fmt.Errorf("unknown field %q; fields are %s", clip(k), strings.Join(slices.Sorted(maps.Keys(revokeFields)), ", "))
		}
	}
	for key, at := range map[string]*string{"jti": &rev.TokenID, "sub": &rev.Subject, "iss": &rev.Issuer} {
		var s *string
		if raw, ok := in[key]; ok {
			if json.Unmarshal(raw, &s) != nil || s == nil || *s == "" {
				return rev, fmt.Errorf("%q must be %s", key, revokeFields[key])
			}
			*at = *s
		}
	}
	for key, at := range map[string]*time.Time{"issuedBefore": &rev.IssuedBefore, "exp": &rev.Until} {
		var n *int64
		if raw, ok := in[key]; ok {
			if json.Unmarshal(raw, &n) != nil || n == nil || *n <= 0 {
				return rev, fmt.Errorf("%q must be %s", key, revokeFields[key])
			}
			*at = time.Unix(*n, 0)
		}
	}
	return rev, nil
}
