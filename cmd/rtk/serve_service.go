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
	pos, namespace, events string
	hooks                  []service.Hook
	to                     *serviceConfig
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

// open makes the services and their routes. closeAll frees them.
func (r *routing) open(podID string, log *slog.Logger) (routes []service.Route, closeAll func(), err error) {
	var closers []func()
	closeAll = func() {
		for _, c := range closers {
			c()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	targets := map[*serviceConfig]*service.Target{}
	for _, c := range r.services {
		svc, end, err := c.open(podID, log)
		if err != nil {
			return nil, nil, usagef("%s: service %q: %w", c.pos, c.name, err)
		}
		closers = append(closers, end)
		targets[c] = &service.Target{Name: c.name, Service: svc, Window: c.window}
	}
	for _, route := range r.routes {
		routes = append(routes, service.Route{Namespace: route.namespace, Events: route.events, Hooks: route.hooks, To: targets[route.to]})
	}
	return routes, closeAll, nil
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
	free    func()
	log     *slog.Logger
	once    sync.Once
}

// bind connects the configured services with the gateway.
func (r *routing) bind(s *server.Server, podID string, log *slog.Logger) (*boundServices, error) {
	if r == nil || len(r.routes) == 0 {
		return &boundServices{}, nil
	}
	routes, free, err := r.open(podID, log)
	if err != nil {
		return nil, err
	}
	b, err := service.Bind(s, routes, service.Options{Logger: log, PodID: podID})
	if err != nil {
		free()
		return nil, fmt.Errorf("services: %w", err)
	}
	return &boundServices{binding: b, free: free, log: log}, nil
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
		b.free()
	})
}

// stats returns the figures of the services.
func (b *boundServices) stats() []stats.Service {
	if b.binding == nil {
		return nil
	}
	return b.binding.Stats()
}
