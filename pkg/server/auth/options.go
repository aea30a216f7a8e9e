package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// defaultLeeway and maxLeeway bound how far the clocks of issuer and verifier
// may be apart. More would be time in which an expired token still works.
const (
	defaultLeeway = 5 * time.Second
	maxLeeway     = 30 * time.Second
)

// Options configure a Verifier. At least one of Secret, Keys, JWKSURL and Issuers
// must be set; several may be, as when moving from one to another. A token is only
// ever checked with keys of the kind that its algorithm asks for, so a public
// key is never taken for an HMAC secret.
type Options struct {
	Secret     []byte        // HMAC secret of at least 32 bytes; nil means none, empty is an error
	Keys       []byte        // PEM public keys or certificates, one or more blocks; nil means none
	JWKSURL    string        // URL of a JSON Web Key Set: https, or http on loopback
	Algorithms []string      // accepted alg values; empty means all that the keys can serve
	Audience   []string      // a token must name one of them; empty means not checked
	Issuer     []string      // a token must come from one of them; empty means not checked
	Leeway     time.Duration // clock difference allowed, at most 30s; 0 means 5s, negative means none
	Issuers    []Issuer      // issuers with keys of their own
	Logger     *slog.Logger  // nil means none; says when a key set can't be fetched
	HTTPClient *http.Client  // for the key set, with a timeout; nil means one with 5s

	InsecureJWKS bool // let the key set come over plain http from another machine
}

// validate checks what does not need the keys.
func (o *Options) validate() error {
	switch {
	case o.Secret == nil && o.Keys == nil && o.JWKSURL == "" && len(o.Issuers) == 0:
		return errors.New("auth: nothing to verify tokens with: give an HMAC secret, a public key or a key set URL")
	case slices.Contains(o.Audience, ""):
		return errors.New("auth: an audience is empty: give the value that tokens carry in aud, or leave it out")
	case slices.Contains(o.Issuer, ""):
		return errors.New("auth: an issuer is empty: give the value that tokens carry in iss, or leave it out")
	case o.Leeway > maxLeeway:
		return fmt.Errorf("auth: leeway %v is too long: at most %v", o.Leeway, maxLeeway)
	case o.HTTPClient != nil && o.HTTPClient.Timeout <= 0:
		return errors.New("auth: the HTTP client for the key set has no timeout: set one")
	}
	return nil
}

func (o *Options) leeway() time.Duration {
	if o.Leeway == 0 {
		return defaultLeeway
	}
	return max(o.Leeway, 0)
}

// sources are the places that keys come from, local ones first.
func (o *Options) sources(ctx context.Context) ([]source, *jwks, error) {
	var list []source
	if o.Secret != nil {
		s, err := newSecretSource(o.Secret)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, s)
	}
	if o.Keys != nil {
		s, err := newPublicSource(o.Keys)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, s)
	}
	if o.JWKSURL == "" {
		return list, nil, nil
	}
	set, err := newJWKS(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	return append(list, set), set, nil
}
