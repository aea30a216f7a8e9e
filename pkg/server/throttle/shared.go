package throttle

import "time"

// Shared decides for several pods together. It answers within a small bound,
// or says that it doesn't know.
type Shared interface {
	// AllowN is Bucket.AllowN of the bucket that the pods share under the key.
	// known is false when the decision could not be had in time: the caller
	// decides by itself then.
	AllowN(key string, l Limit, n int) (ok bool, retryAfter time.Duration, known bool)
	// Close frees what the sharing needs. Later calls of AllowN know nothing.
	Close()
}
