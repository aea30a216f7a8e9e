package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	jwksTimeout  = 5 * time.Second        // one fetch, from dialling to the last byte
	jwksRefresh  = 15 * time.Minute       // a revoked key lives on for at most this long
	jwksRefetch  = 10 * time.Second       // least time between fetches for unknown key ids
	jwksWait     = 300 * time.Millisecond // most that one handshake waits for a fetch
	jwksAbsent   = 30 * time.Second       // how long an unknown key id is remembered as such
	jwksMaxKnown = 1024                   // unknown key ids remembered
)

// jwks is a remote key set. Keys are read from memory; a key id that is not
// there triggers a fetch, which is what makes a rotation visible at once. Such
// fetches run apart from the handshake that asks, so that a slow issuer can
// delay a handshake by jwksWait but not lose it the fetch, and are limited, so
// that made-up key ids can't turn the gateway into a load on the issuer.
type jwks struct {
	ctx     context.Context // ends with the Verifier
	store   *keyStore
	local   keyfunc.Keyfunc // reads store, never the network
	remote  jwkset.Storage  // fetches when the key id is not in store
	limiter *rate.Limiter

	mu      sync.Mutex
	closed  bool
	pending chan struct{}        // closed when the fetch under way ends; nil when none is
	absent  map[string]time.Time // key ids that a fetch did not bring, until when

	fetches sync.WaitGroup
	retry   *time.Timer // fetches again after a failure; mu guards it
	failed  int         // fetches in a row that failed; mu guards it
	good    int         // fetches that succeeded; mu guards it
}

func newJWKS(ctx context.Context, o *Options) (*jwks, error) {
	u, err := checkURL(o.JWKSURL, o.InsecureJWKS)
	if err != nil {
		return nil, err
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("jwks_host", u.Host) // the path and query of a key set URL may hold secrets
	store := &keyStore{log: log}
	j := &jwks{
		ctx: ctx, store: store,
		limiter: rate.NewLimiter(rate.Every(jwksRefetch), 1),
		absent:  make(map[string]time.Time),
	}
	store.fetched = j.settled
	client := boundedClient(o.HTTPClient)
	source, err := jwkset.NewStorageFromHTTP(o.JWKSURL, jwkset.HTTPClientStorageOptions{
		Client:                    client,
		Ctx:                       ctx,
		HTTPTimeout:               client.Timeout,
		NoErrorReturnFirstHTTPReq: true,
		RefreshInterval:           jwksRefresh,
		RefreshErrorHandler: func(ctx context.Context, err error) {
			store.failed(ctx, err)
			j.again()
		},
		Storage: store,
	})
	if err != nil {
		return nil, fmt.Errorf("auth: key set: %w", withoutURL(err))
	}
	remote, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs: map[string]jwkset.Storage{"": source},
		// The wait for the limiter and the fetch share this time, so the
		// limiter here is open and the real one is asked beforehand.
		RateLimitWaitMax:  client.Timeout,
		RefreshUnknownKID: rate.NewLimiter(rate.Inf, 1),
	})
	if err != nil {
		return nil, fmt.Errorf("auth: key set: %w", withoutURL(err))
	}
	local, err := keyfunc.New(keyfunc.Options{
		Ctx: ctx, Storage: store, UseWhitelist: []jwkset.USE{"", jwkset.UseSig},
	})
	if err != nil {
		return nil, fmt.Errorf("auth: key set: %w", err)
	}
	j.mu.Lock()
	j.local, j.remote = local, remote
	j.mu.Unlock()
	return j, nil
}

// serves is true for every public-key algorithm: what the set holds may change.
func (j *jwks) serves(alg string) bool { return !isHMAC(alg) }

func (j *jwks) keys(ctx context.Context, h header) ([]jwt.VerificationKey, error) {
	list, known := j.lookup(ctx, h)
	settled := true
	if !known {
		settled = j.refetch(ctx, h.kid) && j.store.current()
		list, _ = j.lookup(ctx, h)
	}
	switch {
	case len(list) > 0:
		return list, nil
	case !settled:
		return nil, &Error{CodeKeyUnavailable}
	}
	return nil, &Error{CodeTokenUnknownKey}
}

// lookup finds the keys in memory that fit the header. known is whether a fetch
// can't be expected to add to the answer.
func (j *jwks) lookup(ctx context.Context, h header) (list []jwt.VerificationKey, known bool) {
	if !h.hasKid {
		list = j.store.fitting(h.alg)
		return list, len(list) > 0
	}
	key, err := j.local.KeyfuncCtx(ctx)(&jwt.Token{Header: map[string]any{"alg": h.alg, "kid": h.kid}})
	switch {
	case errors.Is(err, jwkset.ErrKeyNotFound):
		return nil, false
	case err != nil || !fits(h.alg, key):
		return nil, true
	}
	return []jwt.VerificationKey{key}, true
}

// refetch waits for a fetch of the set, which it starts unless one is under
// way, the key id is known to be absent, or the last fetch was just now. It is
// false when the fetch takes longer than a handshake waits.
func (j *jwks) refetch(ctx context.Context, kid string) bool {
	j.mu.Lock()
	if j.pending == nil {
		if j.closed || time.Now().Before(j.absent[kid]) || !j.limiter.Allow() {
			j.mu.Unlock()
			return true
		}
		j.pending = make(chan struct{})
		j.fetches.Go(func() { j.fetch(kid) })
	}
	pending := j.pending
	j.mu.Unlock()

	wait := time.NewTimer(jwksWait)
	defer wait.Stop()
	select {
	case <-pending:
		return true
	case <-wait.C:
	case <-ctx.Done():
	}
	return false
}

func (j *jwks) fetch(kid string) {
	j.mu.Lock()
	good := j.good
	j.mu.Unlock()
	_, err := j.remote.KeyRead(j.ctx, kid)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.good == good && j.retry == nil {
		j.againLocked()
	}
	if err != nil && kid != anyKey && j.store.current() {
		j.forget(time.Now())
		j.absent[kid] = time.Now().Add(jwksAbsent)
	}
	close(j.pending)
	j.pending = nil
}

// forget keeps the memory of absent key ids within its bound.
func (j *jwks) forget(now time.Time) {
	if len(j.absent) < jwksMaxKnown {
		return
	}
	for kid, until := range j.absent {
		if now.After(until) {
			delete(j.absent, kid)
		}
	}
	if len(j.absent) >= jwksMaxKnown {
		clear(j.absent)
	}
}

// close waits for the fetch under way; the caller has cancelled ctx.
func (j *jwks) close() {
	j.mu.Lock()
	j.closed = true
	if j.retry != nil {
		j.retry.Stop()
	}
	j.mu.Unlock()
	j.fetches.Wait()
}
