package main

import (
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
)

var serviceNames = []string{"chat", "feed", "echo"}

func (f *serveFlags) serves(name string) bool { return slices.Contains(f.services, name) }

func (f *serveFlags) checkServices() error {
	if len(f.services) == 0 {
		return usagef("--service: no service given; services are %s", strings.Join(serviceNames, ", "))
	}
	for _, s := range f.services {
		if !slices.Contains(serviceNames, s) {
			return usagef("--service: unknown service %q%s; services are %s", s, nearest.Hint(s, serviceNames), strings.Join(serviceNames, ", "))
		}
	}
	return nil
}

func (f *serveFlags) throttleLimit() (throttle.Limit, error) {
	if f.throttleBurst < 1 {
		return throttle.Limit{}, usagef("--throttle-burst %d: must be at least 1", f.throttleBurst)
	}
	l, err := throttle.ParseLimit(f.throttle, f.throttleBurst)
	if err != nil {
		return l, usagef("--throttle: %w", err)
	}
	if l.Off() && (f.changed("throttle-burst") || f.changed("throttle-strikes") && len(f.throttleMore.limits)+len(f.throttleMore.events) == 0) {
		return l, hint(usagef("--throttle-burst and --throttle-strikes do nothing without --throttle"), "add   --throttle 20/s")
	}
	return l, nil
}

func (f *serveFlags) profile() (nestws.Profile, error) {
	p, err := nestws.ParseProfile(f.wsProfile)
	if err != nil {
		return p, usagef("--ws-profile: %w", err)
	}
	return p, nil
}

func (f *serveFlags) checkNumbers() error {
	for _, n := range []struct {
		name  string
		value int
	}{
		{"max-payload", f.maxPayload},
		{"max-attachments", f.maxAttachments},
		{"max-rooms", f.maxRooms},
		{"presence-max", f.presenceMax},
		{"queue-bytes", f.queueBytes},
		{"queue-messages", f.queueMessages},
	} {
		if n.value < 1 {
			return usagef("--%s %d: must be at least 1", n.name, n.value)
		}
	}
	if f.compression < 0 {
		return usagef("--compression %d: a number of bytes, or 0 for off", f.compression)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		off   bool // negative switches it off
	}{
		{"ping-interval", f.pingInterval, false},
		{"ping-timeout", f.pingTimeout, false},
		{"connect-timeout", f.connectTimeout, false},
		{"sse-heartbeat", f.sseHeartbeat, true},
		{"sse-retry", f.sseRetry, true},
		{"expiry-warning", f.expiryWarning, true},
	} {
		if d.value == 0 || !d.off && d.value < 0 {
			return usagef("--%s %v: must be positive", d.name, d.value)
		}
	}
	if f.presenceGrace < 0 || f.presenceGrace > time.Hour {
		return usagef("--presence-grace %v: want a time of at most an hour, or 0 for none", f.presenceGrace)
	}
	if f.drain < 0 {
		return usagef("--drain %v: must not be negative", f.drain)
	}
	if f.drainDelay < 0 {
		return usagef("--drain-delay %v: must not be negative", f.drainDelay)
	}
	return nil
}
