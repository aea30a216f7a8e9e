package auth

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Revocation ends tokens before they expire: that of TokenID, those of Subject,
// or all of Issuer; with IssuedBefore only those that were issued before it, and
// those without a time of issue. Fields that are set must all fit.
type Revocation struct {
	TokenID      string
	Subject      string
	Issuer       string
	IssuedBefore time.Time
	// Until is when the last of the tokens has expired by itself: it is
	// remembered until then.
	Until time.Time
}

// Bounds of a revocation.
const (
	MaxRevocations   = 100_000
	maxRevokedBytes  = 512
	MaxRevokedFor    = 90 * 24 * time.Hour
	defaultRevokedBy = 24 * time.Hour
)

// Validate reports a revocation that is none, and fills in what may be left
// out: a revocation that names no token is of those issued before now, and one
// without an end is remembered for 24 hours.
func (r *Revocation) Validate(now time.Time) error {
	if r.TokenID == "" && r.IssuedBefore.IsZero() {
		if r.Subject == "" {
			return errors.New("revocation: name a token (jti), a subject (sub) or a time (issuedBefore)")
		}
		r.IssuedBefore = now
	}
	for _, s := range []string{r.TokenID, r.Subject, r.Issuer} {
		if len(s) > maxRevokedBytes {
			return fmt.Errorf("revocation: a value has %d bytes, at most %d", len(s), maxRevokedBytes)
		}
	}
	if r.Until.IsZero() {
		r.Until = now.Add(defaultRevokedBy)
	}
	if !r.Until.After(now) || r.Until.After(now.Add(MaxRevokedFor)) {
		return errors.New("revocation: its end must be ahead, and at most 90 days")
	}
	return nil
}

// fits reports whether the revocation is of the identity's token.
func (r *Revocation) fits(id *Identity) bool {
	return (r.TokenID == "" || r.TokenID == id.TokenID) &&
		(r.Subject == "" || r.Subject == id.Subject) &&
		(r.Issuer == "" || r.Issuer == id.Issuer) &&
		(r.IssuedBefore.IsZero() || id.IssuedAt.IsZero() || id.IssuedAt.Before(r.IssuedBefore))
}

// key is what entries are found by and merged under.
type revocationKey struct{ tokenID, subject, issuer string }

// Revocations is a bounded list of revocations. A nil one has none. It is safe
// for concurrent use.
type Revocations struct {
	most int

	mu sync.RWMutex
	by map[revocationKey]Revocation
}

// NewRevocations makes a list of at most most entries; 0 is MaxRevocations.
func NewRevocations(most int) *Revocations {
	if most <= 0 {
		most = MaxRevocations
	}
	return &Revocations{most: most, by: make(map[revocationKey]Revocation)}
}

// ErrTooManyRevocations means that the list is full of revocations that have
// not run out.
var ErrTooManyRevocations = errors.New("too many revocations: change the key instead")

// Add remembers a revocation that Validate has passed. added is false when the
// list knew as much before.
func (l *Revocations) Add(r Revocation, now time.Time) (added bool, err error) {
	key := revocationKey{r.TokenID, r.Subject, r.Issuer}
	l.mu.Lock()
	defer l.mu.Unlock()
	old, has := l.by[key]
	if has {
		// The wider of the two holds: the later bound, the later end.
		if old.IssuedBefore.IsZero() || r.IssuedBefore.IsZero() {
			r.IssuedBefore = time.Time{}
		} else if old.IssuedBefore.After(r.IssuedBefore) {
			r.IssuedBefore = old.IssuedBefore
		}
		if old.Until.After(r.Until) {
			r.Until = old.Until
		}
		if r.IssuedBefore.Equal(old.IssuedBefore) && r.Until.Equal(old.Until) {
			return false, nil
		}
	} else if len(l.by) >= l.most {
		for k, e := range l.by {
			if !e.Until.After(now) {
				delete(l.by, k)
			}
		}
		if len(l.by) >= l.most {
			return false, ErrTooManyRevocations
		}
	}
	l.by[key] = r
	return true, nil
}

// Has reports whether the identity's token has been revoked.
func (l *Revocations) Has(id *Identity) bool {
	if l == nil || id == nil {
		return false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.by) == 0 {
		return false
	}
	// An identity is under at most eight keys: each value, or none.
	for mask := range 8 {
		key := revocationKey{id.TokenID, id.Subject, id.Issuer}
		if mask&1 != 0 {
			key.tokenID = ""
		}
		if mask&2 != 0 {
			key.subject = ""
		}
		if mask&4 != 0 {
			key.issuer = ""
		}
		if r, ok := l.by[key]; ok && r.fits(id) && time.Now().Before(r.Until) {
			return true
		}
	}
	return false
}

// All returns the revocations that have not run out, and forgets the others.
func (l *Revocations) All(now time.Time) []Revocation {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Revocation, 0, len(l.by))
	for k, r := range l.by {
		if r.Until.After(now) {
			list = append(list, r)
		} else {
			delete(l.by, k)
		}
	}
	return list
}
