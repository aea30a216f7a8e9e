// Package auth_test holds the minter of flawed tokens against the verifier: a
// server that uses it refuses each flaw, for the right reason, with every
// algorithm. It stands apart because neither of the two packages may import the
// other.
package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

const (
	audience = "chat"
	issuer   = "https://issuer.test"
)

// pair is a minter and the verifier of the same key.
type pair struct {
	minter   *mint.Minter
	verifier *auth.Verifier
}

// pairs are made once for each algorithm: RSA keys take their time.
var pairs = sync.OnceValues(func() (map[string]pair, error) {
	all := map[string]pair{}
	rsaPrivate, rsaPublic, err := mint.GenerateKey("RS256")
	if err != nil {
		return nil, err
	}
	for _, alg := range mint.Algorithms {
		spec := mint.Spec{Alg: alg, KeyID: "k1", Claims: map[string]any{"sub": "ana", "aud": audience, "iss": issuer}}
		options := auth.Options{Audience: []string{audience}, Issuer: []string{issuer}}
		switch alg[:2] {
		case "HS":
			spec.Secret = []byte(mint.GenerateSecret())
			options.Secret = spec.Secret
		case "RS", "PS":
			spec.Key, options.Keys = rsaPrivate, rsaPublic
		default:
			if spec.Key, options.Keys, err = mint.GenerateKey(alg); err != nil {
				return nil, err
			}
		}
		p := pair{}
		if p.minter, err = mint.New(spec); err != nil {
			return nil, err
		}
		if p.verifier, err = auth.New(options); err != nil {
			return nil, err
		}
		all[alg] = p
	}
	return all, nil
})

func get(t *testing.T, alg string) pair {
	t.Helper()
	all, err := pairs()
	if err != nil {
		t.Fatal(err)
	}
	return all[alg]
}

func TestSoundTokensAreAccepted(t *testing.T) {
	t.Parallel()
	for _, alg := range mint.Algorithms {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			p := get(t, alg)
			now := time.Now()
			token, err := p.minter.Mint(map[string]any{"jti": "t-1"}, "", time.Minute, now)
			if err != nil {
				t.Fatal(err)
			}
			id, err := p.verifier.Verify(context.Background(), token)
			if err != nil {
				t.Fatalf("Verify: %v", err)
			}
			if id.Subject != "ana" || id.TokenID != "t-1" || id.Issuer != issuer {
				t.Errorf("identity %+v, want ana with t-1 from %s", id, issuer)
			}
			if lives := id.ExpiresAt.Sub(now); lives < time.Minute-time.Second || lives > time.Minute+time.Second {
				t.Errorf("token lives for %v, want a minute", lives)
			}
		})
	}
}

// wantCode is why the verifier refuses each defect.
func wantCode(d mint.Defect, alg string) string {
	switch d {
	case mint.Expired:
		return auth.CodeTokenExpired
	case mint.NotBefore:
		return auth.CodeTokenNotYetValid
	case mint.WrongKey, mint.Tampered, mint.UnknownKeyID:
		return auth.CodeTokenBadSignature
	case mint.AlgNone, mint.AlgConfusion:
		return auth.CodeTokenBadAlgorithm
	case mint.WrongAudience:
		return auth.CodeTokenBadAudience
	case mint.WrongIssuer:
		return auth.CodeTokenBadIssuer
	case mint.NoExpiry:
		return auth.CodeTokenNoExpiry
	case mint.Oversize:
		return auth.CodeTokenTooLarge
	}
	return fmt.Sprintf("no code is stated for %s with %s", d, alg)
}

func TestDefectsAreRefused(t *testing.T) {
	t.Parallel()
	for _, alg := range mint.Algorithms {
		for _, d := range mint.Defects() {
			t.Run(alg+"/"+string(d.Defect), func(t *testing.T) {
				t.Parallel()
				p := get(t, alg)
				token, err := p.minter.Mint(nil, d.Defect, time.Minute, time.Now())
				if err != nil {
					t.Fatalf("Mint: %v", err)
				}
				refuse(t, p.verifier, token, wantCode(d.Defect, alg))
			})
		}
	}
}

