package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

func TestServeLimits(t *testing.T) {
	t.Parallel()
	_, got, err := parseServe(t, nil, "--throttle-limit", "user.messages=100/s:200,ip.connects=10/s", "--throttle-event", "typing=5/s",
		"--throttle-dry-run", "--trusted-proxies", "10.1.2.3/8,192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	want := server.Limits{
		Rules: throttle.Rules{
			User:   throttle.Rates{Messages: throttle.Limit{Rate: 100, Burst: 200}},
			IP:     throttle.Rates{Connects: throttle.Limit{Rate: 10, Burst: 10}},
			Events: map[string]throttle.Limit{"typing": {Rate: 5, Burst: 5}},
		},
		DryRun:         true,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")},
	}
	if d := cmp.Diff(want, got.Limits, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
		t.Errorf("limits (-want +got):\n%s", d)
	}
}

func TestServeLimitErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args string
		want string
	}{
		{"--throttle-limit usr.messages=1/s", `unknown scope "usr"`},
		{"--throttle-event typing", "want EVENT=RATE"},
		{"--throttle 1/s --throttle-limit conn.messages=1/s", "the same limit"},
		{"--throttle-dry-run", "does nothing without a limit"},
		{"--trusted-proxies 10.0.0.0/8", "does nothing without a limit by ip"},
		{"--throttle-limit ip.connects=1/s --trusted-proxies ten", "not an address"},
		{"--throttle-limit user.messages=1/s --throttle-shared", "needs --redis"},
		{"--throttle-limit user.messages=1/s --throttle-shared --redis redis://h --throttle-shared-wait 0s", "more than 0"},
		{"--throttle-limit user.messages=1/s --throttle-shared --redis redis://h --throttle-shared-wait 1m", "at most 10s"},
		{"--throttle-limit conn.bytes=1/s --throttle-shared --redis redis://h", "without a limit by user or ip"},
	} {
		_, _, err := parseServe(t, nil, strings.Fields(tt.args)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.args, err, tt.want)
		}
	}
}
