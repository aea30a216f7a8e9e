package auth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
)

// MaxTokenBytes is the longest token that is looked at, in bytes. Cookies and
// header lines end near there anyway.
const MaxTokenBytes = 8 << 10

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	parser     *jwt.Parser
	algorithms []string
	sources    []source
	issuers    []string
	jwks       *jwks                // nil without a key set
	byIssuer   map[string]*Verifier // of Options.Issuers
	stop       context.CancelFunc
	next       atomic.Pointer[Verifier] // see Replace
}

// New checks the options and builds a Verifier. Errors name the option at fault
// and how to mend it. With a JWKSURL it waits for the first fetch of the key
// set, at most the HTTP client's timeout, but does not fail with it: until a
// fetch succeeds tokens are refused with key_unavailable. The key set is then
// refreshed by one goroutine until Close.
func New(o Options) (*Verifier, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	v, err := build(ctx, o)
	if err != nil {
		stop()
		return nil, err
	}
	v.stop = stop
	if err := v.addIssuers(&o); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

func build(ctx context.Context, o Options) (*Verifier, error) {
	sources, set, err := o.sources(ctx)
	if err != nil {
		return nil, err
	}
	list, err := allowed(o.Algorithms, sources)
	if err != nil {
		return nil, err
	}
	parserOptions := []jwt.ParserOption{
		jwt.WithValidMethods(list),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(o.leeway()),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
	}
	if len(o.Audience) > 0 {
		parserOptions = append(parserOptions, jwt.WithAudience(slices.Clone(o.Audience)...))
	}
	return &Verifier{
		parser:     jwt.NewParser(parserOptions...),
		algorithms: list,
		sources:    sources,
		issuers:    slices.Clone(o.Issuer), // checked here: jwt.WithIssuer takes only one
		jwks:       set,
	}, nil
}

// Algorithms are the accepted alg values, of all issuers.
func (v *Verifier) Algorithms() []string {
	v = v.now()
	list := slices.Clone(v.algorithms)
	if len(v.byIssuer) == 0 {
		return list
	}
	for _, other := range v.byIssuer {
		list = append(list, other.algorithms...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Verify checks the token's form, algorithm, signature and claims, in this
// order. The error is always an *Error. It does not block, except that a token
// which names a key unknown so far may wait for a fetch of the key set, for at
// most 300 ms or until ctx is done.
func (v *Verifier) Verify(ctx context.Context, token string) (*Identity, error) {
	v = v.now()
	switch {
	case token == "":
		return nil, &Error{CodeTokenMissing}
	case len(token) > MaxTokenBytes:
		return nil, &Error{CodeTokenTooLarge}
	}
	h, hasExp, ok := precheck(token)
	if !ok {
		return nil, &Error{CodeTokenMalformed}
	}
	return v.of(h.iss).verify(ctx, token, h, hasExp)
}

// verify is the rest of Verify, with the keys of one issuer.
func (v *Verifier) verify(ctx context.Context, token string, h header, hasExp bool) (*Identity, error) {
	switch {
	case len(v.sources) == 0:
		return nil, &Error{CodeTokenBadIssuer}
	case !slices.Contains(v.algorithms, h.alg):
		return nil, &Error{CodeTokenBadAlgorithm}
	}
	refusal := &Error{CodeTokenUnknownKey}
	for _, s := range v.sources {
		if !s.serves(h.alg) {
			continue
		}
		keys, err := s.keys(ctx, h)
		if err != nil {
			refusal = asError(err)
			continue
		}
		claims := jwt.MapClaims{}
		_, err = v.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) {
			return jwt.VerificationKeySet{Keys: keys}, nil
		})
		if err == nil {
			return v.identity(claims)
		}
		if refusal = classify(err, hasExp); refusal.Code != CodeTokenBadSignature {
			return nil, refusal
		}
	}
	return nil, refusal
}

// identity is the end of Verify: the signature and the dates are good.
func (v *Verifier) identity(claims jwt.MapClaims) (*Identity, error) {
	subject, _ := claims["sub"].(string)
	id, _ := claims["jti"].(string)
	issuer, _ := claims["iss"].(string)
	if len(v.issuers) > 0 && !slices.Contains(v.issuers, issuer) {
		return nil, &Error{CodeTokenBadIssuer}
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return nil, &Error{CodeTokenNoExpiry}
	}
	identity := &Identity{Subject: subject, TokenID: id, Issuer: issuer, ExpiresAt: exp.Time, Claims: claims}
	if iat, err := claims.GetIssuedAt(); err == nil && iat != nil {
		identity.IssuedAt = iat.Time
	}
	return identity, nil
}

// classify turns the library's error into a code. A token with several faults
// gets the one listed first. The library's text is dropped: it may quote.
func classify(err error, hasExp bool) *Error {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return &Error{CodeTokenMalformed}
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return &Error{CodeTokenBadSignature}
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return &Error{CodeTokenUnknownKey}
	case !hasExp:
		return &Error{CodeTokenNoExpiry}
	case errors.Is(err, jwt.ErrTokenExpired):
		return &Error{CodeTokenExpired}
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return &Error{CodeTokenNotYetValid}
	case errors.Is(err, jwt.ErrTokenInvalidAudience), errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return &Error{CodeTokenBadAudience} // exp is there, so aud is what is missing
	}
	return &Error{CodeTokenMalformed}
}

func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{CodeKeyUnavailable}
}

// String names the accepted algorithms and nothing secret, so that a Verifier
// may be printed.
func (v *Verifier) String() string { return "verifier for " + strings.Join(v.Algorithms(), ", ") }
