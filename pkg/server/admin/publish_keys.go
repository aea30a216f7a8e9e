package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// Bounds of what is kept of publishes with a key. Beyond them the oldest is
// forgotten.
const (
	keyLifetime  = 5 * time.Minute
	maxKeys      = 10_000
	maxKeptBytes = 16 << 20
	maxKeyBytes  = maxNameBytes
)

// outcome is the answer to a request, or to an item of one.
type outcome struct {
	status int
	body   []byte
	// keep is whether the same request would only repeat what has been done.
	keep bool
}

var errKeyReused = errors.New("the idempotency key has been used for something else")

// idempotency remembers outcomes by key, so that a publish that is repeated is
// published once. The keys are this pod's: others don't know them.
type idempotency struct {
	mu     sync.Mutex
	byKey  map[string]*keyedOutcome
	oldest []*keyedOutcome // first
	bytes  int
}

// keyedOutcome is the first request with a key.
type keyedOutcome struct {
	key     string
	hash    [sha256.Size]byte
	expires time.Time
	done    chan struct{} // closed when out is there
	out     outcome
}

func newIdempotency() *idempotency { return &idempotency{byKey: map[string]*keyedOutcome{}} }

// once calls do, unless a call for the same key and content has been done or is
// under way, whose outcome it returns. Outcomes that are not to be kept don't
// count.
func (m *idempotency) once(ctx context.Context, key string, content []byte, do func() outcome) (out outcome, replayed bool, err error) {
	hash := sha256.Sum256(content)
	for {
		m.mu.Lock()
		m.forget(time.Now())
		k := m.byKey[key]
		if k == nil {
			k = &keyedOutcome{key: key, hash: hash, expires: time.Now().Add(keyLifetime), done: make(chan struct{})}
			m.byKey[key] = k
			m.oldest = append(m.oldest, k)
			m.mu.Unlock()
			return m.first(k, do), false, nil
		}
		m.mu.Unlock()
		if k.hash != hash {
			return outcome{}, false, errKeyReused
		}
		select {
		case <-k.done:
		case <-ctx.Done():
			return outcome{}, false, ctx.Err()
		}
		if k.out.keep {
			return k.out, true, nil
		}
	}
}

func (m *idempotency) first(k *keyedOutcome, do func() outcome) outcome {
	defer func() {
		m.mu.Lock()
		if k.out.keep {
			m.bytes += len(k.out.body)
		} else if m.byKey[k.key] == k {
			delete(m.byKey, k.key)
		}
		m.mu.Unlock()
		close(k.done)
	}()
	k.out = do()
	return k.out
}

// forget drops what is too old or too much. What is under way stays: requests
// end, so it is never long the oldest.
func (m *idempotency) forget(now time.Time) {
	n := 0
	for ; n < len(m.oldest); n++ {
		k := m.oldest[n]
		if now.Before(k.expires) && len(m.oldest)-n <= maxKeys && m.bytes <= maxKeptBytes || !k.ended() {
			break
		}
		if m.byKey[k.key] == k {
			delete(m.byKey, k.key)
		}
		if k.out.keep {
			m.bytes -= len(k.out.body)
		}
		m.oldest[n] = nil
	}
	m.oldest = m.oldest[n:]
}

func (k *keyedOutcome) ended() bool {
	select {
	case <-k.done:
		return true
	default:
		return false
	}
}
