package server

import (
	"context"
	"fmt"
)

// Shutdown ends the server: it takes no more clients (503), tells those that it
// has at a steady rate (see drainWindow), writes what is queued, and waits for
// everything that it started. When ctx ends first, it cuts the rest off and
// returns ctx's error.
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
	s.settleLines()
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
	s.die()
	if s.opts.Peers != nil {
		s.opts.Peers.Close()
	}
	s.core.Wait()
	s.linksMu.Lock()
	s.state.Store(stateStopped)
	s.linksMu.Unlock()
	s.group.Done() // the count of Start
	s.group.Wait()
	s.presence.gone()
	err = s.shutdownHooks(ctx, err)
	if s.opts.Backplane != nil {
		if e := s.opts.Backplane.Close(ctx); e != nil && err == nil {
			err = fmt.Errorf("server shutdown: backplane: %w", e)
		}
	}
	return err
}
