package loadgen

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const throttleFlood = `
version: 1
name: 10 msg/s per client limit
targets: { api: { url: "http://api:3000", protocol: socketio } }
clients:
  flooders:
    count: 5
    target: api
    flow:
      - emit: say
        args: ["lobby", "{{marker}}"]
        rate: 100/s
        for: 15s
        outcome:
          accepted:  { ack: { $.ok: true } }
          throttled: { anyOf: [{ ack: { $.error: RATE_LIMITED } }, { event: rate_limited }, { disconnect: /throttl/ }] }
      - wait: 5s
      - { emit: say, args: ["lobby", "{{marker}}"], ack: { within: 1s, match: { $.ok: true } }, as: recovered }
  bystanders:
    count: 3
    target: api
    flow:
      - { emit: say, args: ["lobby", "{{marker}}"], rate: 1/s, for: 20s, ack: { within: 1s, match: { $.ok: true } } }
thresholds:
  accepted_rate{clients=flooders}: between 9/s and 12/s
  time_to_throttle: p95 < 1s
  throttled{clients=bystanders}: count == 0
  ack_latency{clients=bystanders}: p99 < 200ms
  step_success{step=recovered}: rate == 100%
  server_unavailable: count == 0
`

// bucket is a token bucket of one connection.
type bucket struct {
	rate, burst float64
	left        float64
	at          time.Time
}

func (b *bucket) take() bool {
	now := time.Now()
	if b.at.IsZero() {
		b.left = b.burst
	} else {
		b.left = math.Min(b.burst, b.left+now.Sub(b.at).Seconds()*b.rate)
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// limited answers with the outcome of a bucket for each connection, or of one
// for all.
func limited(rate, burst float64, shared bool, refuse func(c *fakeConn) (string, bool)) func(*fakeConn, *rt.Outgoing) (string, time.Duration, bool) {
	buckets := map[*fakeConn]*bucket{}
	return func(c *fakeConn, _ *rt.Outgoing) (string, time.Duration, bool) {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		key := c
		if shared {
			key = nil
		}
		if buckets[key] == nil {
			buckets[key] = &bucket{rate: rate, burst: burst}
		}
		if buckets[key].take() {
			return `{"ok":true}`, time.Millisecond, true
		}
		body, ok := refuse(c)
		return body, time.Millisecond, ok
	}
}

func byAck(*fakeConn) (string, bool) { return `{"ok":false,"error":"RATE_LIMITED"}`, true }

func byEvent(c *fakeConn) (string, bool) {
	c.event("rate_limited", `{"error":"slow down"}`, time.Millisecond)
	return `{"error":1}`, false
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		ack    func(*fakeConn, *rt.Outgoing) (string, time.Duration, bool)
		broken []string
	}{
		{name: "by ack", ack: limited(10, 20, false, byAck)},
		{name: "by event", ack: limited(10, 20, false, byEvent)},
		{
			name: "no limit", ack: limited(1e9, 1e9, false, byAck),
			broken: []string{
				"fail threshold accepted_rate{clients=flooders}: between 9/s and 12/s: 100.00/s to 100.00/s over 5 clients",
				"fail threshold time_to_throttle: p95 < 1s: 14.99s",
			},
		},
		{
			name: "limit too high", ack: limited(20, 20, false, byAck),
			broken: []string{"fail threshold accepted_rate{clients=flooders}: between 9/s and 12/s: 20.00/s to 20.00/s over 5 clients"},
		},
		{
			name: "comes late", ack: limited(10, 200, false, byAck),
			broken: []string{"fail threshold time_to_throttle: p95 < 1s: 2.22s"},
		},
		{
			// The bystanders pay for the flooders, and the flooders' shares differ.
			name: "one bucket for all", ack: limited(50, 100, true, byAck),
			broken: []string{
				"fail step bystanders: emit say",
				"fail threshold accepted_rate{clients=flooders}: between 9/s and 12/s",
				"fail threshold throttled{clients=bystanders}: count == 0",
			},
		},
		{
			name: "never let back in", ack: func() func(*fakeConn, *rt.Outgoing) (string, time.Duration, bool) {
				inner := limited(10, 20, false, byAck)
				return func(c *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
					if c.says > 1400 {
						body, ok := byAck(c)
						return body, 0, ok
					}
					return inner(c, m)
				}
			}(),
			broken: []string{
				"fail step flooders: recovered: 0 of 5 acks",
				"fail threshold step_success{step=recovered}: rate == 100%: 0% (0 of 5)",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, &fakeServer{ack: tt.ack}, throttleFlood)
				if tt.name == "one bucket for all" { // how much each pays is chance
					for i, got := range broken(r) {
						if i < len(tt.broken) && strings.HasPrefix(got, tt.broken[i]) {
							tt.broken[i] = got
						}
					}
				}
				wantBroken(t, r, tt.broken...)
				if tt.broken == nil {
					wantVerdict(t, r, Pass)
					if m := metric(t, r, AcceptedRate); math.Abs(m.Min-10) > 0.1 || math.Abs(m.Max-10) > 0.1 || m.Count != 5 {
						t.Errorf("accepted_rate = %+v, want 10/s of 5 clients", m)
					}
					if m := metric(t, r, TimeToThrottle); m.Max > 0.25 || m.Min < 0.2 {
						t.Errorf("time_to_throttle = %g to %g, want 0.22", m.Min, m.Max)
					}
				}
			})
		})
	}
}

