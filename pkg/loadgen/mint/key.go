package mint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// signingKey is the key of a Spec in the type that golang-jwt signs with.
func signingKey(s Spec) (any, error) {
	if isHMAC(s.Alg) {
		switch {
		case len(s.Key) > 0:
			return nil, fmt.Errorf("%s is signed with a secret, not with a private key", s.Alg)
		case len(s.Secret) == 0:
			return nil, fmt.Errorf("%s needs a secret", s.Alg)
		}
		return append([]byte(nil), s.Secret...), nil
	}
	switch {
	case len(s.Secret) > 0:
		return nil, fmt.Errorf("%s is signed with a private key, not with a secret", s.Alg)
	case len(s.Key) == 0:
		return nil, fmt.Errorf("%s needs a private key in PEM form", s.Alg)
	}
	key, err := privateKey(s.Key)
	if err != nil {
		return nil, err
	}
	if got := kindOf(key); got != kindFor(s.Alg) {
		return nil, fmt.Errorf("%s needs a private key of kind %s, this one is %s", s.Alg, kindFor(s.Alg), got)
	}
	return key, nil
}

// algFor picks the algorithm of a spec that names none.
func algFor(s Spec) (string, error) {
	switch {
	case len(s.Secret) > 0:
		return "HS256", nil
	case len(s.Key) == 0:
		return "", errors.New("no key: give a secret or a private key in PEM form")
	}
	key, err := privateKey(s.Key)
	if err != nil {
		return "", err
	}
	kind := kindOf(key)
	for _, alg := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		if kindFor(alg) == kind {
			return alg, nil
		}
	}
	return "", fmt.Errorf("no algorithm signs with a key of kind %s", kind)
}

// privateKey reads the first private key of a PEM file.
func privateKey(data []byte) (crypto.Signer, error) {
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New(`no PEM private key found: it must begin with "-----BEGIN PRIVATE KEY-----"`)
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, errEncrypted
			}
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, errEncrypted
			}
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "EC PARAMETERS": // openssl writes them in front of the key
			continue
		case "ENCRYPTED PRIVATE KEY":
			return nil, errEncrypted
		default:
			return nil, fmt.Errorf("the PEM file holds a %s, and signing needs the private key", strings.ToLower(block.Type))
		}
		if err != nil {
			return nil, fmt.Errorf("unreadable private key: %w", err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("a key of type %T can't sign", key)
		}
		return signer, nil
	}
}

var errEncrypted = errors.New(`the private key is encrypted: decrypt it with "openssl pkey -in FILE -out FILE2"`)

func isHMAC(alg string) bool { return strings.HasPrefix(alg, "HS") }

// kindFor is the kind of key that a public-key algorithm is signed with.
func kindFor(alg string) string {
	switch alg {
	case "ES256":
		return "EC P-256"
	case "ES384":
		return "EC P-384"
	case "ES512":
		return "EC P-521"
	case "EdDSA":
		return "Ed25519"
	}
	return "RSA"
}

func kindOf(key crypto.Signer) string {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return "RSA"
	case *ecdsa.PrivateKey:
		return "EC " + k.Curve.Params().Name
	case ed25519.PrivateKey:
		return "Ed25519"
	}
	return fmt.Sprintf("%T", key)
}

// publicPEM is the public half of a key as the text that servers keep it in.
func publicPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
