package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// jwk is one key of a set.
func jwk(t testing.TB, id string, key crypto.PublicKey, more ...string) map[string]any {
	t.Helper()
	k := map[string]any{"kid": id}
	switch p := key.(type) {
	case *rsa.PublicKey:
		k["kty"], k["n"], k["e"] = "RSA", b64(string(p.N.Bytes())), b64(string(big.NewInt(int64(p.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 4, X, Y
		if err != nil {
			t.Fatal(err)
		}
		half := (len(point) - 1) / 2
		k["kty"], k["crv"] = "EC", p.Curve.Params().Name
		k["x"], k["y"] = b64(string(point[1:1+half])), b64(string(point[1+half:]))
	case ed25519.PublicKey:
		k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", b64(string(p))
	default:
		t.Fatalf("no JWK of %T", key)
	}
	for i := 0; i < len(more); i += 2 {
		k[more[i]] = more[i+1]
	}
	return k
}

func set(keys ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// issuer is the other end of the key set URL, without a network so that tests
// may run on synctest's clock.
type issuer struct {
	mu      sync.Mutex
	body    string
	status  int
	err     error
	delay   time.Duration
	fetches int
}

func (i *issuer) set(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.fetches++
	body, status, err, delay := i.body, i.status, i.err, i.delay
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

const setURL = "https://issuer.test/path-hush/keys?key=hush"

func (i *issuer) options() Options {
	return Options{JWKSURL: setURL, HTTPClient: &http.Client{Transport: i, Timeout: jwksTimeout}}
}

func TestJWKSRotation(t *testing.T) {
	t.Parallel()
	old, next := testKeys()["rsa"], testKeys()["p256"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set(jwk(t, "old", old.Public()))}
		v := mustNew(t, iss.options())
		byOld := func() string { return signed(t, "RS256", old, time.Now().Add(time.Minute), kid("old")) }
		byNext := func() string { return signed(t, "ES256", next, time.Now().Add(time.Minute), kid("next")) }
		if got := verdict(t, v, byOld()); got != "" {
			t.Fatalf("before: old key refused with %s", got)
		}
		iss.set(func(i *issuer) { i.body = set(jwk(t, "old", old.Public()), jwk(t, "next", next.Public())) })
		if got := verdict(t, v, byNext()); got != "" {
			t.Fatalf("during: the new key's first token refused with %s", got)
		}
		if got := verdict(t, v, byOld()); got != "" {
			t.Fatalf("during: old key refused with %s", got)
		}
		// The old key goes when the set is next refreshed, without anyone asking.
		iss.set(func(i *issuer) { i.body = set(jwk(t, "next", next.Public())) })
		time.Sleep(jwksRefresh + time.Second)
		if got := verdict(t, v, byOld()); got != CodeTokenUnknownKey {
			t.Errorf("after: old key refused with %q, want %q", got, CodeTokenUnknownKey)
		}
		if got := verdict(t, v, byNext()); got != "" {
			t.Errorf("after: new key refused with %s", got)
		}
	})
}

func TestJWKSFirstFetchFails(t *testing.T) {
	t.Parallel()
	key := testKeys()["ed25519"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{err: errors.New("connection refused")}
		v := mustNew(t, iss.options())
		token := func(f ...func(h, c map[string]any)) string {
			return signed(t, "EdDSA", key, time.Now().Add(time.Minute), f...)
		}
		if got := verdict(t, v, token(kid("k"))); got != CodeKeyUnavailable {
			t.Errorf("no set yet: refused with %q, want %q", got, CodeKeyUnavailable)
		}
		if got := verdict(t, v, token()); got != CodeKeyUnavailable {
			t.Errorf("no set yet, token without kid: refused with %q, want %q", got, CodeKeyUnavailable)
		}
		iss.set(func(i *issuer) { i.err, i.body = nil, set(jwk(t, "k", key.Public())) })
		time.Sleep(jwksRefetch)
		if got := verdict(t, v, token()); got != "" {
			t.Errorf("issuer is back: token without kid refused with %q", got)
		}
		if got := verdict(t, v, token(kid("k"))); got != "" {
			t.Errorf("issuer is back: refused with %q", got)
		}
	})
}

func TestJWKSOutageKeepsKeys(t *testing.T) {
	t.Parallel()
	key := testKeys()["ed25519"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set(jwk(t, "k", key.Public()))}
		v := mustNew(t, iss.options())
		iss.set(func(i *issuer) { i.status = http.StatusBadGateway })
		time.Sleep(jwksRefresh + time.Second)
		if got := verdict(t, v, signed(t, "EdDSA", key, time.Now().Add(time.Minute), kid("k"))); got != "" {
			t.Errorf("known key refused with %q in an outage of the issuer", got)
		}
		if got := verdict(t, v, signed(t, "EdDSA", key, time.Now().Add(time.Minute), kid("x"))); got != CodeKeyUnavailable {
			t.Errorf("unknown key refused with %q in an outage, want %q", got, CodeKeyUnavailable)
		}
	})
}

// Made-up key ids cost the issuer one fetch in ten seconds, and no handshake
// waits for the limiter.
func TestJWKSStormOfUnknownKeys(t *testing.T) {
	t.Parallel()
	key := testKeys()["ed25519"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set(jwk(t, "k", key.Public())), delay: 50 * time.Millisecond}
		v := mustNew(t, iss.options())
		began := time.Now()
		for i := range 1000 {
			asked := time.Now()
			token := signed(t, "EdDSA", key, time.Now().Add(time.Minute), kid(fmt.Sprintf("../../dev/null?%d", i)))
			if got := verdict(t, v, token); got != CodeTokenUnknownKey {
				t.Fatalf("unknown key refused with %q, want %q", got, CodeTokenUnknownKey)
			}
			if took := time.Since(asked); took > jwksWait {
				t.Fatalf("a handshake waited %v", took)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if most := 2 + int(time.Since(began)/jwksRefetch); iss.count() > most {
			t.Errorf("%d fetches in %v, want at most %d", iss.count(), time.Since(began), most)
		}
	})
}

func TestAbsentKeysAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, tt := range []struct {
		name  string
		until time.Time
	}{{"all current", now.Add(time.Second)}, {"all past", now.Add(-time.Second)}} {
		j := &jwks{absent: map[string]time.Time{}}
		for i := range 3 * jwksMaxKnown {
			j.forget(now)
			j.absent[fmt.Sprint(i)] = tt.until
			if len(j.absent) > jwksMaxKnown {
				t.Fatalf("%s: %d absent key ids remembered, want at most %d", tt.name, len(j.absent), jwksMaxKnown)
			}
		}
	}
}

