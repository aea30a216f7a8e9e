package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// testKeys are private keys by kind, made once.
var testKeys = sync.OnceValue(func() map[string]crypto.Signer {
	keys := map[string]crypto.Signer{}
	put := func(name string, key crypto.Signer, err error) {
		if err != nil {
			panic(err)
		}
		keys[name] = key
	}
	for _, bits := range []int{1024, 2048} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		put(map[int]string{1024: "rsa1024", 2048: "rsa"}[bits], key, err)
	}
	for name, curve := range map[string]elliptic.Curve{"p224": elliptic.P224(), "p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		put(name, key, err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	put("ed25519", key, err)
	return keys
})

func pemOf(t testing.TB, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func publicPEM(t testing.TB, name string) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(testKeys()[name].Public())
	return pemOf(t, "PUBLIC KEY", der, err)
}

// raw is a token of the given JSON texts, signed with alg and key.
func raw(t testing.TB, header, claims, alg string, key any) string {
	t.Helper()
	text := b64(header) + "." + b64(claims)
	signature, err := jwt.GetSigningMethod(alg).Sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(string(signature))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signed is a sound token that expires at exp.
func signed(t testing.TB, alg string, key any, exp time.Time, change ...func(h, c map[string]any)) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims{"sub": "ana", "exp": exp.Unix()})
	for _, f := range change {
		f(token.Header, token.Claims.(jwt.MapClaims))
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kid(id string) func(h, c map[string]any) {
	return func(h, _ map[string]any) { h["kid"] = id }
}

func mustNew(t testing.TB, o Options) *Verifier {
	t.Helper()
	v, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// verdict is the code of a refusal, "" for an accepted token.
func verdict(t testing.TB, v *Verifier, token string) string {
	t.Helper()
	id, err := v.Verify(t.Context(), token)
	if err == nil {
		if id == nil {
			t.Fatal("Verify = nil, nil")
		}
		return ""
	}
	refusal, ok := errors.AsType[*Error](err)
	if !ok || id != nil {
		t.Fatalf("Verify = %v, %v, want an *Error alone", id, err)
	}
	return refusal.Code
}
