package auth

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// MinSecretBytes is the shortest HMAC secret accepted (RFC 7518, section 3.2,
// for HS256).
const MinSecretBytes = 32

// source is somewhere that verification keys come from. serves reports whether
// it may ever hold a key for alg; keys returns those that fit the token whose
// header is h, all safe to try. Its errors are *Error.
type source interface {
	serves(alg string) bool
	keys(ctx context.Context, h header) ([]jwt.VerificationKey, error)
}

// secretSource is one HMAC secret. It serves HMAC algorithms and nothing else.
type secretSource struct{ secret []byte }

func newSecretSource(secret []byte) (*secretSource, error) {
	if bytes.Contains(secret, []byte("-----BEGIN ")) {
		return nil, errors.New("auth: the HMAC secret is a PEM file: give it as a public key, not as the secret")
	}
	if len(secret) < MinSecretBytes {
		return nil, fmt.Errorf("auth: the HMAC secret has %d bytes, need at least %d: make one with \"openssl rand -base64 48\"",
			len(secret), MinSecretBytes)
	}
	return &secretSource{bytes.Clone(secret)}, nil
}

func (s *secretSource) serves(alg string) bool { return isHMAC(alg) }

func (s *secretSource) keys(_ context.Context, h header) ([]jwt.VerificationKey, error) {
	return []jwt.VerificationKey{s.secret}, nil
}

// publicSource is a fixed list of public keys. They have no ids, so a token's
// kid is not looked at: each key of the fitting kind is tried.
type publicSource struct{ list []any }

func (s *publicSource) serves(alg string) bool {
	return slices.ContainsFunc(s.list, func(k any) bool { return fits(alg, k) })
}

func (s *publicSource) keys(_ context.Context, h header) ([]jwt.VerificationKey, error) {
	var list []jwt.VerificationKey
	for _, k := range s.list {
		if fits(h.alg, k) {
			list = append(list, k)
		}
	}
	return list, nil
}

// newPublicSource reads every PEM block of data.
func newPublicSource(data []byte) (*publicSource, error) {
	s := &publicSource{}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		key, err := publicKey(block)
		if err != nil {
			return nil, fmt.Errorf("auth: PEM block %d: %w", len(s.list)+1, err)
		}
		s.list = append(s.list, key)
	}
	if len(s.list) == 0 {
		return nil, fmt.Errorf("auth: no PEM public key found: %s", notPEM(data))
	}
	return s, nil
}

// publicKey is the verification key in one PEM block. A certificate counts for
// the key in it; who issued it and when it ends are not looked at, because the
// operator vouches for the file. A private key is refused although its public
// half could be taken: a gateway that can't sign tokens can't leak the means to.
func publicKey(block *pem.Block) (any, error) {
	var key any
	var err error
	switch {
	case block.Type == "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New(`it is a private key, and verifying needs only the public one: extract it with "openssl pkey -in FILE -pubout"`)
	default:
		return nil, fmt.Errorf("%q is not a public key or certificate", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("unreadable %s: %w", strings.ToLower(block.Type), err)
	}
	return key, checkPublic(key)
}

// notPEM says what a file without any PEM block seems to be.
func notPEM(data []byte) string {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return "the file is empty"
	case text[0] == '{':
		return "this is JSON; give a key set by its URL"
	case bytes.HasPrefix(text, []byte("ssh-")) || bytes.HasPrefix(text, []byte("ecdsa-")):
		return `this is an SSH key; convert it with "ssh-keygen -e -m pkcs8 -f FILE"`
	case text[0] == 0x30 && bytes.IndexByte(text, 0) >= 0: // an ASN.1 sequence
		return `this looks like DER; convert it with "openssl pkey -pubin -inform DER -in FILE"`
	}
	return `it must begin with "-----BEGIN PUBLIC KEY-----"`
}
