package mint

import (
	"crypto"
	"strings"
	"time"
)

// oversizeBytes makes a token longer than the 8 KiB that servers and the HTTP
// header limits in front of them take.
const oversizeBytes = 9 << 10

// flawed signs the token with the defect in it. header and claims belong to it.
func (m *Minter) flawed(header, claims map[string]any, d Defect, now time.Time) (string, error) {
	switch d {
	case Expired:
		claims["iat"] = now.Add(-2 * time.Hour).Unix()
		claims["exp"] = now.Add(-time.Hour).Unix()
	case NotBefore:
		claims["nbf"] = now.Add(time.Hour).Unix()
		claims["exp"] = now.Add(2 * time.Hour).Unix() // or it would have no time to be valid in
	case NoExpiry:
		delete(claims, "exp")
	case WrongAudience:
		claims["aud"] = "another-audience.invalid"
	case WrongIssuer:
		claims["iss"] = "https://another-issuer.invalid"
	case Oversize:
		claims["padding"] = strings.Repeat("x", oversizeBytes)
	case AlgNone:
		header["alg"] = "none"
		text, err := unsigned(header, claims)
		return text + ".", err
	case WrongKey:
		return m.signedByStranger(header, claims)
	case UnknownKeyID:
		header["kid"] = "../../../../../../dev/null"
		if isHMAC(m.spec.Alg) {
			return sign(header, claims, m.spec.Alg, []byte{})
		}
		return m.signedByStranger(header, claims)
	case AlgConfusion:
		return m.confused(header, claims)
	case Tampered:
		return m.tampered(header, claims)
	}
	return sign(header, claims, m.spec.Alg, m.key)
}

func (m *Minter) signedByStranger(header, claims map[string]any) (string, error) {
	key, err := m.stranger()
	if err != nil {
		return "", err
	}
	return sign(header, claims, m.spec.Alg, key)
}

// confused makes the server's own choice of algorithm the flaw. Whoever has the
// public key can make the first form, and anyone the second.
func (m *Minter) confused(header, claims map[string]any) (string, error) {
	if signer, ok := m.key.(crypto.Signer); ok {
		secret, err := publicPEM(signer)
		if err != nil {
			return "", err
		}
		header["alg"] = "HS256"
		return sign(header, claims, "HS256", secret)
	}
	key, err := m.intruder()
	if err != nil {
		return "", err
	}
	header["alg"] = "RS256"
	header["jwk"] = key.jwk
	return sign(header, claims, "RS256", key.private)
}

// tampered puts a changed payload under a good signature.
func (m *Minter) tampered(header, claims map[string]any) (string, error) {
	token, err := sign(header, claims, m.spec.Alg, m.key)
	if err != nil {
		return "", err
	}
	subject, _ := claims["sub"].(string)
	claims["sub"] = subject + "-tampered"
	text, err := unsigned(header, claims)
	if err != nil {
		return "", err
	}
	return text + token[strings.LastIndexByte(token, '.'):], nil
}
