package mint

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

var now = time.Unix(1_800_000_000, 250_000_000)

func mustNew(t *testing.T, s Spec) *Minter {
	t.Helper()
	m, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustMint(t *testing.T, m *Minter, claims map[string]any, d Defect, ttl time.Duration) string {
	t.Helper()
	token, err := m.Mint(claims, d, ttl, now)
	if err != nil {
		t.Fatalf("Mint with defect %q: %v", d, err)
	}
	return token
}

// part is the JSON object in one part of a token.
func part(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

var secret = []byte("0123456789abcdef0123456789abcdef")

func TestMintSound(t *testing.T) {
	t.Parallel()
	spec := Spec{Alg: "HS384", Secret: secret, KeyID: "k1", Claims: map[string]any{"sub": "nobody", "aud": "chat"}, ExpiresIn: time.Hour}
	tests := []struct {
		name   string
		claims map[string]any
		ttl    time.Duration
		want   map[string]any
	}{
		{"the spec's", nil, 0, map[string]any{"sub": "nobody", "aud": "chat", "iat": 1.8e9, "exp": 1.8e9 + 3601}},
		{"claims on top", map[string]any{"sub": "ana", "n": 3}, time.Minute, map[string]any{"sub": "ana", "n": 3.0, "aud": "chat", "iat": 1.8e9, "exp": 1.8e9 + 61}},
		{"claimed dates", map[string]any{"iat": 5, "exp": 6}, 0, map[string]any{"sub": "nobody", "aud": "chat", "iat": 5.0, "exp": 6.0}},
		{"ttl over a claimed date", map[string]any{"exp": 6}, time.Minute, map[string]any{"sub": "nobody", "aud": "chat", "iat": 1.8e9, "exp": 1.8e9 + 61}},
		{"negative ttl", nil, -time.Minute, map[string]any{"sub": "nobody", "aud": "chat", "iat": 1.8e9, "exp": 1.8e9 - 59}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := mustMint(t, mustNew(t, spec), tt.claims, "", tt.ttl)
			if diff := cmp.Diff(map[string]any{"alg": "HS384", "typ": "JWT", "kid": "k1"}, part(t, token, 0)); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, part(t, token, 1)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMintDefaultLifetime(t *testing.T) {
	t.Parallel()
	token := mustMint(t, mustNew(t, Spec{Secret: secret}), nil, "", 0)
	if got, want := part(t, token, 1)["exp"], float64(now.Unix()+601); got != want {
		t.Errorf("exp %v, want ten minutes from now, rounded up: %v", got, want)
	}
}

func TestMintLeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	base := map[string]any{"sub": "nobody"}
	m := mustNew(t, Spec{Secret: secret, Claims: base})
	base["sub"] = "changed later"
	claims := map[string]any{"role": "admin"}
	for _, d := range Defects() {
		mustMint(t, m, claims, d.Defect, 0)
	}
	if diff := cmp.Diff(map[string]any{"role": "admin"}, claims); diff != "" {
		t.Errorf("claims were changed (-want +got):\n%s", diff)
	}
	if got := part(t, mustMint(t, m, nil, "", 0), 1)["sub"]; got != "nobody" {
		t.Errorf("sub %v, want the spec's at New", got)
	}
}

// What each defect does to an otherwise sound token, and nothing besides.
func TestMintDefects(t *testing.T) {
	t.Parallel()
	private, public, err := GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwt.ParseECPublicKeyFromPEM(public)
	if err != nil {
		t.Fatal(err)
	}
	m := mustNew(t, Spec{Key: private, KeyID: "k1", Claims: map[string]any{"sub": "ana", "aud": "chat", "iss": "us"}})
	at := float64(now.Unix())
	tests := []struct {
		defect        Defect
		header        map[string]any // changes, nil value for removed
		claims        map[string]any
		goodSignature bool
	}{
		{"", nil, nil, true},
		{Expired, nil, map[string]any{"iat": at - 7200, "exp": at - 3600}, true},
		{NotBefore, nil, map[string]any{"nbf": at + 3600, "exp": at + 7200}, true},
		{NoExpiry, nil, map[string]any{"exp": nil}, true},
		{WrongAudience, nil, map[string]any{"aud": "another-audience.invalid"}, true},
		{WrongIssuer, nil, map[string]any{"iss": "https://another-issuer.invalid"}, true},
		{Oversize, nil, map[string]any{"padding": strings.Repeat("x", oversizeBytes)}, true},
		{WrongKey, nil, nil, false},
		{Tampered, nil, map[string]any{"sub": "ana-tampered"}, false},
		{UnknownKeyID, map[string]any{"kid": "../../../../../../dev/null"}, nil, false},
		{AlgNone, map[string]any{"alg": "none"}, nil, false},
		{AlgConfusion, map[string]any{"alg": "HS256"}, nil, false},
	}
	if len(tests) != len(Defects())+1 {
		t.Errorf("%d defects stand here, want all %d", len(tests)-1, len(Defects()))
	}
	for _, tt := range tests {
		t.Run("defect "+string(tt.defect), func(t *testing.T) {
			t.Parallel()
			token := mustMint(t, m, nil, tt.defect, time.Minute)
			header := map[string]any{"alg": "ES256", "typ": "JWT", "kid": "k1"}
			claims := map[string]any{"sub": "ana", "aud": "chat", "iss": "us", "iat": at, "exp": at + 61}
			for _, c := range []struct{ all, changes map[string]any }{{header, tt.header}, {claims, tt.claims}} {
				for k, v := range c.changes {
					if c.all[k] = v; v == nil {
						delete(c.all, k)
					}
				}
			}
			if diff := cmp.Diff(header, part(t, token, 0)); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(claims, part(t, token, 1)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			cut := strings.LastIndexByte(token, '.')
			signature, err := base64.RawURLEncoding.DecodeString(token[cut+1:])
			if err != nil {
				t.Fatal(err)
			}
			err = jwt.SigningMethodES256.Verify(token[:cut], signature, key)
			if good := err == nil; good != tt.goodSignature {
				t.Errorf("signature is good: %v, want %v", good, tt.goodSignature)
			}
			if tt.defect == AlgNone && len(signature) > 0 {
				t.Error("algNone has a signature")
			}
			if tt.defect == AlgConfusion && jwt.SigningMethodHS256.Verify(token[:cut], signature, public) != nil {
				t.Error("algConfusion is not signed with the public key's PEM text")
			}
		})
	}
}

// The flaws of an HMAC spec that work otherwise than those of a key pair.
func TestMintHMACDefects(t *testing.T) {
	t.Parallel()
	m := mustNew(t, Spec{Alg: "HS512", Secret: secret})
	token := mustMint(t, m, nil, UnknownKeyID, 0)
	cut := strings.LastIndexByte(token, '.')
	signature, _ := base64.RawURLEncoding.DecodeString(token[cut+1:])
	if err := jwt.SigningMethodHS512.Verify(token[:cut], signature, []byte{}); err != nil {
		t.Errorf("unknownKeyId is not signed with the empty secret: %v", err)
	}
	header := part(t, mustMint(t, m, nil, AlgConfusion, 0), 0)
	if key, _ := header["jwk"].(map[string]any); header["alg"] != "RS256" || key["kty"] != "RSA" || key["n"] == nil || key["d"] != nil {
		t.Errorf("algConfusion header %v, want RS256 with a public key in jwk", header)
	}
}

func TestDefects(t *testing.T) {
	t.Parallel()
	for _, d := range Defects() {
		if !d.Defect.Valid() || d.What == "" {
			t.Errorf("defect %+v, want it valid and described", d)
		}
	}
	if !Defect("").Valid() || Defect("stale").Valid() {
		t.Error("no defect is valid, an unknown one is not")
	}
	if _, err := mustNew(t, Spec{Secret: secret}).Mint(nil, "stale", 0, now); err == nil {
		t.Error("Mint with an unknown defect succeeded")
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	private, public, err := GenerateKey("ES384")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		spec Spec
		want string
	}{
		{"nothing", Spec{}, "no key: give a secret or a private key"},
		{"unknown algorithm", Spec{Alg: "none", Secret: secret}, `algorithm "none" can't be used here: use one of HS256`},
		{"HMAC without secret", Spec{Alg: "HS256"}, "HS256 needs a secret"},
		{"HMAC with a key", Spec{Alg: "HS256", Secret: secret, Key: private}, "not with a private key"},
		{"key pair without key", Spec{Alg: "RS256"}, "RS256 needs a private key in PEM form"},
		{"key pair with a secret", Spec{Alg: "RS256", Key: private, Secret: secret}, "not with a secret"},
		{"key of another kind", Spec{Alg: "RS256", Key: private}, "needs a private key of kind RSA, this one is EC P-384"},
		{"key of another curve", Spec{Alg: "ES256", Key: private}, "needs a private key of kind EC P-256, this one is EC P-384"},
		{"public key", Spec{Key: public}, "holds a public key, and signing needs the private key"},
		{"no PEM", Spec{Alg: "EdDSA", Key: []byte("nonsense")}, "no PEM private key found"},
		{"encrypted", Spec{Key: []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")}, "is encrypted"},
		{"broken", Spec{Key: []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}, "unreadable private key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tt.spec)
			if err == nil || !strings.HasPrefix(err.Error(), "token: ") || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("New error = %v, want token: … %q", err, tt.want)
			}
			if strings.Contains(err.Error(), string(secret)) {
				t.Errorf("New error holds the secret: %v", err)
			}
		})
	}
}

func TestAlgFollowsFromTheKey(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		private, _, err := GenerateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustNew(t, Spec{Key: private}).Alg(); got != alg {
			t.Errorf("key of %s: algorithm %s", alg, got)
		}
	}
	if got := mustNew(t, Spec{Secret: secret}).Alg(); got != "HS256" {
		t.Errorf("secret: algorithm %s, want HS256", got)
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"HS256", "none", ""} {
		if _, _, err := GenerateKey(alg); err == nil {
			t.Errorf("GenerateKey(%q) succeeded", alg)
		}
	}
	if a, b := GenerateSecret(), GenerateSecret(); a == b || len(a) < 64 {
		t.Errorf("secrets %d and %d bytes long, want two different ones of 64 or more", len(a), len(b))
	}
}

func TestPublicKey(t *testing.T) {
	t.Parallel()
	private, public, err := GenerateKey("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	got, err := mustNew(t, Spec{Key: private}).PublicKey()
	if err != nil || string(got) != string(public) {
		t.Errorf("PublicKey = %q, %v, want %q", got, err, public)
	}
	if got, err := mustNew(t, Spec{Secret: secret}).PublicKey(); got != nil || err != nil {
		t.Errorf("PublicKey of a secret = %q, %v, want nil", got, err)
	}
}

func TestMintRefusesWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	_, err := mustNew(t, Spec{Secret: secret}).Mint(map[string]any{"f": func() {}}, "", 0, now)
	if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
		t.Errorf("Mint error = %v, want one of JSON", err)
	}
}

func TestMintConcurrently(t *testing.T) {
	t.Parallel()
	m := mustNew(t, Spec{Secret: secret, Claims: map[string]any{"sub": "ana"}})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, d := range Defects() {
				if _, err := m.Mint(map[string]any{"n": 1}, d.Defect, time.Minute, now); err != nil {
					t.Errorf("%s: %v", d.Defect, err)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkMint(b *testing.B) {
	m, err := New(Spec{Secret: secret, Claims: map[string]any{"aud": "chat"}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Mint(map[string]any{"sub": "ana"}, "", time.Minute, now); err != nil {
			b.Fatal(err)
		}
	}
}