func TestThrottleByDisconnectIsPlanned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{ack: limited(10, 20, false, func(c *fakeConn) (string, bool) {
			c.hangUp(rt.CloseInfo{By: rt.ByPeer, Reason: "throttled"}, 0)
			return `{"error":1}`, false
		})}
		r := bench(t, s, throttleFlood)
		// What would have come after the disconnect can't be judged, and says so.
		wantBroken(t, r)
		wantVerdict(t, r, Pass)
		var skipped []string
		for _, c := range r.Checks {
			if c.Status == CheckSkipped {
				skipped = append(skipped, c.Kind+" "+c.Name)
				if !strings.Contains(c.Detail, "every one of clients flooders was disconnected") {
					t.Errorf("%s is skipped because %q", c.Name, c.Detail)
				}
			}
		}
		if diff := cmp.Diff([]string{
			"step flooders: wait 5s", "step flooders: recovered",
			"threshold accepted_rate{clients=flooders}: between 9/s and 12/s", "threshold step_success{step=recovered}: rate == 100%",
		}, skipped); diff != "" {
			t.Errorf("skipped (-want +got):\n%s", diff)
		}
		if m := metric(t, r, DisconnectsUnplanned, LabelClients, "flooders"); m.Count != 0 || m.Total != 5 {
			t.Errorf("disconnects_unplanned = %d of %d, want 0 of 5", m.Count, m.Total)
		}
	})
}

// A server that disconnects some of the flooders only, or for another reason,
// is excused of nothing.
func TestDisconnectsThatNoClassNamesStillFail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		reason string
		only   bool // the first flooder
		broken []string
	}{
		{"another reason", "internal error", false, []string{
			"fail group flooders: 5 of 5 connected, 5 disconnected",
			"fail step flooders: emit say: 100 sends, 100 classified",
			"fail step flooders: wait 5s: never reached",
			"fail step flooders: recovered: never reached",
			"fail threshold accepted_rate{clients=flooders}: between 9/s and 12/s: no samples",
			"fail threshold step_success{step=recovered}: rate == 100%: no samples",
		}},
		{"one of them", "throttled", true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var first *fakeConn
				s := &fakeServer{ack: limited(10, 20, false, func(c *fakeConn) (string, bool) {
					if first == nil {
						first = c
					}
					if tt.only && c != first {
						return byAck(c)
					}
					c.hangUp(rt.CloseInfo{By: rt.ByPeer, Reason: tt.reason}, 0)
					return `{"error":1}`, false
				})}
				r := bench(t, s, throttleFlood)
				if tt.only { // the others are judged as ever
					wantBroken(t, r)
					if m := metric(t, r, StepSuccess, LabelStep, "recovered"); m.Count != 4 || m.Total != 4 {
						t.Errorf("recovered: %d of %d, want 4 of 4", m.Count, m.Total)
					}
					return
				}
				got := broken(r)
				if len(got) != len(tt.broken) {
					t.Fatalf("broken = %q", got)
				}
				for i := range got {
					if prefix, _, _ := strings.Cut(tt.broken[i], ": 100 sends"); !strings.HasPrefix(got[i], prefix) {
						t.Errorf("%q, want %q", got[i], tt.broken[i])
					}
				}
			})
		})
	}
}
