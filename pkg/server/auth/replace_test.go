package auth

import (
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// While verifiers are replaced, a token of the secret that all of them know is
// always accepted, and one of a secret that is gone never again.
func TestReplace(t *testing.T) {
	t.Parallel()
	secret := func(s string) []byte { return []byte(s + "0123456789abcdef0123456789abcdef") }
	mint := func(key []byte) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ana", "exp": time.Now().Add(time.Hour).Unix()}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	verifier := func(key []byte) *Verifier {
		v, err := New(Options{Secret: key})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := verifier(secret("a"))
	defer v.Close()
	if _, err := v.Verify(t.Context(), mint(secret("a"))); err != nil {
		t.Fatal(err)
	}
	v.Replace(verifier(secret("b")))
	if _, err := v.Verify(t.Context(), mint(secret("a"))); err == nil {
		t.Error("the old secret is still good")
	}
	token := mint(secret("b"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Errorf("in the middle of a replacement: %v", err)
					return
				}
			}
		})
	}
	for range 50 {
		v.Replace(verifier(secret("b")))
	}
	wg.Wait()
}
