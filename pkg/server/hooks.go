package server

import (
	"context"
	"fmt"
)

// Gateway is a set of handlers that registers itself, usually a struct with a
// service behind it and the handlers as methods.
type Gateway interface{ Register(s *Server) }

// Register registers gateways in order. Call it before Start.
func (s *Server) Register(gateways ...Gateway) {
	for _, g := range gateways {
		g.Register(s)
	}
}

// OnStart adds a function that Start calls first, in order, before clients are
// let in. An error fails Start.
func (s *Server) OnStart(fn func(context.Context) error) { s.onStart = append(s.onStart, fn) }

// OnShutdown adds a function that Shutdown calls, the last added first, after
// the last client has gone, with Shutdown's context. Its error is Shutdown's,
// unless there was one before. A server that was never started calls none.
func (s *Server) OnShutdown(fn func(context.Context) error) { s.onShutdown = append(s.onShutdown, fn) }

func (s *Server) startHooks(ctx context.Context) error {
	s.nsMu.RLock()
	err := s.contractErr
	s.nsMu.RUnlock()
	if err != nil {
		return fmt.Errorf("server start: %w", err)
	}
	for _, fn := range s.onStart {
		if err := fn(ctx); err != nil {
			return fmt.Errorf("server start: %w", err)
		}
	}
	return nil
}

// shutdownHooks returns the first error, err if that is one.
func (s *Server) shutdownHooks(ctx context.Context, err error) error {
	for i := len(s.onShutdown) - 1; i >= 0; i-- {
		if e := s.onShutdown[i](ctx); e != nil && err == nil {
			err = fmt.Errorf("server shutdown: %w", e)
		}
	}
	return err
}