// One client that keeps coming with a stale key does not use up the fetches
// that a rotation needs.
func TestJWKSAbsentKeyIsRemembered(t *testing.T) {
	t.Parallel()
	key, next := testKeys()["ed25519"], testKeys()["p384"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set(jwk(t, "k", key.Public()))}
		v := mustNew(t, iss.options())
		stale := func() { verdict(t, v, signed(t, "EdDSA", key, time.Now().Add(time.Minute), kid("stale"))) }
		stale()
		time.Sleep(jwksRefetch)
		before := iss.count()
		for range 100 {
			stale()
		}
		if got := iss.count(); got != before {
			t.Errorf("%d fetches for a key id known to be absent", got-before)
		}
		iss.set(func(i *issuer) { i.body = set(jwk(t, "next", next.Public())) })
		if got := verdict(t, v, signed(t, "ES384", next, time.Now().Add(time.Minute), kid("next"))); got != "" {
			t.Errorf("the rotation's first token refused with %q", got)
		}
	})
}

// A slow issuer delays a handshake a little and costs it a retry, but the fetch
// goes on and the retry finds the key.
func TestJWKSSlowIssuer(t *testing.T) {
	t.Parallel()
	key := testKeys()["ed25519"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set()}
		v := mustNew(t, iss.options())
		iss.set(func(i *issuer) { i.body, i.delay = set(jwk(t, "k", key.Public())), 2*time.Second })
		token := signed(t, "EdDSA", key, time.Now().Add(time.Minute), kid("k"))
		began := time.Now()
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if got := verdict(t, v, token); got != CodeKeyUnavailable {
					t.Errorf("refused with %q, want %q", got, CodeKeyUnavailable)
				}
			})
		}
		group.Wait()
		if took := time.Since(began); took != jwksWait {
			t.Errorf("handshakes waited %v, want %v", took, jwksWait)
		}
		time.Sleep(2 * time.Second)
		if got := verdict(t, v, token); got != "" {
			t.Errorf("the retry was refused with %q", got)
		}
		if got := iss.count(); got != 2 {
			t.Errorf("%d fetches, want one at the start and one for all handshakes", got)
		}
	})
}