// A gateway in the middle of a change of keys trusts a secret and public keys
// at once. No confusion of the two may get through then either: here HS256 is
// an accepted algorithm, so that only the choice of the key is left to refuse.
func TestAlgConfusionWithEveryKindOfKey(t *testing.T) {
	t.Parallel()
	options := auth.Options{Secret: []byte(mint.GenerateSecret())}
	var minters []*mint.Minter
	for _, alg := range []string{"RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"} {
		private, public, err := mint.GenerateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		options.Keys = append(options.Keys, public...)
		m, err := mint.New(mint.Spec{Alg: alg, Key: private, KeyID: "k1", Claims: map[string]any{"sub": "ana"}})
		if err != nil {
			t.Fatal(err)
		}
		minters = append(minters, m)
	}
	hmac, err := mint.New(mint.Spec{Alg: "HS256", Secret: options.Secret})
	if err != nil {
		t.Fatal(err)
	}
	minters = append(minters, hmac)
	v, err := auth.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	if got, want := v.Algorithms(), mint.Algorithms; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("accepted algorithms %v, want all of %v", got, want)
	}
	for _, m := range minters {
		sound, err := m.Mint(nil, "", 0, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(context.Background(), sound); err != nil {
			t.Errorf("%s: sound token refused: %v", m.Alg(), err)
		}
		for _, d := range []mint.Defect{mint.AlgConfusion, mint.WrongKey, mint.UnknownKeyID, mint.Tampered} {
			token, err := m.Mint(nil, d, 0, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			refuse(t, v, token, auth.CodeTokenBadSignature)
		}
	}
}

// Without WrongAudience and WrongIssuer being checked these are sound tokens,
// which is what their Info.Needs tells.
func TestUncheckedAudienceAndIssuer(t *testing.T) {
	t.Parallel()
	secret := []byte(mint.GenerateSecret())
	m, err := mint.New(mint.Spec{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.New(auth.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range mint.Defects() {
		token, err := m.Mint(nil, d.Defect, 0, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(context.Background(), token)
		optional := d.Defect == mint.WrongAudience || d.Defect == mint.WrongIssuer
		if accepted := err == nil; accepted != optional {
			t.Errorf("%s: accepted is %v, want %v", d.Defect, accepted, optional)
		}
		if optional && d.Needs == "" {
			t.Errorf("%s: Needs is empty although a server may not check it", d.Defect)
		}
	}
}

func TestRefusalsHoldNothingOfTheToken(t *testing.T) {
	t.Parallel()
	for _, alg := range mint.Algorithms {
		p := get(t, alg)
		for _, d := range mint.Defects() {
			token, err := p.minter.Mint(map[string]any{"sub": "SENSITIVE"}, d.Defect, 0, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.verifier.Verify(context.Background(), token)
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			for _, part := range append(strings.Split(token, "."), "SENSITIVE", issuer) {
				if part != "" && strings.Contains(text, part) {
					t.Errorf("%s with %s: the error quotes the token: %s", d.Defect, alg, text)
				}
			}
		}
	}
}

func refuse(t *testing.T, v *auth.Verifier, token, code string) {
	t.Helper()
	id, err := v.Verify(context.Background(), token)
	if id != nil || err == nil {
		t.Fatalf("Verify = %+v, %v, want a refusal with %s", id, err, code)
	}
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok || refusal.Code != code {
		t.Errorf("Verify error = %v, want code %s", err, code)
	}
}

// Changing any single byte of a token makes it bad: strict base64 leaves no two
// spellings of one signature.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	p := get(t, "HS256")
	token, err := p.minter.Mint(nil, "", 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(token) {
		for _, c := range []byte("A_z.= ") {
			changed := []byte(token)
			if changed[i] == c {
				continue
			}
			changed[i] = c
			if _, err := p.verifier.Verify(context.Background(), string(changed)); err == nil {
				t.Errorf("accepted with byte %d changed from %q to %q", i, token[i], c)
			}
		}
		if i > 0 && bytes.IndexByte([]byte("."), token[i]) < 0 {
			if _, err := p.verifier.Verify(context.Background(), token[:i]); err == nil {
				t.Errorf("accepted when cut at %d", i)
			}
		}
	}
}
