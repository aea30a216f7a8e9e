package server

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

const (
	// drainRate is how many clients a second are told to go at the slowest. As
	// many that come back to the other pods are no storm, so a pod with few
	// clients need not use up its time.
	drainRate = 100
	// drainUnbounded is the longest drain when nobody says when it must end.
	drainUnbounded = 10 * time.Second
	// drainReport is the time between two lines about the progress.
	drainReport = 2 * time.Second
)

// drainWindow is the time over which n clients are told to go: four fifths of
// what ctx leaves, the rest is for the last ones' queues and goodbyes, but not
// slower than drainRate.
func drainWindow(ctx context.Context, n int) time.Duration {
	window := drainUnbounded
	if deadline, ok := ctx.Deadline(); ok {
		window = max(time.Until(deadline)/5*4, 0)
	}
	return min(window, time.Duration(n)*time.Second/drainRate)
}

// drainAt is when, within the window, client i of n is told to go. The window
// has one slot for each client, so that the rate is steady, and the client a
// place in its slot by chance, so that pods that stop together don't beat time.
//
//	window  |   *  | *    |     *|  *   |     one * a slot
func drainAt(i, n int, window time.Duration) time.Duration {
	slot := float64(window) / float64(n)
	return time.Duration(slot * (float64(i) + rand.Float64())) //nolint:gosec // jitter
}

// sayGoodbye tells the clients to go, at a steady rate, so that they don't come
// back to the other pods all at once. Those that are left when ctx ends are the
// caller's.
func (s *Server) sayGoodbye(ctx context.Context) {
	links := s.allLinks() // in the random order of a map
	n := len(links)
	window := drainWindow(ctx, n)
	start := time.Now()
	report := drainReport
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for i, l := range links {
		if wait := drainAt(i, n, window) - time.Since(start); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		if gone := time.Since(start); gone >= report {
			report = gone + drainReport
			s.log.Info("draining", "told", i, "of", n, "left", s.countLinks(), "window", window.Round(time.Millisecond).String())
		}
		l.bye(reasonShutdown, closeRestart)
	}
}

func (s *Server) countLinks() int {
	s.linksMu.Lock()
	defer s.linksMu.Unlock()
	return len(s.links)
}

// comeBackLater is the last of a stream that a draining server ends: a reconnect
// delay of half to one and a half of the usual one (WHATWG HTML standard, 9.2.6,
// "retry"), so that the streams of one HTTP/2 connection don't return together.
// The stream that the client opens next tells it the usual one again.
func comeBackLater(retry time.Duration) *frame {
	jittered := retry/2 + rand.N(retry+1) //nolint:gosec // jitter
	return controlBody(sse.Append(nil, &sse.Event{Retry: max(jittered, time.Millisecond)}))
}
