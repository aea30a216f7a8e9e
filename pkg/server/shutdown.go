package server

import (
	"context"
	"fmt"
	"time"
)

// Shutdown ends the server: it takes no more clients (503), tells those that it
// has, spread evenly over half of the time that ctx leaves (at most
// shutdownSpread), writes what is queued, and waits for everything that it
// started. When ctx ends first, it cuts the rest off and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.linksMu.Lock()
	was := s.state.Load()
	if was == stateRunning {
		s.state.Store(stateDraining)
		s.noteIdle()
	}
	s.linksMu.Unlock()
	switch was {
	case stateNew:
		s.state.Store(stateStopped)
		return nil
	case stateDraining, stateStopped:
		s.state.Store(was)
		return nil
	}
	s.sayGoodbye(ctx)
	var err error
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = fmt.Errorf("server shutdown: %w", ctx.Err())
		for _, l := range s.allLinks() {
			l.abort(reasonShutdown)
		}
		<-s.idle
	}
	// Nobody but the wheel, the writers and requests under way can start a
	// goroutine now.
	close(s.stop)
	s.core.Wait()
	s.linksMu.Lock()
	s.state.Store(stateStopped)
	s.linksMu.Unlock()
	s.group.Done() // the count of Start
	s.group.Wait()
	err = s.shutdownHooks(ctx, err)
	if s.opts.Backplane != nil {
		if e := s.opts.Backplane.Close(ctx); e != nil && err == nil {
			err = fmt.Errorf("server shutdown: backplane: %w", e)
		}
	}
	return err
}

// shutdownSpread is the longest time over which clients are told to go.
const shutdownSpread = 10 * time.Second

// sayGoodbye tells the clients to go, at a steady rate, so that they don't come
// back to the other pods all at once.
func (s *Server) sayGoodbye(ctx context.Context) {
	links := s.allLinks()
	spread := shutdownSpread
	if deadline, ok := ctx.Deadline(); ok {
		spread = min(spread, time.Until(deadline)/2)
	}
	const step = 20 * time.Millisecond
	steps := max(int(spread/step), 1)
	perStep := max((len(links)+steps-1)/steps, 100)
	for i, l := range links {
		if i > 0 && i%perStep == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(step):
			}
		}
		l.bye(reasonShutdown, closeRestart)
	}
}
