package throttle

import "time"

// AllowN is Allow for an event that costs n, such as the bytes of a message.
// One that costs more than the burst passes when the bucket is full, and what
// it owes holds back those behind it: the sustained rate holds all the same,
// and no message is impossible. n of zero or less is free.
func (b *Bucket) AllowN(l Limit, n int, now time.Duration) (ok bool, retryAfter time.Duration) {
	if l.Off() || n <= 0 {
		return true, 0
	}
	interval, tolerance := l.spans()
	at := uint64(now) * fine
	ahead := max(int64(b.tat-at), 0)
	// The cost must fit into what the burst leaves; at most the whole burst.
	span := int64(min(float64(interval)*float64(n), maxSpan))
	room := max(tolerance-(span-interval), 0)
	if ahead > room {
		return false, time.Duration((ahead - room + fine - 1) / fine)
	}
	b.tat = at + uint64(ahead) + uint64(span)
	return true, 0
}

// idle reports whether the bucket is full again, so that a new one in its place
// decides no differently.
func (b *Bucket) idle(now time.Duration) bool { return int64(b.tat-uint64(now)*fine) <= 0 }
