package auth

import (
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The iss of a token selects keys and algorithms, and no others are tried.
func TestSeveralIssuers(t *testing.T) {
	t.Parallel()
	other := []byte("abcdefabcdefabcdefabcdefabcdefab")
	v := mustNew(t, Options{
		Secret: testSecret,
		Issuers: []Issuer{
			{Name: "https://a", Keys: publicPEM(t, "p256")},
			{Name: "https://b", Secret: other, Algorithms: []string{"HS512"}, Audience: []string{"b"}},
			{Name: "https://c", Keys: publicPEM(t, "rsa"), Algorithms: []string{"PS256"}},
		},
	})
	keys := testKeys()
	from := func(iss string, more ...string) func(h, c map[string]any) {
		return func(_, c map[string]any) {
			if iss != "" {
				c["iss"] = iss
			}
			for _, aud := range more {
				c["aud"] = aud
			}
		}
	}
	for _, tc := range []struct {
		name string
		alg  string
		key  any
		with func(h, c map[string]any)
		want Code
	}{
		{"the right key", "ES256", keys["p256"], from("https://a"), ""},
		{"no issuer, the gateway's own key", "HS256", testSecret, from(""), ""},
		{"an unknown issuer, the gateway's own key", "HS256", testSecret, from("https://x"), ""},
		{"the gateway's own key in the name of an issuer", "HS256", testSecret, from("https://a"), CodeTokenBadAlgorithm},
		{"another issuer's key", "ES256", keys["p256"], from("https://b"), CodeTokenBadAlgorithm},
		{"another issuer's key of the right kind", "HS512", testSecret, from("https://b", "b"), CodeTokenBadSignature},
		{"the right key and audience", "HS512", other, from("https://b", "b"), ""},
		{"the wrong audience", "HS512", other, from("https://b", "a"), CodeTokenBadAudience},
		{"an algorithm that is not the issuer's", "RS256", keys["rsa"], from("https://c"), CodeTokenBadAlgorithm},
		{"a public key as a secret", "HS256", publicPEM(t, "rsa"), from("https://c"), CodeTokenBadAlgorithm},
		{"an issuer's key without its name", "ES256", keys["p256"], from(""), CodeTokenBadAlgorithm},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key := tc.key
			if _, ok := jwt.GetSigningMethod(tc.alg).(*jwt.SigningMethodHMAC); ok {
				key = tc.key.([]byte)
			}
			if got := verdict(t, v, signed(t, tc.alg, key, time.Now().Add(time.Hour), tc.with)); got != tc.want {
				t.Errorf("verdict %q, want %q", got, tc.want)
			}
		})
	}
	if got, want := v.Algorithms(), []string{"ES256", "HS256", "HS384", "HS512", "PS256"}; !slices.Equal(got, want) {
		t.Errorf("algorithms %v, want %v", got, want)
	}
	only := mustNew(t, Options{Issuers: []Issuer{{Name: "https://a", Keys: publicPEM(t, "p256")}}})
	if got := verdict(t, only, signed(t, "ES256", keys["p256"], time.Now().Add(time.Hour), from("https://x"))); got != CodeTokenBadIssuer {
		t.Errorf("an unknown issuer: %q, want %q", got, CodeTokenBadIssuer)
	}
}

func TestIssuerErrors(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]Issuer{
		"no name":      {{Secret: testSecret}},
		"twice":        {{Name: "a", Secret: testSecret}, {Name: "a", Secret: testSecret}},
		"no key":       {{Name: "a"}},
		"short secret": {{Name: "a", Secret: []byte("x")}},
	} {
		if v, err := New(Options{Issuers: list}); err == nil {
			v.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
