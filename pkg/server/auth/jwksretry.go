package auth

import (
	"math/rand/v2"
	"time"
)

// The wait after a failed fetch: it doubles, and is spread so that the pods of
// a cluster don't ask an issuer that is coming back all at once.
const (
	jwksRetryFirst = 2 * time.Second
	jwksRetryMost  = 2 * time.Minute
)

// anyKey is the key id of a fetch that no token asked for. No token can have it:
// it is not UTF-8.
const anyKey = "\xff"

// retryWait is the wait after the failures-th failure in a row, between half of
// and the whole doubled time.
func retryWait(failures int) time.Duration {
	d := jwksRetryMost
	if failures < 8 {
		d = min(jwksRetryFirst<<(failures-1), jwksRetryMost)
	}
	return d/2 + rand.N(d/2)
}

// again fetches once more after a while, until a fetch succeeds: without it a
// set that could not be fetched would be missing until the next refresh.
func (j *jwks) again() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.againLocked()
}

func (j *jwks) againLocked() {
	if j.closed {
		return
	}
	j.failed++
	if j.retry != nil {
		j.retry.Stop()
	}
	j.retry = time.AfterFunc(retryWait(j.failed), j.refresh)
}

// settled notes that a fetch succeeded.
func (j *jwks) settled() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.good++
	j.failed = 0
	if j.retry != nil {
		j.retry.Stop()
		j.retry = nil
	}
}

// refresh fetches the set now, unless a fetch is under way.
func (j *jwks) refresh() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.retry = nil
	if j.closed || j.remote == nil || j.pending != nil {
		return
	}
	j.pending = make(chan struct{})
	j.fetches.Go(func() { j.fetch(anyKey) })
}
