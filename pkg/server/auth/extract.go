package auth

import (
	"net/http"
	"strings"

	"github.com/tidwall/gjson"
)

// Places says where a token may travel. The zero value allows all of them,
// under the default names.
type Places struct {
	NoAuthPayload bool   // ignore auth.token of a Socket.IO CONNECT packet
	NoHeader      bool   // ignore Authorization: Bearer
	Cookie        string // cookie name, "" means "token", "-" means no cookie
	Query         string // query parameter name, "" means "token", "-" means no query
}

// defaultName is the cookie and query parameter that a token travels in.
const defaultName = "token"

// QueryName is the query parameter that may hold a token, "" for none. Pass it
// to RedactQuery before logging a URL.
func (p Places) QueryName() string { return placeName(p.Query) }

func placeName(configured string) string {
	switch configured {
	case "":
		return defaultName
	case "-":
		return ""
	}
	return configured
}

// Extract finds the token of a handshake: r is its HTTP request, connectPayload
// the JSON object of a Socket.IO CONNECT packet (Socket.IO 5, "Connection to a
// namespace"), and either may be nil. The places are searched in this order and
// the first that holds a token counts, valid or not:
//
//  1. "token" in connectPayload
//  2. Authorization: Bearer
//  3. the cookie
//  4. the query parameter
//
// ok is false when there is no token, and also when a place is ambiguous: when
// it holds two tokens, or a JSON value that is no string. Such a handshake is
// refused instead of searched further, since a proxy in front may have checked
// the other token.
func Extract(r *http.Request, connectPayload []byte, p Places) (token string, ok bool) {
	places := []func() (string, bool){
		func() (string, bool) { return ExtractPayload(connectPayload, p) },
		func() (string, bool) { return fromHeader(r, p) },
		func() (string, bool) { return fromCookie(r, placeName(p.Cookie)) },
		func() (string, bool) { return fromQuery(r, placeName(p.Query)) },
	}
	for _, find := range places {
		token, clear := find()
		if !clear {
			return "", false
		}
		if token != "" {
			return token, true
		}
	}
	return "", false
}

// ExtractPayload is the first step of Extract, for a server that has looked at
// the request before the CONNECT packet comes. token is "" when the payload has
// none or may have none; clear is false when it is ambiguous and the handshake
// must be refused. Names are compared exactly: encoding/json would take "TOKEN"
// too, and the last of two.
func ExtractPayload(connectPayload []byte, p Places) (token string, clear bool) {
	if p.NoAuthPayload || len(connectPayload) == 0 {
		return "", true
	}
	if !gjson.ValidBytes(connectPayload) {
		return "", false
	}
	found := 0
	clear = true
	gjson.ParseBytes(connectPayload).ForEach(func(key, value gjson.Result) bool {
		if key.String() != defaultName {
			return true
		}
		found++
		switch value.Type {
		case gjson.String:
			token = value.String()
		case gjson.Null: // what clients send before they have logged in
		default:
			clear = false
		}
		return true
	})
	return token, clear && found <= 1
}

// The other finders work alike: "" when there is nothing, and false for clear
// when the place is ambiguous.

func fromHeader(r *http.Request, p Places) (token string, clear bool) {
	if p.NoHeader || r == nil {
		return "", true
	}
	lines := r.Header.Values("Authorization")
	if len(lines) > 1 {
		return "", false
	}
	if len(lines) == 0 {
		return "", true
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(lines[0]), " ")
	if !strings.EqualFold(scheme, "Bearer") { // the scheme has no case: RFC 9110, section 11.1
		return "", true
	}
	return strings.TrimSpace(rest), true
}

func fromCookie(r *http.Request, name string) (token string, clear bool) {
	if r == nil || name == "" {
		return "", true
	}
	cookies := r.CookiesNamed(name)
	if len(cookies) == 0 {
		return "", true
	}
	// Two cookies of one name mean two paths or domains; the sender of one of
	// them may be a neighbour on a shared domain.
	return cookies[0].Value, len(cookies) == 1
}

func fromQuery(r *http.Request, name string) (token string, clear bool) {
	if r == nil || r.URL == nil || name == "" || r.URL.RawQuery == "" {
		return "", true
	}
	values := r.URL.Query()[name]
	if len(values) == 0 {
		return "", true
	}
	return values[0], len(values) == 1
}
