package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// minRSABits is the smallest RSA modulus accepted (RFC 7518, sections 3.3 and
// 3.5); maxRSABits bounds the time that one verification can take.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// algorithms are the signature algorithms of RFC 7518 and RFC 8037 that can be
// accepted. "none" is not among them and cannot be configured.
var algorithms = []string{
	"HS256", "HS384", "HS512",
	"RS256", "RS384", "RS512",
	"PS256", "PS384", "PS512",
	"ES256", "ES384", "ES512",
	"EdDSA",
}

// curves ties each ECDSA algorithm to its curve (RFC 7518, section 3.4).
var curves = map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

func isHMAC(alg string) bool { return strings.HasPrefix(alg, "HS") }

// fits reports whether a public key may verify alg. HMAC fits no public key:
// that is what defeats a token that takes a public key for a shared secret.
func fits(alg string, key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return k.Curve != nil && curves[alg] == k.Curve.Params().Name
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// checkPublic reports why a public key is not good enough to verify with.
func checkPublic(key any) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("the RSA key has %d bits, need %d to %d", bits, minRSABits, maxRSABits)
		}
		return nil
	case *ecdsa.PublicKey:
		for _, name := range curves {
			if name == k.Curve.Params().Name {
				return nil
			}
		}
		return fmt.Errorf("the EC key is on curve %s, need P-256, P-384 or P-521", k.Curve.Params().Name)
	case ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("a key of type %T can't verify tokens, need RSA, EC or Ed25519", key)
}

// allowed is the list of algorithms that a verifier accepts: the wanted ones,
// each of which some key must serve, or all that the keys serve.
func allowed(wanted []string, sources []source) ([]string, error) {
	served := func(alg string) bool {
		return slices.ContainsFunc(sources, func(s source) bool { return s.serves(alg) })
	}
	var list []string
	if len(wanted) == 0 {
		for _, alg := range algorithms {
			if served(alg) {
				list = append(list, alg)
			}
		}
		return list, nil
	}
	for _, alg := range wanted {
		switch {
		case strings.EqualFold(alg, "none"):
			return nil, errors.New(`auth: algorithm "none" would accept tokens that nobody signed: leave it out`)
		case !slices.Contains(algorithms, alg):
			return nil, fmt.Errorf("auth: unknown algorithm %q: use any of %s", alg, strings.Join(algorithms, ", "))
		case !served(alg) && isHMAC(alg):
			return nil, fmt.Errorf("auth: algorithm %s needs a secret, and none is given", alg)
		case !served(alg):
			return nil, fmt.Errorf("auth: no key given can verify algorithm %s: add one of that kind or leave the algorithm out", alg)
		case !slices.Contains(list, alg):
			list = append(list, alg)
		}
	}
	return list, nil
}
