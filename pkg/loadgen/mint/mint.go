package mint

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// defaultTTL is how long a token lives when nobody says.
const defaultTTL = 10 * time.Minute

// Algorithms are the algorithms that tokens can be minted with.
var Algorithms = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// Spec is how tokens are signed. Audience, issuer and subject stand in Claims
// as aud, iss and sub.
type Spec struct {
	Alg       string         // one of Algorithms; "" means what fits the key, such as HS256 or ES384
	Secret    []byte         // for HS256, HS384 and HS512
	Key       []byte         // PEM private key for the rest
	KeyID     string         // kid in the header, "" for none
	Claims    map[string]any // of every token; those given to Mint go on top
	ExpiresIn time.Duration  // 0 means ten minutes
}

// Minter makes tokens. It is safe for concurrent use.
type Minter struct {
	spec     Spec
	key      any                     // []byte or crypto.Signer
	stranger func() (any, error)     // a random key of the same kind
	intruder func() (*rsaKey, error) // an RSA key for confusing an HMAC server
}

type rsaKey struct {
	private *rsa.PrivateKey
	jwk     map[string]any
}

// New checks the spec. Errors never hold key material.
func New(s Spec) (*Minter, error) {
	if s.Alg == "" {
		alg, err := algFor(s)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		s.Alg = alg
	}
	if !known(s.Alg) {
		return nil, fmt.Errorf("token: %w", unknownAlg(s.Alg))
	}
	key, err := signingKey(s)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	s.Claims = maps.Clone(s.Claims)
	m := &Minter{spec: s, key: key, intruder: sync.OnceValues(newRSAKey)}
	// Made once and on demand: an RSA key takes a tenth of a second.
	m.stranger = sync.OnceValues(func() (any, error) {
		if isHMAC(s.Alg) {
			return []byte(GenerateSecret()), nil
		}
		return randomKey(s.Alg)
	})
	return m, nil
}

func known(alg string) bool { return slices.Contains(Algorithms, alg) }

func unknownAlg(alg string) error {
	return fmt.Errorf("algorithm %q can't be used here: use one of %s", alg, strings.Join(Algorithms, ", "))
}

// Alg is the algorithm that sound tokens are signed with.
func (m *Minter) Alg() string { return m.spec.Alg }

// PublicKey is the PEM text of the public key, nil for an HMAC spec.
func (m *Minter) PublicKey() ([]byte, error) {
	if signer, ok := m.key.(crypto.Signer); ok {
		return publicPEM(signer)
	}
	return nil, nil
}

// Mint makes one token. claims go on top of the spec's; neither is changed. iat
// is now unless claimed. exp is now+ttl for a ttl other than zero; for zero it
// is the one claimed, or else the spec's ExpiresIn from now. Dates are whole
// seconds and exp is rounded up: a token lives for its ttl or up to a second
// longer.
func (m *Minter) Mint(claims map[string]any, d Defect, ttl time.Duration, now time.Time) (string, error) {
	if !d.Valid() {
		return "", fmt.Errorf("token: unknown defect %q", d)
	}
	all := make(map[string]any, len(m.spec.Claims)+len(claims)+2)
	maps.Copy(all, m.spec.Claims)
	maps.Copy(all, claims)
	setDates(all, ttl, m.spec.ExpiresIn, now)
	header := map[string]any{"typ": "JWT", "alg": m.spec.Alg}
	if m.spec.KeyID != "" {
		header["kid"] = m.spec.KeyID
	}
	token, err := m.flawed(header, all, d, now)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return token, nil
}

func setDates(claims map[string]any, ttl, fallback time.Duration, now time.Time) {
	if _, ok := claims["iat"]; !ok {
		claims["iat"] = now.Unix()
	}
	if _, ok := claims["exp"]; ok && ttl == 0 {
		return
	}
	for _, d := range []time.Duration{ttl, fallback, defaultTTL} {
		if d != 0 {
			claims["exp"] = now.Add(d + time.Second - 1).Unix()
			return
		}
	}
}

// sign is a JWS in compact form (RFC 7515, section 7.1).
func sign(header, claims map[string]any, alg string, key any) (string, error) {
	text, err := unsigned(header, claims)
	if err != nil {
		return "", err
	}
	signature, err := jwt.GetSigningMethod(alg).Sign(text, key)
	if err != nil {
		return "", fmt.Errorf("sign with %s: %w", alg, err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func unsigned(header, claims map[string]any) (string, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("header: %w", err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c), nil
}

func newRSAKey() (*rsaKey, error) {
	signer, err := randomKey("RS256")
	if err != nil {
		return nil, err
	}
	private := signer.(*rsa.PrivateKey)
	b64 := base64.RawURLEncoding.EncodeToString
	return &rsaKey{private, map[string]any{
		"kty": "RSA", "n": b64(private.N.Bytes()), "e": b64(big.NewInt(int64(private.E)).Bytes()),
	}}, nil
}
