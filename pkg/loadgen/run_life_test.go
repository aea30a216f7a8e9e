package loadgen

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const steady = `
version: 1
name: steady
targets: { api: { url: "http://api:3000", protocol: socketio } }
clients:
  chatters:
    count: 10
    target: api
    connect: { rate: 100/s }
    flow:
      - { emit: join, args: [lobby], ack: { within: 2s } }
      - { barrier: joined }
      - { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, for: 60s, ack: { within: 5s } }
thresholds:
  ack_latency{event=say}: p99 < 200ms
`

func TestLatencyCountsFromTheIntendedSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The server stops reading for 10 s: each client's next send blocks,
		// and the 100 that were due meanwhile leave in a burst afterwards. A
		// closed loop would record one slow send for each client.
		s := &fakeServer{delay: 5 * time.Millisecond}
		begin := time.Now()
		s.send = func(_ *fakeConn, m *rt.Outgoing) error {
			from := begin.Add(20 * time.Second)
			if now := time.Now(); m.Event == "say" && now.After(from) && now.Before(from.Add(10*time.Second)) {
				time.Sleep(time.Until(from.Add(10 * time.Second)))
			}
			return nil
		}
		r := bench(t, s, strings.Replace(steady, "within: 5s", "within: 20s", 1))
		wantBroken(t, r, "fail threshold ack_latency{event=say}: p99 < 200ms: 9.4s")
		wantVerdict(t, r, Fail)
		ack := metric(t, r, AckLatency, LabelEvent, "say")
		service := metric(t, r, ServiceLatency, LabelEvent, "say")
		delay := metric(t, r, GeneratorDelay, LabelEvent, "say")
		if ack.Count != 6000 || ack.P90 < 3.9 || ack.P50 > 0.006 {
			t.Errorf("ack_latency: count %d, p50 %g, p90 %g; want a sixth of 6000 over 0 to 10s", ack.Count, ack.P50, ack.P90)
		}
		if service.P99 > 0.006 || service.Max < 9.9 {
			t.Errorf("service_latency: p99 %g, max %g; want 5ms but for one send of each client", service.P99, service.Max)
		}
		if delay.P90 < 3.8 {
			t.Errorf("generator_delay: p90 %g, want the time that sends were held up", delay.P90)
		}
		if r.Generator.SchedulerLagP99 > 0 {
			t.Errorf("scheduler lag = %g: the server's stall is not the generator's", r.Generator.SchedulerLagP99)
		}
	})
}

func TestMissingAcksCountAsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.ack = func(c *fakeConn, _ *rt.Outgoing) (string, time.Duration, bool) {
			return `{"ok":true}`, s.delay, c.says%20 != 7
		}
		r := bench(t, s, steady)
		wantBroken(t, r,
			"fail step chatters: emit say: 5700 of 6000 acks",
			"fail threshold ack_latency{event=say}: p99 < 200ms: 5s")
		if m := metric(t, r, AckTimeouts, LabelEvent, "say"); m.Count != 300 || m.Total != 6000 {
			t.Errorf("ack_timeouts = %d of %d, want 300 of 6000", m.Count, m.Total)
		}
	})
}

func TestThresholdSaysHowMuchIsTooMuch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.ack = func(c *fakeConn, _ *rt.Outgoing) (string, time.Duration, bool) {
			return `{"ok":true}`, s.delay, c.says != 7
		}
		r := bench(t, s, steady+"  ack_timeouts: rate < 1%\n")
		wantBroken(t, r)
		wantVerdict(t, r, Pass)
	})
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int64
		s := &fakeServer{dial: func(*rt.DialRequest, *fakeConn) error {
			dials.Add(1)
			return &rt.Error{Op: "dial", Target: "http://api:3000", Kind: rt.KindUnreachable, Err: errors.New("connection refused")}
		}}
		start := time.Now()
		r := bench(t, s, strings.Replace(steady, "count: 10", "count: 5000", 1))
		wantVerdict(t, r, Unreachable)
		if !strings.Contains(r.Reason, "connection refused") {
			t.Errorf("reason = %q, want the error in it", r.Reason)
		}
		if n := dials.Load(); n > 2*giveUpAfter || time.Since(start) > time.Second {
			t.Errorf("%d dials in %s, want it given up after %d", n, time.Since(start), giveUpAfter)
		}
	})
}

func TestOneClientThatIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		s := &fakeServer{delay: time.Millisecond, dial: func(*rt.DialRequest, *fakeConn) error {
			if n.Add(1) == 3 {
				return &rt.Error{Op: "dial", Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 401}
			}
			return nil
		}}
		r := bench(t, s, steady) // and the others don't wait for it at the barrier
		wantBroken(t, r, "fail group chatters: 9 of 10 connected")
		if g := r.Groups[0]; g.Connected != 9 || g.Rejected != 1 || g.Finished != 9 || g.Sent != 9*601 {
			t.Errorf("group = %+v", g)
		}
	})
}

func TestInterruptedRunReportsWhatItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		r := benchContext(ctx, t, &fakeServer{delay: 50 * time.Millisecond}, crossPod)
		wantVerdict(t, r, Interrupted)
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("took %s after the interruption at 5s", took)
		}
		got := r.Verify[0].Counts
		want := Counts{Published: got.Published, Expected: 6 * got.Published, Delivered: 6 * got.Published}
		if diff := gocmp.Diff(want, got); diff != "" || got.Published < 90 {
			t.Errorf("lobby (-want +got):\n%s", diff)
		}
		wantBroken(t, r)
	})
}

func TestInterruptedBeforeAnythingWasSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		r := benchContext(ctx, t, &fakeServer{delay: 50 * time.Millisecond}, crossPod)
		wantVerdict(t, r, Interrupted)
		wantBroken(t, r,
			"inconclusive verify lobby: 0 of 0 delivered",
			"inconclusive verify isolation: 0 of 0 leaked",
			"inconclusive threshold delivery_latency: p99 < 250ms: no samples")
	})
}

func TestProgressTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []Snapshot
		s := &fakeServer{delay: time.Millisecond, deliver: func(d delivery) []delivery {
			if d.n == 30 && d.room == "lobby" {
				return nil
			}
			return []delivery{d}
		}}
		bench(t, s, crossPod, func(o *Options) {
			o.ProgressEvery = 500 * time.Millisecond
			o.Progress = func(s Snapshot) { seen = append(seen, s) }
		})
		mid, last := seen[9], seen[len(seen)-1]
		if mid.Phase != "running" || mid.Planned != 10 || mid.Open != 10 || mid.SentRate < 18 || mid.SentRate > 22 || mid.RecvRate < 110 || mid.Lost != 6 || mid.P99 < 0.001 {
			t.Errorf("at 5s: %+v", mid)
		}
		if last.Phase != "settling" || last.Open != 0 || last.Sent != 208 || last.Received != 1200-6 {
			t.Errorf("at the end: %+v", last)
		}
	})
}

func TestTimeoutEndsARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bench(t, &fakeServer{delay: time.Millisecond}, strings.Replace(steady, "name: steady", "name: steady\ntimeout: 10s", 1))
		wantVerdict(t, r, TimedOut)
		if !r.Partial || r.Duration > 16*time.Second {
			t.Errorf("partial %v after %s", r.Partial, r.Duration)
		}
	})
}

func TestServerGoneInMidRunFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond}
		time.AfterFunc(20*time.Second, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, c := range s.conns {
				c.hangUp(rt.CloseInfo{By: rt.ByNetwork, Err: errors.New("read tcp 127.0.0.1:4000->10.0.0.1:3000: connection reset by peer")}, 0)
			}
		})
		start := time.Now()
		r := bench(t, s, steady)
		wantVerdict(t, r, Fail)
		wantBroken(t, r,
			"fail group chatters: 10 of 10 connected, 10 disconnected",
			broken(r)[1])
		if time.Since(start) > 30*time.Second {
			t.Errorf("went on for %s", time.Since(start))
		}
		if len(r.Errors) == 0 || strings.Contains(r.Errors[0].Text, "4000") {
			t.Errorf("errors = %v, want the reset without local port", r.Errors)
		}
	})
}

func TestVacuousScenariosFail(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, src string
		server    *fakeServer
		broken    []string
	}{
		{
			name: "nobody publishes to the room", src: strings.Replace(crossPod, `args: [lobby, "{{marker}}"]`, `args: [nowhere, "{{marker}}"]`, 1),
			broken: []string{"fail verify lobby: 0 of 1200 delivered, 1200 lost", "fail threshold delivery_latency: p99 < 250ms: no samples"},
		},
		{
			name: "no publish is accepted", src: crossPod,
			server: &fakeServer{ack: func(_ *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
				return `{"ok":true}`, 0, m.Event != "say"
			}},
			broken: []string{
				"fail step publishers: emit say: 0 of 200 acks",
				"fail verify lobby: 0 of 0 delivered",
				"fail verify isolation: 0 of 0 leaked",
			},
		},
		{
			name: "join is refused", src: steady,
			server: &fakeServer{ack: func(_ *fakeConn, _ *rt.Outgoing) (string, time.Duration, bool) { return "", 0, false }},
			broken: []string{
				"fail step chatters: emit join: 0 of 10 acks",
				"fail step chatters: barrier joined: never reached",
				"fail step chatters: emit say: never reached",
				"fail threshold ack_latency{event=say}: p99 < 200ms: no samples",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, cmp.Or(tt.server, &fakeServer{}), tt.src)
				wantVerdict(t, r, Fail)
				wantBroken(t, r, tt.broken...)
			})
		})
	}
}