func TestJWKSWaitEndsWithTheHandshake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set()}
		v := mustNew(t, iss.options())
		iss.set(func(i *issuer) { i.delay = time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := v.Verify(ctx, signed(t, "EdDSA", testKeys()["ed25519"], time.Now().Add(time.Minute), kid("k")))
		if took := time.Since(began); err == nil || took != 10*time.Millisecond {
			t.Errorf("Verify = %v after %v, want a refusal after 10ms", err, took)
		}
		// Close, called by the cleanup, must end the fetch under way.
	})
}

func TestJWKSTakesOnlyVerificationKeys(t *testing.T) {
	t.Parallel()
	rsaKey, weak, ec, ed := testKeys()["rsa"], testKeys()["rsa1024"], testKeys()["p256"], testKeys()["ed25519"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set(
			map[string]any{"kty": "oct", "kid": "oct", "k": b64(string(testSecret))},
			jwk(t, "enc", ec.Public(), "use", "enc"),
			jwk(t, "weak", weak.Public()),
			jwk(t, "pinned", rsaKey.Public(), "alg", "RS256", "use", "sig"),
			map[string]any{"kty": "OKP", "kid": "odd", "crv": "Ed448", "x": "AAAA"},
			jwk(t, "ed", ed.Public()),
		)}
		v := mustNew(t, iss.options())
		exp := time.Now().Add(time.Minute)
		tests := []struct {
			name  string
			token string
			want  string
		}{
			{"shared secret in the set", signed(t, "HS256", testSecret, exp, kid("oct")), CodeTokenBadAlgorithm},
			{"key for encryption", signed(t, "ES256", ec, exp, kid("enc")), CodeTokenUnknownKey},
			{"weak key", signed(t, "RS256", weak, exp, kid("weak")), CodeTokenUnknownKey},
			{"key pinned to its algorithm", signed(t, "RS256", rsaKey, exp, kid("pinned")), ""},
			{"pinned key with another algorithm", signed(t, "PS256", rsaKey, exp, kid("pinned")), CodeTokenUnknownKey},
			{"key of another kind", signed(t, "ES256", ec, exp, kid("ed")), CodeTokenUnknownKey},
			{"right key under a wrong id", signed(t, "EdDSA", ed, exp, kid("nope")), CodeTokenUnknownKey},
			{"no id", signed(t, "EdDSA", ed, exp), ""},
			{"no id, pinned key", signed(t, "RS256", rsaKey, exp), ""},
			{"no id, pinned key with another algorithm", signed(t, "PS256", rsaKey, exp), CodeTokenUnknownKey},
			{"no id, key for encryption", signed(t, "ES256", ec, exp), CodeTokenUnknownKey},
			{"empty id", signed(t, "EdDSA", ed, exp, kid("")), CodeTokenUnknownKey},
			{"other key under a right id", signed(t, "RS256", weak, exp, kid("pinned")), CodeTokenBadSignature},
		}
		for _, tt := range tests {
			if got := verdict(t, v, tt.token); got != tt.want {
				t.Errorf("%s: refused with %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

// With a secret or keys beside the set, the local ones are tried first and the
// set is not bothered with their tokens.
func TestJWKSBesideLocalKeys(t *testing.T) {
	t.Parallel()
	local, remote := testKeys()["p256"], testKeys()["ed25519"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{body: set(jwk(t, "k", remote.Public()))}
		o := iss.options()
		o.Secret, o.Keys = testSecret, publicPEM(t, "p256")
		v := mustNew(t, o)
		exp := time.Now().Add(time.Minute)
		for name, token := range map[string]string{
			"secret": signed(t, "HS256", testSecret, exp, kid("x")),
			"local":  signed(t, "ES256", local, exp, kid("x")),
			"remote": signed(t, "EdDSA", remote, exp, kid("k")),
		} {
			if got := verdict(t, v, token); got != "" {
				t.Errorf("%s: refused with %s", name, got)
			}
		}
		if got := iss.count(); got != 1 {
			t.Errorf("%d fetches, want the first alone", got)
		}
	})
}

func TestJWKSBadAnswers(t *testing.T) {
	t.Parallel()
	sound := set(jwk(t, "k", testKeys()["ed25519"].Public()))
	tests := []struct {
		name string
		iss  *issuer
		log  string
	}{
		{"error status", &issuer{status: 500, body: sound}, "500"},
		{"page instead of JSON", &issuer{body: "<html>"}, "decode JWK Set"},
		{"no connection", &issuer{err: errors.New("connection refused")}, "connection refused"},
		{"endless body", &issuer{body: `{"keys":[` + strings.Repeat(" ", maxSetBytes)}, "larger than 1 MiB"},
		{"never answers", &issuer{delay: time.Hour, body: sound}, "deadline exceeded"},
		{"empty set", &issuer{body: `{"keys":[]}`}, "no key that can verify"},
		{"other JSON", &issuer{body: `{}`}, "no key that can verify"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				o := tt.iss.options()
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
				began := time.Now()
				v := mustNew(t, o)
				if took := time.Since(began); took > jwksTimeout {
					t.Errorf("New took %v, want at most %v", took, jwksTimeout)
				}
				if got := verdict(t, v, signed(t, "EdDSA", testKeys()["ed25519"], time.Now().Add(time.Minute), kid("k"))); got != CodeKeyUnavailable {
					t.Errorf("refused with %q, want %q", got, CodeKeyUnavailable)
				}
				v.Close() // before reading the log that a fetch may write
				if !strings.Contains(log.String(), tt.log) || !strings.Contains(log.String(), "jwks_host=issuer.test") {
					t.Errorf("log %q, want %q and the host in it", log.String(), tt.log)
				}
				if strings.Contains(log.String(), "hush") {
					t.Errorf("log holds the URL's path or query: %q", log.String())
				}
			})
		})
	}
}

