package webhook

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// The circuit breaker opens when at least breakerMin tries ended within
// breakerWindow and at least half of them failed.
const (
	breakerSlots  = 10
	breakerSlot   = time.Second
	breakerWindow = breakerSlots * breakerSlot
	breakerMin    = 10

	// It stays open for about minOpen, twice that after each failed probe, up to
	// maxOpen.
	minOpen = time.Second
	maxOpen = 30 * time.Second
)

var errOpen = errors.New("the circuit breaker is open: most of the last calls failed")

// breaker is a circuit breaker over a rolling window. Its zero value is closed.
type breaker struct {
	mu      sync.Mutex
	slots   [breakerSlots]tally
	openFor time.Duration // 0: closed
	until   time.Time     // when a probe may go
	probing bool
}

// tally are the outcomes of one slot of time.
type tally struct {
	slot       int64
	ok, failed int
}

// allow reports whether a try may be made now. Every allowed try must be followed
// by done or forgo.
func (b *breaker) allow(now time.Time) (probe bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openFor == 0 {
		return false, nil
	}
	if b.probing || now.Before(b.until) {
		return false, errOpen
	}
	b.probing = true
	return true, nil
}

// done notes the outcome of a try. What began before the breaker opened counts no
// more once it is open.
func (b *breaker) done(now time.Time, probe, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case probe && ok:
		b.slots, b.openFor, b.probing = [breakerSlots]tally{}, 0, false
	case probe:
		b.probing = false
		b.open(now, min(2*b.openFor, maxOpen))
	case b.openFor != 0:
	default:
		slot := now.UnixNano() / int64(breakerSlot)
		t := &b.slots[slot%breakerSlots]
		if t.slot != slot {
			*t = tally{slot: slot}
		}
		if ok {
			t.ok++
			return
		}
		t.failed++
		if sum := b.sum(slot); sum.ok+sum.failed >= breakerMin && sum.failed >= sum.ok {
			b.open(now, minOpen)
		}
	}
}

// forgo ends a try that tells nothing of the endpoint.
func (b *breaker) forgo(probe bool) {
	if probe {
		b.mu.Lock()
		b.probing = false
		b.mu.Unlock()
	}
}

func (b *breaker) open(now time.Time, d time.Duration) {
	b.openFor = d
	b.until = now.Add(d*3/4 + rand.N(d/2)) // pods don't probe in step
}

func (b *breaker) sum(slot int64) (s tally) {
	for _, t := range b.slots {
		if t.slot > slot-breakerSlots {
			s.ok += t.ok
			s.failed += t.failed
		}
	}
	return s
}

// state returns "closed", "open" or "half-open".
func (b *breaker) state(now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.openFor == 0:
		return "closed"
	case b.probing || !now.Before(b.until):
		return "half-open"
	}
	return "open"
}
