package mint

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
	"fmt"
)

// secretBytes is the entropy of a generated secret: enough for HS512.
const secretBytes = 64

// GenerateKey makes a key pair for a public-key algorithm, as PKCS #8 and PKIX
// PEM text. RSA keys have 2048 bits.
func GenerateKey(alg string) (private, public []byte, err error) {
	if isHMAC(alg) || !known(alg) {
		return nil, nil, fmt.Errorf("key pair: %w", unknownAlg(alg))
	}
	key, err := randomKey(alg)
	if err != nil {
		return nil, nil, fmt.Errorf("key pair for %s: %w", alg, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("key pair for %s: %w", alg, err)
	}
	if public, err = publicPEM(key); err != nil {
		return nil, nil, fmt.Errorf("key pair for %s: %w", alg, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), public, nil
}

// GenerateSecret makes an HMAC secret: base64url text of 64 random bytes. The
// text itself is the secret, so that it survives files and environments.
func GenerateSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

func randomKey(alg string) (crypto.Signer, error) {
	switch alg {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}
