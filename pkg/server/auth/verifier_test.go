package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	secret := testSecret
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"nothing", Options{}, "nothing to verify tokens with"},
		{"empty secret", Options{Secret: []byte{}}, "has 0 bytes, need at least 32"},
		{"short secret", Options{Secret: []byte("short")}, `has 5 bytes, need at least 32: make one with "openssl rand`},
		{"public key as secret", Options{Secret: publicPEM(t, "rsa")}, "is a PEM file"},
		{"empty audience", Options{Secret: secret, Audience: []string{"chat", ""}}, "an audience is empty"},
		{"empty issuer", Options{Secret: secret, Issuer: []string{""}}, "an issuer is empty"},
		{"long leeway", Options{Secret: secret, Leeway: time.Minute}, "leeway 1m0s is too long: at most 30s"},
		{"none", Options{Secret: secret, Algorithms: []string{"none"}}, "tokens that nobody signed"},
		{"unknown algorithm", Options{Secret: secret, Algorithms: []string{"HS257"}}, `unknown algorithm "HS257": use any of HS256`},
		{"lower case", Options{Secret: secret, Algorithms: []string{"hs256"}}, `unknown algorithm "hs256"`},
		{"algorithm without its key", Options{Secret: secret, Algorithms: []string{"RS256"}}, "no key given can verify algorithm RS256"},
		{"algorithm without its secret", Options{Keys: publicPEM(t, "rsa"), Algorithms: []string{"HS256"}}, "HS256 needs a secret"},
		{"other curve", Options{Keys: publicPEM(t, "p256"), Algorithms: []string{"ES384"}}, "no key given can verify algorithm ES384"},
		{"key set by plain http", Options{JWKSURL: "http://issuer.test/keys"}, "over plain http"},
		{"key set from a file", Options{JWKSURL: "file:///etc/passwd"}, "not a URL with a host"},
		{"key set of another scheme", Options{JWKSURL: "ftp://issuer.test/keys"}, `scheme "ftp"`},
		{"key set URL with a secret", Options{JWKSURL: "issuer.test/keys?key=hush"}, "not a URL with a host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := New(tt.o)
			if err == nil {
				v.Close()
				t.Fatal("New succeeded")
			}
			if !strings.HasPrefix(err.Error(), "auth: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New error = %q, want auth: … %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "BEGIN PUBLIC") {
				t.Errorf("New error holds a secret: %q", err)
			}
		})
	}
}

func TestAlgorithmsFollowFromTheKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"secret", Options{Secret: testSecret}, "HS256 HS384 HS512"},
		{"RSA", Options{Keys: publicPEM(t, "rsa")}, "RS256 RS384 RS512 PS256 PS384 PS512"},
		{"P-256", Options{Keys: publicPEM(t, "p256")}, "ES256"},
		{"P-384", Options{Keys: publicPEM(t, "p384")}, "ES384"},
		{"P-521", Options{Keys: publicPEM(t, "p521")}, "ES512"},
		{"Ed25519", Options{Keys: publicPEM(t, "ed25519")}, "EdDSA"},
		{"two kinds", Options{Keys: append(publicPEM(t, "p256"), publicPEM(t, "ed25519")...)}, "ES256 EdDSA"},
		{"as listed", Options{Keys: publicPEM(t, "rsa"), Algorithms: []string{"PS256", "RS512", "PS256"}}, "PS256 RS512"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(mustNew(t, tt.o).Algorithms(), " "); got != tt.want {
				t.Errorf("algorithms %s, want %s", got, tt.want)
			}
		})
	}
}

