// Package queue is a first-in first-out queue bounded by items and by bytes that
// never makes its producer wait: when it is full it drops its oldest items and
// says how many.
//
// It imports the standard library only.
package queue

import "sync"

// Queue is safe for many producers and one consumer. Make it with New.
type Queue[T any] struct {
	ready    chan struct{}
	maxItems int
	maxBytes int

	mu    sync.Mutex
	ring  []item[T] // grows up to maxItems
	head  int
	count int
	bytes int
}

type item[T any] struct {
	value T
	size  int
}

// New makes a queue of at most maxItems items that are at most maxBytes bytes
// together.
func New[T any](maxItems, maxBytes int) *Queue[T] {
	return &Queue[T]{ready: make(chan struct{}, 1), maxItems: maxItems, maxBytes: maxBytes}
}

// Push adds a value that takes size bytes and returns how many items were
// dropped for it: the oldest ones, or the value itself when it alone is too big.
func (q *Queue[T]) Push(value T, size int) (dropped int) {
	if size > q.maxBytes {
		return 1
	}
	q.mu.Lock()
	for q.count > 0 && (q.count == q.maxItems || q.bytes+size > q.maxBytes) {
		q.pop()
		dropped++
	}
	if q.count == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.count)%len(q.ring)] = item[T]{value, size}
	q.count++
	q.bytes += size
	q.mu.Unlock()
	q.signal()
	return dropped
}

// Drain moves items to dst, oldest first: as many as are there, at most maxItems
// and about maxBytes, but one if there is one. The ready channel fires again for
// what it leaves.
func (q *Queue[T]) Drain(dst []T, maxItems, maxBytes int) []T {
	q.mu.Lock()
	bytes := 0
	for n := 0; q.count > 0 && n < maxItems && (n == 0 || bytes+q.ring[q.head].size <= maxBytes); n++ {
		it := q.pop()
		bytes += it.size
		dst = append(dst, it.value)
	}
	more := q.count > 0
	if !more && len(q.ring) > shrinkAbove {
		q.ring, q.head = nil, 0 // a burst's memory is given back
	}
	q.mu.Unlock()
	if more {
		q.signal()
	}
	return dst
}

// Return puts back what was drained and not used, in front and in order. size
// says how big a value is. What has no room any more is dropped, oldest first,
// and counted.
func (q *Queue[T]) Return(values []T, size func(T) int) (dropped int) {
	q.mu.Lock()
	for i := len(values) - 1; i >= 0; i-- {
		n := size(values[i])
		if q.count == q.maxItems || q.bytes+n > q.maxBytes {
			dropped = i + 1
			break
		}
		if q.count == len(q.ring) {
			q.grow()
		}
		q.head = (q.head + len(q.ring) - 1) % len(q.ring)
		q.ring[q.head] = item[T]{values[i], n}
		q.count++
		q.bytes += n
	}
	q.mu.Unlock()
	q.signal()
	return dropped
}

// Ready returns a channel that fires when there may be items.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Len returns the number of items.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// MaxBytes returns the bound of New.
func (q *Queue[T]) MaxBytes() int { return q.maxBytes }

// Bytes returns the size of the items together.
func (q *Queue[T]) Bytes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// Oldest returns the item that is next.
func (q *Queue[T]) Oldest() (value T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == 0 {
		return value, false
	}
	return q.ring[q.head].value, true
}

// DropOldest drops items, oldest first, until one is not stale, and returns how
// many.
func (q *Queue[T]) DropOldest(stale func(T) bool) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.count > 0 && stale(q.ring[q.head].value) {
		q.pop()
		dropped++
	}
	return dropped
}

const (
	minRing     = 16
	shrinkAbove = 4096
)

func (q *Queue[T]) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *Queue[T]) pop() item[T] {
	it := q.ring[q.head]
	q.ring[q.head] = item[T]{}
	q.head = (q.head + 1) % len(q.ring)
	q.count--
	q.bytes -= it.size
	return it
}

func (q *Queue[T]) grow() {
	ring := make([]item[T], min(max(minRing, 2*len(q.ring)), q.maxItems))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
