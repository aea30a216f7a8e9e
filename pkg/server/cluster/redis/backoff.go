package redis

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
)

// backoff doubles the time between tries, with jitter so that the pods of a
// cluster don't come back in step. The zero value is ready.
type backoff struct{ tries int }

// next returns how long to wait: between half and all of 50 ms, 100 ms, … 1 s.
func (b *backoff) next() time.Duration {
	d := maxBackoff
	if b.tries < 16 {
		d = min(minBackoff<<b.tries, maxBackoff)
		b.tries++
	}
	return d/2 + rand.N(d/2)
}

func (b *backoff) reset() { b.tries = 0 }

// wait sleeps for the next time and reports whether ctx is still alive.
func (b *backoff) wait(ctx context.Context) bool { return sleep(ctx, b.next()) }

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