func TestVerifyForm(t *testing.T) {
	t.Parallel()
	exp := time.Now().Add(time.Minute).Unix()
	claims := fmt.Sprintf(`{"sub":"ana","exp":%d}`, exp)
	with := func(header, claims string) string { return raw(t, header, claims, "HS256", testSecret) }
	h := `{"alg":"HS256","typ":"JWT"}`
	sound := with(h, claims)
	longestPad := strings.Repeat("x", 100)
	tests := []struct {
		name  string
		token string
		want  string
	}{
		{"sound", sound, ""},
		{"header in another order and with more in it", with(`{"x5u":"https://evil.test","jku":"https://evil.test","alg":"HS256","kid":"any"}`, claims), ""},
		{"dates with fractions", with(h, fmt.Sprintf(`{"exp":%d.5,"iat":%d.25}`, exp, exp-61)), ""},
		{"none given", "", CodeTokenMissing},
		{"blank", " ", CodeTokenMalformed},
		{"no dots", "abc", CodeTokenMalformed},
		{"two parts", b64(h) + "." + b64(claims), CodeTokenMalformed},
		{"four parts", sound + ".x", CodeTokenMalformed},
		{"dots alone", "..", CodeTokenMalformed},
		{"empty signature", strings.TrimRight(sound, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"), CodeTokenBadSignature},
		{"newline behind", sound + "\n", CodeTokenMalformed},
		{"newline within", sound[:9] + "\r\n" + sound[9:], CodeTokenMalformed},
		{"padding", sound + "=", CodeTokenMalformed},
		{"standard base64", strings.ReplaceAll(with(h, `{"sub":"???>>>","exp":9}`), "_", "/"), CodeTokenMalformed},
		{"header is no JSON", with(`{"alg":`, claims), CodeTokenMalformed},
		{"header is an array", with(`["alg","HS256"]`, claims), CodeTokenMalformed},
		{"data behind the header", with(h+`{}`, claims), CodeTokenMalformed},
		{"data behind the claims", with(h, claims+` x`), CodeTokenMalformed},
		{"claims are null", with(h, `null`), CodeTokenMalformed},
		{"claims are no UTF-8", with(h, "{\"sub\":\"\xff\",\"exp\":9}"), CodeTokenMalformed},
		{"no alg", with(`{"typ":"JWT"}`, claims), CodeTokenMalformed},
		{"alg in capitals of the name", with(`{"ALG":"HS256"}`, claims), CodeTokenMalformed},
		{"alg is a number", with(`{"alg":256}`, claims), CodeTokenMalformed},
		{"alg twice", with(`{"alg":"HS256","alg":"HS256"}`, claims), CodeTokenMalformed},
		{"alg twice, once escaped", with(`{"alg":"HS256","\u0061lg":"none"}`, claims), CodeTokenMalformed},
		{"kid is a number", with(`{"alg":"HS256","kid":7}`, claims), CodeTokenMalformed},
		{"critical extension", with(`{"alg":"HS256","crit":["b64"],"b64":false}`, claims), CodeTokenMalformed},
		{"empty critical list", with(`{"alg":"HS256","crit":[]}`, claims), CodeTokenMalformed},
		{"sub twice", with(h, fmt.Sprintf(`{"sub":"ana","sub":"root","exp":%d}`, exp)), CodeTokenMalformed},
		{"exp twice", with(h, fmt.Sprintf(`{"exp":1,"exp":%d}`, exp)), CodeTokenMalformed},
		{"exp is text", with(h, fmt.Sprintf(`{"exp":"%d"}`, exp)), CodeTokenMalformed},
		{"exp is null", with(h, `{"exp":null}`), CodeTokenMalformed},
		{"exp beyond all dates", with(h, `{"exp":1e300}`), CodeTokenMalformed},
		{"exp that wraps", with(h, `{"exp":9223372036854775807}`), CodeTokenMalformed},
		{"exp before all dates", with(h, `{"exp":-9223372036854775807}`), CodeTokenMalformed},
		{"exp in milliseconds", with(h, fmt.Sprintf(`{"exp":%d000}`, exp)), CodeTokenMalformed},
		{"exp zero", with(h, `{"exp":0}`), CodeTokenExpired},
		{"no exp", with(h, `{"sub":"ana"}`), CodeTokenNoExpiry},
		{"EXP", with(h, fmt.Sprintf(`{"EXP":%d}`, exp)), CodeTokenNoExpiry},
		{"sub is a number", with(h, fmt.Sprintf(`{"sub":7,"exp":%d}`, exp)), CodeTokenMalformed},
		{"iss is a list", with(h, fmt.Sprintf(`{"iss":["a"],"exp":%d}`, exp)), CodeTokenMalformed},
		{"aud is an object", with(h, fmt.Sprintf(`{"aud":{"chat":1},"exp":%d}`, exp)), CodeTokenMalformed},
		{"unknown algorithm", with(`{"alg":"HS1024"}`, claims), CodeTokenBadAlgorithm},
		{"algorithm none", b64(`{"alg":"none"}`) + "." + b64(claims) + ".", CodeTokenBadAlgorithm},
		{"algorithm nOnE", b64(`{"alg":"nOnE"}`) + "." + b64(claims) + ".", CodeTokenBadAlgorithm},
		{"algorithm empty", with(`{"alg":""}`, claims), CodeTokenBadAlgorithm},
		{"algorithm of no key here", raw(t, `{"alg":"RS256"}`, claims, "RS256", testKeys()["rsa"]), CodeTokenBadAlgorithm},
		{"empty secret", raw(t, h, claims, "HS256", []byte{}), CodeTokenBadSignature},
		{"too long", with(h, `{"pad":"`+strings.Repeat("x", MaxTokenBytes)+`"}`), CodeTokenTooLarge},
		{"too long and no token at all", strings.Repeat(longestPad, 82), CodeTokenTooLarge},
		{"deep nesting", with(h, `{"exp":1,"a":`+strings.Repeat("[", 2500)+strings.Repeat("]", 2500)+`}`), CodeTokenExpired},
	}
	v := mustNew(t, Options{Secret: testSecret})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := verdict(t, v, tt.token); got != tt.want {
				t.Errorf("Verify refused with %q, want %q", got, tt.want)
			}
		})
	}
}

