package throttle

import "time"

// Strikes counts the refusals of one peer in windows that open with a refusal.
// The zero value is ready. Like Bucket it takes no lock and starts no timer.
type Strikes struct {
	opened time.Duration
	count  int
}

// Refused counts one refusal at now and reports whether it is the one that goes
// beyond limit within the window, which is when the peer should be let go. It
// never reports a peer with limit or fewer refusals in any window, and always
// one with more than twice the limit. A limit of zero or less is off. now is the
// same monotonic reading that Bucket.Allow takes.
func (s *Strikes) Refused(limit int, window, now time.Duration) bool {
	if limit <= 0 {
		return false
	}
	if s.count == 0 || now-s.opened >= window {
		s.opened, s.count = now, 0
	}
	s.count++
	return s.count > limit
}