func TestJWKSOverHTTP(t *testing.T) {
	t.Parallel()
	key := testKeys()["p521"]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, set(jwk(t, "k", key.Public())))
	}))
	defer server.Close()
	v := mustNew(t, Options{JWKSURL: server.URL})
	if got := verdict(t, v, signed(t, "ES512", key, time.Now().Add(time.Minute), kid("k"))); got != "" {
		t.Errorf("refused with %s", got)
	}
	v.Close()
	v.Close()
	if got := verdict(t, v, signed(t, "ES512", key, time.Now().Add(time.Minute), kid("x"))); got != CodeTokenUnknownKey {
		t.Errorf("after Close: refused with %q, want %q", got, CodeTokenUnknownKey)
	}
}

func TestJWKSRedirectAwayFromTLS(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, set(jwk(t, "k", testKeys()["p521"].Public())))
	}))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	client := secure.Client()
	client.Timeout = jwksTimeout
	v := mustNew(t, Options{JWKSURL: secure.URL, HTTPClient: client})
	if got := verdict(t, v, signed(t, "ES512", testKeys()["p521"], time.Now().Add(time.Minute), kid("k"))); got != CodeKeyUnavailable {
		t.Errorf("refused with %q, want %q: the keys came over plain http", got, CodeKeyUnavailable)
	}
}

func TestHTTPClientNeedsTimeout(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{JWKSURL: setURL, HTTPClient: &http.Client{}}); err == nil || !strings.Contains(err.Error(), "no timeout") {
		t.Errorf("New error = %v, want it to ask for a timeout", err)
	}
}
