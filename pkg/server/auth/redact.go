package auth

import (
	"net/url"
	"strings"
)

// Redacted stands for a value that was taken out.
const Redacted = "REDACTED"

// RedactQuery returns a URL or request target with the values of the named query
// parameters replaced, for logs and errors; without names it is "token". A value
// that looks like a JWT is replaced under any name. It works on text that is no valid URL too, and rather takes out too much: names
// are compared without case, and a name that can't be decoded counts as a match.
func RedactQuery(u string, names ...string) string {
	path, query, ok := strings.Cut(u, "?")
	if !ok {
		return u
	}
	if len(names) == 0 {
		names = []string{defaultName}
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	var b strings.Builder
	b.Grow(len(u))
	b.WriteString(path)
	b.WriteByte('?')
	for len(query) > 0 {
		end := strings.IndexAny(query, "&;")
		pair, separator := query, ""
		if end >= 0 {
			pair, separator = query[:end], query[end:end+1]
		}
		query = query[len(pair)+len(separator):]
		name, value, _ := strings.Cut(pair, "=")
		b.WriteString(name)
		if len(name) < len(pair) {
			b.WriteByte('=')
			if value != "" && (matches(name, names) || looksSigned(value)) {
				value = Redacted
			}
			b.WriteString(value)
		}
		b.WriteString(separator)
	}
	if hasFragment {
		b.WriteByte('#')
		if fragment != "" {
			b.WriteString(Redacted) // OAuth responses carry tokens there
		}
	}
	return b.String()
}

func matches(name string, names []string) bool {
	decoded, err := url.QueryUnescape(name)
	if err != nil {
		return true
	}
	for _, n := range names {
		if strings.EqualFold(decoded, n) {
			return true
		}
	}
	return false
}

// looksSigned reports whether a value has the shape of a JWT: "eyJ" is how the
// base64 of a JSON object begins.
func looksSigned(value string) bool {
	return strings.HasPrefix(value, "eyJ") && strings.Count(value, ".") == 2
}