func TestVerifyTimes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		leeway        time.Duration
		exp, nbf, iat time.Duration // from now, 0 for none
		want          string
	}{
		{"lives", 0, time.Second, 0, 0, ""},
		{"within the default leeway", 0, -4 * time.Second, 0, 0, ""},
		{"at the end of the default leeway", 0, -5 * time.Second, 0, 0, CodeTokenExpired},
		{"no leeway", -1, -1 * time.Second, 0, 0, CodeTokenExpired},
		{"longest leeway", 30 * time.Second, -29 * time.Second, 0, 0, ""},
		{"nbf within leeway", 0, time.Minute, 5 * time.Second, 0, ""},
		{"nbf ahead", 0, time.Minute, 6 * time.Second, 0, CodeTokenNotYetValid},
		{"iat within leeway", 0, time.Minute, 0, 5 * time.Second, ""},
		{"iat ahead", 0, time.Minute, 0, 6 * time.Second, CodeTokenNotYetValid},
		{"expired before valid", 0, -time.Hour, time.Hour, 0, CodeTokenExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				token := signed(t, "HS256", testSecret, now.Add(tt.exp), func(_, c map[string]any) {
					if tt.nbf != 0 {
						c["nbf"] = now.Add(tt.nbf).Unix()
					}
					if tt.iat != 0 {
						c["iat"] = now.Add(tt.iat).Unix()
					}
				})
				v := mustNew(t, Options{Secret: testSecret, Leeway: tt.leeway})
				if got := verdict(t, v, token); got != tt.want {
					t.Errorf("Verify refused with %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestVerifyAudienceAndIssuer(t *testing.T) {
	t.Parallel()
	v := mustNew(t, Options{Secret: testSecret, Audience: []string{"chat", "feed"}, Issuer: []string{"https://a.test", "https://b.test"}})
	tests := []struct {
		name     string
		aud, iss any
		want     string
	}{
		{"both", "chat", "https://a.test", ""},
		{"second of each", "feed", "https://b.test", ""},
		{"one of many audiences", []string{"x", "chat"}, "https://a.test", ""},
		{"other audience", "x", "https://a.test", CodeTokenBadAudience},
		{"no audience", nil, "https://a.test", CodeTokenBadAudience},
		{"empty audience", "", "https://a.test", CodeTokenBadAudience},
		{"empty list", []string{}, "https://a.test", CodeTokenBadAudience},
		{"list of numbers", []int{1}, "https://a.test", CodeTokenMalformed},
		{"audience in capitals", "CHAT", "https://a.test", CodeTokenBadAudience},
		{"other issuer", "chat", "https://c.test", CodeTokenBadIssuer},
		{"issuer with a slash more", "chat", "https://a.test/", CodeTokenBadIssuer},
		{"no issuer", "chat", nil, CodeTokenBadIssuer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := signed(t, "HS256", testSecret, time.Now().Add(time.Minute), func(_, c map[string]any) {
				if tt.aud != nil {
					c["aud"] = tt.aud
				}
				if tt.iss != nil {
					c["iss"] = tt.iss
				}
			})
			if got := verdict(t, v, token); got != tt.want {
				t.Errorf("Verify refused with %q, want %q", got, tt.want)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	exp := time.Now().Add(time.Minute).Truncate(time.Second)
	token := raw(t, `{"alg":"HS256"}`, fmt.Sprintf(
		`{"sub":"ana","jti":"t-1","iss":"https://a.test","exp":%d,"level":9007199254740993,"roles":["admin"]}`, exp.Unix()), "HS256", testSecret)
	got, err := mustNew(t, Options{Secret: testSecret}).Verify(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	want := &Identity{
		Subject: "ana", TokenID: "t-1", Issuer: "https://a.test", ExpiresAt: exp,
		Claims: map[string]any{
			"sub": "ana", "jti": "t-1", "iss": "https://a.test", "exp": json.Number(fmt.Sprint(exp.Unix())),
			"level": json.Number("9007199254740993"), "roles": []any{"admin"}, // digits that float64 has no room for
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

// Each key of the fitting kind is tried; keys of other kinds never are.
func TestSeveralKeys(t *testing.T) {
	t.Parallel()
	keys := append(publicPEM(t, "p384"), publicPEM(t, "p256")...)
	v := mustNew(t, Options{Secret: testSecret, Keys: keys})
	exp := time.Now().Add(time.Minute)
	for alg, key := range map[string]any{"HS512": testSecret, "ES256": testKeys()["p256"], "ES384": testKeys()["p384"]} {
		if got := verdict(t, v, signed(t, alg, key, exp, kid("whatever"))); got != "" {
			t.Errorf("%s refused with %s", alg, got)
		}
	}
	if got := verdict(t, v, signed(t, "ES512", testKeys()["p521"], exp)); got != CodeTokenBadAlgorithm {
		t.Errorf("ES512 without its key refused with %q, want %q", got, CodeTokenBadAlgorithm)
	}
}

func TestErrorTextsAreFixed(t *testing.T) {
	t.Parallel()
	for code, text := range messages {
		err := error(&Error{code})
		if err.Error() != text || strings.Contains(text, "%") {
			t.Errorf("%s: text %q, want %q", code, err, text)
		}
	}
	if got := (&Error{"new_code"}).Error(); got != "the token was refused" {
		t.Errorf("unknown code reads %q", got)
	}
	if !(&Error{CodeKeyUnavailable}).Temporary() || (&Error{CodeTokenExpired}).Temporary() {
		t.Error("Temporary is for key_unavailable alone")
	}
}

func FuzzVerify(f *testing.F) {
	v := mustNew(f, Options{Secret: testSecret, Keys: append(publicPEM(f, "p256"), publicPEM(f, "ed25519")...), Audience: []string{"chat"}})
	exp := time.Now().Add(time.Hour)
	f.Add(signed(f, "HS256", testSecret, exp))
	f.Add(signed(f, "ES256", testKeys()["p256"], exp))
	f.Add("..")
	f.Add(b64(`{"alg":"none"}`) + "." + b64(`{"exp":1e999}`) + ".")
	f.Add(b64(`{"alg":"HS256","alg":"EdDSA"}`) + ".." + b64("x"))
	f.Fuzz(func(t *testing.T, token string) {
		// No seed has the audience, so nothing that is derived from them can be
		// accepted; and every refusal has a known code.
		code := verdict(t, v, token)
		if _, known := messages[code]; !known {
			t.Errorf("Verify(%q) gave %q", token, code)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	exp := time.Now().Add(time.Hour)
	for _, bm := range []struct {
		alg string
		key any
		o   Options
	}{
		{"HS256", testSecret, Options{Secret: testSecret}},
		{"RS256", testKeys()["rsa"], Options{Keys: publicPEM(b, "rsa")}},
		{"ES256", testKeys()["p256"], Options{Keys: publicPEM(b, "p256")}},
		{"EdDSA", testKeys()["ed25519"], Options{Keys: publicPEM(b, "ed25519")}},
	} {
		b.Run(bm.alg, func(b *testing.B) {
			v := mustNew(b, bm.o)
			token := signed(b, bm.alg, bm.key, exp)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(context.Background(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
