package server

import (
	"context"
	"slices"
)

// Interceptor surrounds a handler: it may look at the event before, at the
// reply and the error after, change them, or answer without calling next. What
// it returns is run for every event, so it makes its closure once.
//
//	func timed(next server.RawHandler) server.RawHandler {
//		return func(ctx context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
//			defer observe(e.Name, time.Now())
//			return next(ctx, c, e)
//		}
//	}
//
// An event passes, in this order: the namespace's event guards, the event's own
// guards, the namespace's interceptors, the event's own interceptors, the check
// against the contract, decoding and Validate, the handler.
type Interceptor func(next RawHandler) RawHandler

// HandlerOption changes how one event is handled or described.
type HandlerOption func(*handlerConfig)

type handlerConfig struct {
	guards       []EventGuard
	interceptors []Interceptor
	strict       bool
	doc          string
}

func newHandlerConfig(opts []HandlerOption) *handlerConfig {
	cfg := &handlerConfig{}
	for _, o := range opts {
		o(cfg)
	}
	return cfg
}

// WithGuards adds guards that this event must pass, in order, after those of
// Namespace.UseEvent.
func WithGuards(g ...EventGuard) HandlerOption {
	return func(cfg *handlerConfig) { cfg.guards = append(cfg.guards, g...) }
}

// WithInterceptors adds interceptors of this event, the first one outermost,
// inside those of Namespace.Wrap.
func WithInterceptors(i ...Interceptor) HandlerOption {
	return func(cfg *handlerConfig) { cfg.interceptors = append(cfg.interceptors, i...) }
}

// WithStrict refuses payloads with members that the In type has no field for,
// as Options.StrictPayloads does for all events. Types with an UnmarshalJSON of
// their own decide for themselves.
func WithStrict() HandlerOption {
	return func(cfg *handlerConfig) { cfg.strict = true }
}

// WithDoc describes the event in the contract, in a sentence.
func WithDoc(summary string) HandlerOption {
	return func(cfg *handlerConfig) { cfg.doc = summary }
}

// Wrap adds interceptors around every handler of the namespace, those that are
// registered already and those to come. The first one added is outermost.
func (n *Namespace) Wrap(i ...Interceptor) *Namespace {
	n.interceptors = append(n.interceptors, i...)
	for _, h := range n.handlers {
		n.compose(h.name, h.base, h.cfg)
	}
	if n.anyBase != nil {
		n.composeAny()
	}
	return n
}

func (n *Namespace) register(event string, base RawHandler, cfg *handlerConfig) {
	delete(n.checks, event) // it belonged to the handler that is replaced
	n.compose(event, base, cfg)
}

// compose makes what dispatch calls for an event, once for all events of that
// name.
func (n *Namespace) compose(event string, base RawHandler, cfg *handlerConfig) {
	fn := base
	if check := n.checks[event]; check != nil {
		fn = n.checked(fn, check)
	}
	n.handlers[event] = handler{name: event, fn: n.wrapped(fn, cfg), base: base, cfg: cfg}
}

// composeAny makes what dispatch calls for events that have no handler of their
// own: those that are declared are checked.
func (n *Namespace) composeAny() {
	n.onAny = n.wrapped(n.anyBase, &handlerConfig{})
	n.anyChecked = make(map[string]handler, len(n.checks))
	for event, check := range n.checks {
		if check != nil {
			n.anyChecked[event] = handler{name: event, fn: n.wrapped(n.checked(n.anyBase, check), &handlerConfig{})}
		}
	}
}

func (n *Namespace) wrapped(fn RawHandler, cfg *handlerConfig) RawHandler {
	for _, i := range slices.Backward(cfg.interceptors) {
		fn = i(fn)
	}
	for _, i := range slices.Backward(n.interceptors) {
		fn = i(fn)
	}
	if len(cfg.guards) > 0 {
		fn = guarded(fn, cfg.guards)
	}
	return fn
}

// guarded is fn behind guards.
func guarded(fn RawHandler, guards []EventGuard) RawHandler {
	return func(ctx context.Context, c *Conn, e *Event) (Reply, error) {
		for _, g := range guards {
			if err := g(ctx, c, e); err != nil {
				return Reply{}, err
			}
		}
		return fn(ctx, c, e)
	}
}
