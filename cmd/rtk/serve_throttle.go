package main

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle/redis"
)

// throttleFlags are the flags of the limits beyond --throttle.
type throttleFlags struct {
	limits, events []string
	dryRun, shared bool
	wait           time.Duration
	proxies        []string
}

func (t *throttleFlags) bind(fl *pflag.FlagSet) {
	fl.StringSliceVar(&t.limits, "throttle-limit", nil, `limit as SCOPE.KIND=RATE[:BURST], such as user.messages=100/s:200; scopes conn, user, ip, room; kinds messages, bytes, joins, connects`)
	fl.StringSliceVar(&t.events, "throttle-event", nil, `limit of one event of a connection, in place of its message limit, such as typing=5/s`)
	fl.BoolVar(&t.dryRun, "throttle-dry-run", false, "count what the limits would refuse, and refuse nothing")
	fl.BoolVar(&t.shared, "throttle-shared", false, "keep the user and ip limits for all pods together, in the Redis of --redis")
	fl.DurationVar(&t.wait, "throttle-shared-wait", redis.DefaultWait, "how long a pod waits for the decision of Redis before it decides by itself")
	fl.StringSliceVar(&t.proxies, "trusted-proxies", nil, "addresses or networks of proxies whose X-Forwarded-For is believed (default none)")
}

// limits checks the flags.
func (f *serveFlags) limits() (server.Limits, error) {
	t := &f.throttleMore
	o := server.Limits{DryRun: t.dryRun}
	for _, text := range t.limits {
		if err := o.Rules.Set(text); err != nil {
			return o, usagef("--throttle-limit: %w", err)
		}
	}
	for _, text := range t.events {
		if err := o.Rules.SetEvent(text); err != nil {
			return o, usagef("--throttle-event: %w", err)
		}
	}
	for _, text := range t.proxies {
		p, err := prefix(text)
		if err != nil {
			return o, hint(usagef("--trusted-proxies %q: not an address or a network", text), "want   --trusted-proxies 10.0.0.0/8,192.0.2.1")
		}
		o.TrustedProxies = append(o.TrustedProxies, p)
	}
	limited := len(t.limits)+len(t.events) > 0
	switch {
	case f.throttle != "" && !o.Rules.Conn.Messages.Off():
		return o, usagef("--throttle and --throttle-limit conn.messages=… are the same limit: give one of them")
	case t.dryRun && !limited && f.throttle == "":
		return o, hint(usagef("--throttle-dry-run does nothing without a limit"), "add   --throttle 20/s")
	case len(t.proxies) > 0 && o.Rules.IP == (throttle.Rates{}):
		return o, hint(usagef("--trusted-proxies does nothing without a limit by ip"), "add   --throttle-limit ip.connects=20/s")
	case t.shared && f.redis == "":
		return o, hint(usagef("--throttle-shared needs --redis"), "add   --redis redis://127.0.0.1:6379")
	case t.shared && o.Rules.User == (throttle.Rates{}) && o.Rules.IP == (throttle.Rates{}):
		return o, hint(usagef("--throttle-shared does nothing without a limit by user or ip"), "add   --throttle-limit user.messages=100/s")
	case t.wait <= 0 || t.wait > maxSharedWait:
		return o, usagef("--throttle-shared-wait %v: want more than 0 and at most %v", t.wait, maxSharedWait)
	}
	return o, nil
}

// maxSharedWait bounds what one message may wait for its decision: longer, and
// a Redis that is away would hold up everybody.
const maxSharedWait = 10 * time.Second

// sharedThrottle connects the limits to Redis, nil when they are not shared.
func (f *serveFlags) sharedThrottle(log *slog.Logger) (throttle.Shared, error) {
	if !f.throttleMore.shared {
		return nil, nil
	}
	s, err := redis.New(redis.Options{URL: f.redis, Prefix: f.redisPrefix, TLS: f.backplane.TLS, Wait: f.throttleMore.wait, Logger: log})
	if err != nil {
		return nil, usagef("--redis: %w", err)
	}
	return s, nil
}

func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}
