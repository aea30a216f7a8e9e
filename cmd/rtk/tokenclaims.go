package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// claimSet is the claims that the flags of rtk token spell out.
func (o *tokenOptions) claimSet() (map[string]any, error) {
	claims := map[string]any{}
	if o.sub != "" {
		claims["sub"] = o.sub
	}
	if o.iss != "" {
		claims["iss"] = o.iss
	}
	switch len(o.aud) {
	case 0:
	case 1:
		claims["aud"] = o.aud[0]
	default:
		claims["aud"] = o.aud
	}
	for _, text := range o.claims {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usagef("--claim %q: want NAME=VALUE, as in level=3 or roles='[\"admin\"]'", clipText(text, 40))
		}
		if _, twice := claims[name]; twice {
			return nil, usagef("--claim %q stands twice, or beside the flag of that name", clipText(name, 40))
		}
		claims[name] = claimValue(value)
	}
	return claims, nil
}

// claimValue takes JSON for what it says and anything else for text. Numbers
// keep their digits.
func claimValue(text string) any {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return text
	}
	return v
}

// clipText keeps a pasted wall of text out of an error.
func clipText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
