package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// aclUser is the user in what is printed when the URL of --redis names none.
const aclUser = "rtk"

// printRedisACL is --print-redis-acl: one line for redis-cli on stdout, without
// opening a socket. It sets no password, so that it can be given again after an
// upgrade.
func printRedisACL(ctx context.Context, env *Env, f *serveFlags, log *slog.Logger) error {
	opts, err := f.options(env)
	if err != nil {
		return err
	}
	names, err := f.namespaces(ctx, env, opts, log)
	if err != nil {
		return err
	}
	rules, err := redis.ACL(f.backplane, f.redisUses(names))
	if err != nil {
		return usagef("--print-redis-acl: %w", err)
	}
	user := f.backplane.User()
	if user == "" || user == "default" {
		user = aclUser
	}
	if _, err := fmt.Fprintf(env.Stdout, "ACL SETUSER %s on %s\n", user, strings.Join(rules, " ")); err != nil {
		return fmt.Errorf("print the rights: %w", err)
	}
	fmt.Fprintf(env.Stderr, "rtk: give the user a password with   ACL SETUSER %s >PASSWORD   and make it last with   ACL SAVE   or   CONFIG REWRITE\n", user)
	if strings.Contains(f.redis, "+sentinel:") {
		fmt.Fprintf(env.Stderr, "rtk: on the Sentinels, where they have users:   ACL SETUSER %s on allchannels -@all +sentinel|get-master-addr-by-name\n", user)
	}
	return nil
}

// redisUses is what the pod does with the Redis of --redis besides the adapter.
func (f *serveFlags) redisUses(namespaces []string) redis.Uses {
	u := redis.Uses{
		Namespaces: namespaces,
		Directory:  f.advertise != "",
		Throttle:   f.throttleMore.shared,
		Recovery:   f.recovery > 0,
	}
	if f.routing != nil {
		for _, s := range f.routing.services {
			if s.kind == "streams" && s.redis == f.redis {
				u.Services = append(u.Services, s.stream)
			}
		}
	}
	return u
}

// namespaces are those that a pod would subscribe to.
func (f *serveFlags) namespaces(ctx context.Context, env *Env, opts server.Options, log *slog.Logger) ([]string, error) {
	opts.Logger = log
	var err error
	if opts.Auth, err = f.verifier(env, log); err != nil {
		return nil, err
	}
	if opts.Auth != nil {
		defer opts.Auth.Close()
	}
	list := &namespaceList{kind: "redis-" + f.redisAdapter}
	opts.Backplane = list
	gateway, err := server.New(opts)
	if err != nil {
		return nil, usagef("%w", err)
	}
	p := &pod{log: log, gateway: gateway}
	p.register(ctx, f) // registered, not started
	if f.routing != nil {
		for _, route := range f.routing.routes {
			gateway.Of(route.namespace)
		}
	}
	if err := gateway.Start(ctx); err != nil {
		return nil, notStarted(err)
	}
	if err := gateway.Shutdown(ctx); err != nil {
		return nil, fmt.Errorf("stop the gateway: %w", err)
	}
	return list.names, nil
}

// namespaceList is a backplane that only takes note of what it is asked to
// subscribe to.
type namespaceList struct {
	kind string

	mu    sync.Mutex
	names []string
}

var _ cluster.Backplane = (*namespaceList)(nil)

// AddNamespace implements cluster.Backplane.
func (l *namespaceList) AddNamespace(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names = append(l.names, name)
	return nil
}

// RemoveNamespace implements cluster.Backplane.
func (*namespaceList) RemoveNamespace(string) {}

// Start implements cluster.Backplane.
func (*namespaceList) Start(context.Context, cluster.Sink) error { return nil }

// Publish implements cluster.Backplane.
func (*namespaceList) Publish(*cluster.Broadcast) {}

// Send implements cluster.Backplane.
func (*namespaceList) Send(*cluster.Command) {}

// Ask implements cluster.Backplane.
func (*namespaceList) Ask(context.Context, *cluster.Query, func(*cluster.Answer)) error { return nil }

// Servers implements cluster.Backplane.
func (*namespaceList) Servers(context.Context, string) (int, error) { return 1, nil }

// Status implements cluster.Backplane.
func (l *namespaceList) Status() cluster.Status { return cluster.Status{Kind: l.kind} }

// Close implements cluster.Backplane.
func (*namespaceList) Close(context.Context) error { return nil }
