package webhook

import (
	"context"
	"errors"
	"sync/atomic"
)

var errFull = errors.New("the queue for the service is full")

// bulkhead keeps a slow service from taking more than its share: so many calls
// are under way, so many wait.
type bulkhead struct {
	places  chan struct{}
	waiting atomic.Int64
	queue   int64
}

func newBulkhead(concurrency, queue int) *bulkhead {
	return &bulkhead{places: make(chan struct{}, concurrency), queue: int64(queue)}
}

// enter takes a place, which leave gives back. It waits in the queue; patient
// callers, of whom there must be a bound elsewhere, wait beyond its end.
func (b *bulkhead) enter(ctx context.Context, patient bool) error {
	select {
	case b.places <- struct{}{}:
		return nil
	default:
	}
	if !patient {
		if b.waiting.Add(1) > b.queue {
			b.waiting.Add(-1)
			return errFull
		}
		defer b.waiting.Add(-1)
	}
	select {
	case b.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bulkhead) leave() { <-b.places }
