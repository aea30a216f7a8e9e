package tui

import "time"

// Back-off as socket.io-client has it: 1 s, doubled up to 5 s, each wait moved
// by up to half of itself in either direction so that clients don't come back
// in step.
const (
	backoffFirst  = time.Second
	backoffMax    = 5 * time.Second
	backoffJitter = 0.5
)

// backoff returns the wait before attempt n, counted from 1. first is the wait
// of the first attempt, 0 for the default; random is in [0,1).
func backoff(n int, first time.Duration, random float64) time.Duration {
	d := first
	if d <= 0 {
		d = backoffFirst
	}
	top := max(backoffMax, d)
	for ; n > 1 && d < top; n-- {
		d *= 2
	}
	d = min(d, top)
	return d + time.Duration((2*random-1)*backoffJitter*float64(d))
}
