package auth

import (
	"encoding/base64"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// header is what a token says of itself before anything of it is trusted.
type header struct {
	alg    string
	kid    string
	hasKid bool
	iss    string // of the claims: it only chooses who checks them
}

// latestDate is the last second of the year 9999. Dates beyond it are refused,
// since arithmetic on them could wrap into the past or the future.
const latestDate = 253402300799

var segment = base64.RawURLEncoding.Strict()

// precheck reads the header and looks over the claims before the JWT library
// does, for what that library lets pass: duplicate names, of which two readers
// may take different ones (RFC 7519, section 4), line ends in the base64 text,
// text that is not UTF-8, data behind the object, critical extensions (RFC 7515,
// section 4.1.11), and dates that can't be calculated with. ok is false when the token is malformed; the
// exp claim is then unknown.
func precheck(token string) (h header, hasExp, ok bool) {
	if strings.ContainsAny(token, "\r\n") {
		return header{}, false, false
	}
	first, rest, ok := strings.Cut(token, ".")
	if !ok {
		return header{}, false, false
	}
	second, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return header{}, false, false
	}
	hasAlg := false
	ok = fields(first, func(name string, v gjson.Result) bool {
		switch name {
		case "alg":
			h.alg, hasAlg = v.Str, true
			return v.Type == gjson.String
		case "kid":
			h.kid, h.hasKid = v.Str, true
			return v.Type == gjson.String
		case "crit":
			return false // no extension is understood here
		}
		return true
	})
	if !ok || !hasAlg {
		return header{}, false, false
	}
	ok = fields(second, func(name string, v gjson.Result) bool {
		switch name {
		case "exp", "nbf", "iat":
			hasExp = hasExp || name == "exp"
			return v.Type == gjson.Number && math.Abs(v.Num) <= latestDate
		case "iss":
			h.iss = v.Str
			return v.Type == gjson.String
		case "sub", "jti":
			return v.Type == gjson.String
		case "aud":
			return v.Type == gjson.String || v.IsArray()
		}
		return true
	})
	return h, hasExp, ok
}

// fields calls visit for each member of the JSON object in a base64url segment
// and reports whether it is one, without duplicate names, and visit was content.
func fields(encoded string, visit func(name string, v gjson.Result) bool) bool {
	data, err := segment.DecodeString(encoded)
	if err != nil || !utf8.Valid(data) || !gjson.ValidBytes(data) {
		return false
	}
	object := gjson.ParseBytes(data)
	if !object.IsObject() {
		return false
	}
	seen := make(map[string]struct{}, 8)
	ok := true
	object.ForEach(func(key, v gjson.Result) bool {
		name := key.String()
		if _, twice := seen[name]; twice || !visit(name, v) {
			ok = false
			return false
		}
		seen[name] = struct{}{}
		return true
	})
	return ok
}
