package main

import (
	"strings"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

var issuerKeys = []string{"iss", "secret", "key", "jwks", "alg", "audience"}

// issuersOf reads the values of --issuer: iss=NAME and behind it key=FILE,
// secret=@FILE, jwks=URL, alg=… and audience=…, of which the last two may stand
// several times. Each iss begins another issuer.
func issuersOf(env *Env, values []string) (list []auth.Issuer, err error) {
	for _, field := range values {
		name, value, found := strings.Cut(strings.TrimSpace(field), "=")
		if !found || value == "" {
			return nil, hint(usagef("--issuer: %q is not NAME=VALUE", clipped(name)), "want   --issuer iss=https://id.example.com,jwks=https://id.example.com/jwks.json,alg=ES256")
		}
		if name == "iss" {
			list = append(list, auth.Issuer{Name: value})
			continue
		}
		if len(list) == 0 {
			return nil, usagef("--issuer: %s= comes before iss=", clipped(name))
		}
		i := &list[len(list)-1]
		switch name {
		case "secret":
			// A literal would be shown in errors of the flag and in process lists.
			if !strings.HasPrefix(value, "@") {
				return nil, usagef("--issuer: secret= wants @FILE")
			}
			secret, err := readValue(env, value)
			if err != nil {
				return nil, usagef("--issuer: secret: %w", err)
			}
			i.Secret = []byte(secret)
		case "key":
			keys, err := readKeyFile(value)
			if err != nil {
				return nil, err
			}
			i.Keys = append(i.Keys, keys...)
		case "jwks":
			i.JWKSURL = value
		case "alg":
			i.Algorithms = append(i.Algorithms, value)
		case "audience":
			i.Audience = append(i.Audience, value)
		default:
			return nil, usagef("--issuer: unknown name %q%s; names are %s", clipped(name), nearest.Hint(name, issuerKeys), strings.Join(issuerKeys, ", "))
		}
	}
	return list, nil
}

// clipped keeps a pasted secret out of an error.
func clipped(s string) string {
	if len(s) > 20 {
		return s[:20] + "…"
	}
	return s
}
