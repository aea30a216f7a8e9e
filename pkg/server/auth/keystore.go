package auth

import (
	"context"
	"crypto"
	"log/slog"
	"sync/atomic"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// maxSetKeys bounds how many keys one token can be tried against.
const maxSetKeys = 64

// keyStore holds the last good key set. It takes only keys that may verify
// tokens: a shared secret, an encryption key or a weak key in a public set is
// left out, whatever a token asks for.
type keyStore struct {
	jwkset.MemoryJWKSet
	log *slog.Logger
	ok  atomic.Bool // the last fetch succeeded

	fetched func() // called after each fetch that succeeded
}

// KeyReplaceAll is how a successful fetch arrives.
func (s *keyStore) KeyReplaceAll(ctx context.Context, set []jwkset.JWK) error {
	usable := make([]jwkset.JWK, 0, len(set))
	for _, k := range set {
		if use := k.Marshal().USE; use != "" && use != jwkset.UseSig {
			continue
		}
		if err := checkPublic(public(k.Key())); err == nil && len(usable) < maxSetKeys {
			usable = append(usable, k)
		}
	}
	if len(usable) == 0 {
		s.log.WarnContext(ctx, "the key set holds no key that can verify tokens: all are refused", "keys", len(set))
	} else if left := len(set) - len(usable); left > 0 {
		s.log.InfoContext(ctx, "keys of the key set left out: not for signatures, too weak, or too many", "left_out", left, "used", len(usable))
	}
	s.ok.Store(len(usable) > 0)
	err := s.MemoryJWKSet.KeyReplaceAll(ctx, usable)
	s.fetched()
	return err
}

// failed is how an unsuccessful fetch arrives. The keys so far stay in use.
func (s *keyStore) failed(ctx context.Context, err error) {
	s.ok.Store(false)
	s.log.WarnContext(ctx, "key set not fetched, the keys so far stay in use", "error", withoutURL(err))
}

// current reports whether a key that is not here is not in the set either, as
// far as the last fetch can tell.
func (s *keyStore) current() bool { return s.ok.Load() }

// fitting are the keys that may verify alg, for a token that names none.
func (s *keyStore) fitting(alg string) []jwt.VerificationKey {
	set, _ := s.KeyReadAll(context.Background()) // memory: can't fail
	var list []jwt.VerificationKey
	for _, k := range set {
		if a := k.Marshal().ALG.String(); a != "" && a != alg {
			continue
		}
		if key := public(k.Key()); fits(alg, key) {
			list = append(list, key)
		}
	}
	return list
}

// public is the public half of a key; sets in the wild sometimes hold both.
func public(key any) any {
	if k, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		return k.Public()
	}
	return key
}
