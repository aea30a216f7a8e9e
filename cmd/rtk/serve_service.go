package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
	"github.com/realtime-toolkit/rtk/pkg/server/service/streams"
	"github.com/realtime-toolkit/rtk/pkg/server/service/webhook"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// routing is what the configuration file says of services outside of this
// program: its sections "services" and "routes".
type routing struct {
	services []*serviceConfig
	routes   []*routeConfig
}

// serviceConfig is one entry of "services".
type serviceConfig struct {
	name, pos string // pos is file:line:column
	kind      string // of serviceKinds

	window   int
	deadline time.Duration

	url, secret                              string // webhook
	timeout                                  time.Duration
	concurrency, queue, retries, maxResponse int

	redis, stream      string // streams
	pending, maxLength int
}

// routeConfig is one entry of "routes".
type routeConfig struct {
	pos, namespace string
	patterns       []string // of events from clients
	contract       []service.Event
	hooks          []service.Hook
	to             *serviceConfig
}

// routes are those of a routeConfig, one for each pattern of events.
func (c *routeConfig) routes(to *service.Target) []service.Route {
	list := make([]service.Route, max(len(c.patterns), 1))
	for i := range list {
		list[i] = service.Route{Namespace: c.namespace, To: to}
		if i < len(c.patterns) {
			list[i].Events = c.patterns[i]
		}
	}
	list[0].Hooks, list[0].Contract = c.hooks, c.contract
	return list
}

// wait is how long a client may have to wait for a connect hook.
func (c *serviceConfig) wait() time.Duration {
	if c.kind == "streams" {
		return cmp.Or(c.deadline, streams.DefaultDeadline)
	}
	return cmp.Or(c.deadline, max(webhook.DefaultDeadline, c.timeout))
}

// check refuses what does not go together with the flags. While a client waits
// for its connect hook, nobody reads the answer to its heartbeat.
func (r *routing) check(pingTimeout time.Duration) error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, route := range r.routes {
		for _, h := range route.hooks {
			if wait := route.to.wait(); h == service.HookConnect && wait >= pingTimeout {
				errs = append(errs, usagef("%s: hook connect: the deadline of service %q, %v, must be shorter than --ping-timeout, %v",
					route.pos, route.to.name, wait, pingTimeout))
			}
		}
	}
	return errors.Join(errs...)
}

// declare puts the contract of the routes on a gateway that never starts.
func (r *routing) declare(s *server.Server) error {
	if r == nil {
		return nil
	}
	var routes []service.Route
	for _, c := range r.routes {
		routes = append(routes, c.routes(nil)...)
	}
	return service.Declare(s, routes)
}

// opened is a service with what it was made of.
type opened struct {
	config  *serviceConfig
	service service.Service
	free    func()
}

// same reports whether a service of c does what one of o does; its window is the
// binding's.
func (c *serviceConfig) same(o *serviceConfig) bool {
	a, b := *c, *o
	a.pos, a.window = b.pos, b.window
	return a == b
}

// open makes the services, but for those whose configuration some service of old
// was made of. On an error nothing is left open.
func (r *routing) open(old map[string]*opened, podID string, log *slog.Logger) (all map[string]*opened, err error) {
	all = make(map[string]*opened, len(r.services))
	for _, c := range r.services {
		if have := old[c.name]; have != nil && have.config.same(c) {
			all[c.name] = have
			continue
		}
		svc, free, err := c.open(podID, log)
		if err != nil {
			for name, o := range all {
				if old[name] != o {
					o.free()
				}
			}
			return nil, usagef("%s: service %q: %w", c.pos, c.name, err)
		}
		all[c.name] = &opened{c, svc, free}
	}
	return all, nil
}

// routesTo are the routes to services that have been opened.
func (r *routing) routesTo(all map[string]*opened) (routes []service.Route) {
	targets := map[*serviceConfig]*service.Target{}
	for _, c := range r.services {
		targets[c] = &service.Target{Name: c.name, Service: all[c.name].service, Window: c.window}
	}
	for _, c := range r.routes {
		routes = append(routes, c.routes(targets[c.to])...)
	}
	return routes
}

func (c *serviceConfig) open(podID string, log *slog.Logger) (service.Service, func(), error) {
	if c.kind == "streams" {
		bus, err := streams.New(streams.Options{
			URL: c.redis, Stream: c.stream, PodID: podID, Logger: log, Deadline: c.deadline, Pending: c.pending, MaxLen: c.maxLength,
		})
		if err != nil {
			return nil, nil, err
		}
		return bus, bus.Close, nil
	}
	hook, err := webhook.New(webhook.Options{
		URL: c.url, Secret: c.secret, Timeout: c.timeout, Deadline: c.deadline,
		Concurrency: c.concurrency, Queue: c.queue, Retries: c.retries, MaxResponse: c.maxResponse,
	})
	if err != nil {
		return nil, nil, err
	}
	return hook, hook.Close, nil
}

// boundServices are the services of the configuration file while they run.
type boundServices struct {
	binding *service.Binding // nil without any
	podID   string
	log     *slog.Logger
	once    sync.Once

	// Of the goroutine that reloads and, after it, closes.
	open   map[string]*opened // by name; those that calls go to
	config *routing           // in force
}

// bind connects the configured services with the gateway.
func (r *routing) bind(s *server.Server, podID string, log *slog.Logger) (*boundServices, error) {
	if r == nil || len(r.routes) == 0 {
		return &boundServices{}, nil
	}
	all, err := r.open(nil, podID, log)
	if err != nil {
		return nil, err
	}
	b, err := service.Bind(s, r.routesTo(all), service.Options{Logger: log, PodID: podID})
	if err != nil {
		for _, o := range all {
			o.free()
		}
		return nil, fmt.Errorf("services: %w", err)
	}
	return &boundServices{binding: b, podID: podID, log: log, open: all, config: r}, nil
}

// lastCalls is the time for calls under way beyond that of the stop.
const lastCalls = 2 * time.Second

// close waits for the calls under way until ctx ends.
func (b *boundServices) close(ctx context.Context) {
	if b == nil || b.binding == nil {
		return
	}
	b.once.Do(func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			// The clients took all of the time; the calls about their ends are not
			// to be lost for that.
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastCalls)
			defer cancel()
		}
		if err := b.binding.Close(ctx); err != nil {
			b.log.Warn("services", "error", err)
		}
		for _, o := range b.open {
			o.free()
		}
	})
}

// stats returns the figures of the services.
func (b *boundServices) stats() []stats.Service {
	if b.binding == nil {
		return nil
	}
	return b.binding.Stats()
}
