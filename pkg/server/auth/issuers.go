package auth

import (
	"errors"
	"fmt"
)

// Issuer is one of several issuers, each with keys and algorithms of its own. A
// token is checked with the keys of the issuer that its iss names and with no
// others; one whose iss is none of theirs with Options' own keys, if there are
// any.
type Issuer struct {
	Name       string   // iss
	Secret     []byte   // as in Options, for the next four
	Keys       []byte   //
	JWKSURL    string   //
	Algorithms []string //
	Audience   []string // empty is Options.Audience
}

// addIssuers makes the verifiers of the issuers.
func (v *Verifier) addIssuers(o *Options) error {
	for _, issuer := range o.Issuers {
		if issuer.Name == "" {
			return errors.New("auth: an issuer has no name: give the value that its tokens carry in iss")
		}
		if v.byIssuer[issuer.Name] != nil {
			return fmt.Errorf("auth: issuer %q stands twice", issuer.Name)
		}
		own := Options{
			Secret: issuer.Secret, Keys: issuer.Keys, JWKSURL: issuer.JWKSURL, Algorithms: issuer.Algorithms,
			Audience: issuer.Audience, Issuer: []string{issuer.Name},
			Leeway: o.Leeway, Logger: o.Logger, HTTPClient: o.HTTPClient, InsecureJWKS: o.InsecureJWKS,
		}
		if len(own.Audience) == 0 {
			own.Audience = o.Audience
		}
		other, err := New(own)
		if err != nil {
			return fmt.Errorf("issuer %q: %w", issuer.Name, err)
		}
		if v.byIssuer == nil {
			v.byIssuer = make(map[string]*Verifier)
		}
		v.byIssuer[issuer.Name] = other
	}
	return nil
}

// of is who checks the tokens of an issuer.
func (v *Verifier) of(iss string) *Verifier {
	if other := v.byIssuer[iss]; other != nil {
		return other
	}
	return v
}
