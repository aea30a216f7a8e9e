package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const comeback1 = `
version: 1
name: come back
targets: { api: { url: "http://api:3000", protocol: socketio } }
clients:
  readers:
    count: 10
    connect: { rate: 100/s }
    reconnect: RECONNECT
    flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: go }, { on: message, until: end }]
  writer:
    count: 1
    flow: [{ barrier: go }, { emit: say, args: [lobby, "{{marker}}"], rate: 20/s, for: 30s, ack: {} }]
verify: { feed: { from: writer, to: readers, guarantee: exactlyOnce, settle: 2s ACROSS } }
`

// comebackWith is the scenario above with a policy.
func comebackWith(reconnect string, across bool) string {
	more := ""
	if across {
		more = ", acrossReconnect: true"
	}
	return strings.NewReplacer("RECONNECT", reconnect, " ACROSS", more).Replace(comeback1)
}

// cutAt ends the connections of the first n readers after some time.
func (s *fakeServer) cutAt(after time.Duration, n int, i rt.CloseInfo) {
	time.AfterFunc(after, func() {
		s.mu.Lock()
		conns := slices.Clone(s.conns)
		s.mu.Unlock()
		for _, c := range conns {
			if c.isReader() && n > 0 {
				n--
				c.hangUp(i, 0)
			}
		}
	})
}

// isReader tells whether a client of the group readers has the connection.
func (c *fakeConn) isReader() bool {
	cl, ok := c.h.(*client)
	if !ok {
		cl = c.h.(*successor).c
	}
	return cl.cell.group.plan.Group.Name == "readers"
}

var reset1 = rt.CloseInfo{By: rt.ByNetwork, Err: errors.New("connection reset by peer")}

func TestClientsComeBackAndAreInAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.cutAt(10*time.Second, 6, reset1)
		r := bench(t, s, comebackWith("{ policy: fixed, delay: 2s }", false)+"thresholds: { reconnect_time: [p50 < 3s, max < 3s], still_disconnected: count == 0, reconnect_attempts_per_client: p99 < 2, connect_rate_peak: max < 200/s, duplicate_sessions: count == 0 }\n")
		wantBroken(t, r)
		wantVerdict(t, r, Pass)
		c := r.Verify[0].Counts
		// While a reader is away for 2 s, and in the second before, nothing is
		// expected of it.
		if c.Lost != 0 || c.Expected < 6000-6*65 || c.Expected > 6000-6*55 {
			t.Errorf("counts = %+v", c)
		}
		if m := metric(t, r, ReconnectTime); m.Count != 6 || m.Min < 2 || m.Max > 2.1 {
			t.Errorf("reconnect_time = %+v", m)
		}
		if m := metric(t, r, ResumeGap); m.Count == 0 || m.Total <= m.Count {
			t.Errorf("resume_gap = %d of %d, want what was sent while they were away", m.Count, m.Total)
		}
		if g := r.Groups[0]; g.Disconnected != 6 || g.Finished != 10 {
			t.Errorf("group = %+v", g)
		}
		want := ReconnectReport{Group: "readers", Policy: ReconnectFixed, Lost: 6, Returned: 6, Attempts: 6}
		got := r.Reconnects[0]
		if diff := cmp.Diff(want, ReconnectReport{
			Group: got.Group, Policy: got.Policy, Lost: got.Lost, Returned: got.Returned, Recovered: got.Recovered,
			Attempts: got.Attempts, Failed: got.Failed, Still: got.Still, Broken: got.Broken,
		}); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if got.Peak != 60 || got.PeakAt < 11*time.Second || got.PeakAt > 13*time.Second {
			t.Errorf("peak %g/s at %s", got.Peak, got.PeakAt)
		}
	})
}

// Without a policy everything is as it was: a client that is gone stays away.
func TestNoPolicyNoComeback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.cutAt(10*time.Second, 6, reset1)
		r := bench(t, s, comebackWith("none", false))
		wantVerdict(t, r, Fail)
		if len(s.conns) != 11 || r.Verify[0].Lost == 0 {
			t.Errorf("%d connections, counts %+v", len(s.conns), r.Verify[0].Counts)
		}
	})
}

// A server that resumes nothing loses what it sent meanwhile, when that is
// expected of it.
func TestAcrossReconnectWantsWhatWasMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.cutAt(10*time.Second, 6, reset1)
		r := bench(t, s, comebackWith("{ policy: fixed, delay: 2s }", true)+"thresholds: { resume_gap: count == 0 }\n")
		wantVerdict(t, r, Fail)
		c := r.Verify[0].Counts
		if c.Expected != 6000 || c.Lost < 6*40 || c.Lost > 6*45 {
			t.Errorf("counts = %+v, want about 40 lost for each of 6", c)
		}
		if m := metric(t, r, ResumeGap); m.Count != c.Lost {
			t.Errorf("resume_gap = %d, want the %d that were lost", m.Count, c.Lost)
		}
	})
}

// keeper is a server that keeps sessions: it notes what a room missed.
type keeper struct {
	*fakeServer
	missed []string // all that was said, in order
	next   int
	twice  int // how many of the last messages before the loss it repeats
	refuse bool
}

func keep(s *fakeServer) *keeper {
	k := &keeper{fakeServer: s}
	seen := map[string]bool{}
	s.deliver = func(d delivery) []delivery {
		if !seen[d.body] {
			seen[d.body] = true
			k.missed = append(k.missed, d.body)
		}
		return []delivery{d}
	}
	s.dial = func(r *rt.DialRequest, c *fakeConn) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		k.next++
		c.info.Resume = &rt.Resume{PID: fmt.Sprint("pid", k.next)}
		if r.Resume == nil || k.refuse {
			return nil
		}
		c.info.Recovered, c.info.Resume.PID = true, r.Resume.PID
		s.rooms["lobby"] = append(s.rooms["lobby"], c)
		var from int
		fmt.Sscan(r.Resume.Offset, &from)
		c.heard = max(from-k.twice, 0)
		for _, body := range k.missed[c.heard:] {
			c.event("message", body, time.Millisecond)
		}
		return nil
	}
	return k
}

func TestRecoveredSessionsMissNothing(t *testing.T) {
	t.Parallel()
	const recovering = "{ policy: socketio, initialDelay: 1s, jitter: 0.5 }"
	const want = "thresholds: { resume_gap: count == 0, resume_duplicates: count == 0, state_recovered: rate >= 95%, resume_time: p99 < 2s, duplicate_sessions: count == 0 }\n"
	t.Run("all of them", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &fakeServer{delay: 5 * time.Millisecond}
			keep(s)
			joins := countJoins(s)
			s.cutAt(10*time.Second, 6, reset1)
			r := bench(t, s, comebackWith(recovering, true)+want)
			wantBroken(t, r)
			if joins.Load() != 10 {
				t.Errorf("%d joins, want none from those who got their session back", joins.Load())
			}
			if m := metric(t, r, StateRecovered); m.Count != 6 || m.Total != 6 {
				t.Errorf("state_recovered = %d of %d", m.Count, m.Total)
			}
		})
	})
	t.Run("some come twice", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &fakeServer{delay: 5 * time.Millisecond}
			keep(s).twice = 3
			s.cutAt(10*time.Second, 6, reset1)
			r := bench(t, s, comebackWith(recovering, true)+want)
			wantVerdict(t, r, Fail)
			if m := metric(t, r, ResumeDuplicates); m.Count != 18 {
				t.Errorf("resume_duplicates = %d of %d, want 3 for each of 6", m.Count, m.Total)
			}
		})
	})
	t.Run("none of them", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &fakeServer{delay: 5 * time.Millisecond}
			keep(s).refuse = true
			joins := countJoins(s)
			s.cutAt(10*time.Second, 6, reset1)
			r := bench(t, s, comebackWith(recovering, true)+want)
			wantVerdict(t, r, Fail)
			if m := metric(t, r, StateRecovered); m.Count != 0 || m.Total != 6 {
				t.Errorf("state_recovered = %d of %d", m.Count, m.Total)
			}
			if joins.Load() != 16 {
				t.Errorf("%d joins, want 6 more than clients", joins.Load())
			}
		})
	})
}

func countJoins(s *fakeServer) *atomic.Int64 {
	n := new(atomic.Int64)
	s.send = func(_ *fakeConn, m *rt.Outgoing) error {
		if m.Event == "join" {
			n.Add(1)
		}
		return nil
	}
	return n
}

func TestPublisherThatComesBackKeepsItsNumbering(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		src := strings.Replace(comebackWith("none", false), "  writer:\n    count: 1\n", "  writer:\n    count: 1\n    reconnect: { policy: fixed, delay: 3s }\n", 1)
		time.AfterFunc(10*time.Second, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, c := range s.conns {
				if c.says > 0 {
					c.hangUp(reset1, 0)
				}
			}
		})
		r := bench(t, s, src+"thresholds: { \"sends_disconnected{event=say}\": rate < 20% }\n")
		wantBroken(t, r)
		wantVerdict(t, r, Pass)
		m := metric(t, r, SendsDisconnected, LabelEvent, "say")
		if m.Count < 59 || m.Count > 62 || m.Total < 598 {
			t.Errorf("sends_disconnected = %d of %d, want the 60 of 3 s", m.Count, m.Total)
		}
		if c := r.Verify[0].Counts; c.Lost != 0 || c.Published < 535 || c.Published > 541 {
			t.Errorf("counts = %+v", c)
		}
	})
}

func TestWhoStaysAwayFailsTheRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, reconnect string
		end             rt.CloseInfo
		dial            func() error // of the handshakes after the first of each client
		attempts        int64
	}{
		{"the server disconnected the socket", "socketio", rt.CloseInfo{By: rt.ByPeer, Reason: "io server disconnect"}, nil, 0},
		{"the namespace was refused", "socketio", reset1, func() error {
			return &rt.Error{Op: "dial", Kind: rt.KindRejected, Stage: rt.StageNamespace, Code: "unauthorized"}
		}, 6},
		{"attempts ran out", "{ policy: immediate, maxAttempts: 4 }", reset1, func() error {
			return &rt.Error{Op: "dial", Kind: rt.KindUnreachable, Err: errors.New("connection refused")}
		}, 24},
		{"an event source is told no", "eventsource", reset1, func() error {
			return &rt.Error{Op: "dial", Kind: rt.KindUnreachable, Stage: rt.StageUpgrade, Status: 503}
		}, 6},
		{"there is no server any more", "{ policy: fixed, delay: 1s, settle: 5s }", reset1, func() error {
			return &rt.Error{Op: "dial", Kind: rt.KindUnreachable, Err: errors.New("connection refused")}
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond}
				var n atomic.Int64
				s.dial = func(*rt.DialRequest, *fakeConn) error {
					if n.Add(1) > 11 && tt.dial != nil {
						return tt.dial()
					}
					return nil
				}
				s.cutAt(10*time.Second, 6, tt.end)
				start := time.Now()
				r := bench(t, s, comebackWith(tt.reconnect, false)+"thresholds: { still_disconnected: count == 0 }\n")
				wantVerdict(t, r, Fail)
				wantBroken(t, r,
					"fail group readers: 10 of 10 connected, 6 disconnected, 6 of 6 still disconnected",
					"fail threshold still_disconnected: count == 0: 6 of 6")
				if took := time.Since(start); took > 45*time.Second {
					t.Errorf("took %s", took)
				}
				if got := r.Reconnects[0].Attempts; tt.attempts > 0 && got != tt.attempts {
					t.Errorf("%d attempts, want %d", got, tt.attempts)
				}
			})
		})
	}
}

func TestSetupThatCantBeRepeatedFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		var joins atomic.Int64
		s.ack = func(_ *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
			return `{"ok":true}`, s.delay, m.Event != "join" || joins.Add(1) <= 10
		}
		s.cutAt(5*time.Second, 2, reset1)
		r := bench(t, s, comebackWith("{ policy: immediate }", false))
		wantVerdict(t, r, Fail)
		if got := strings.Join(broken(r), "\n"); !strings.Contains(got, "2 could not repeat their setup") {
			t.Errorf("checks:\n%s", got)
		}
	})
}

// A server that forgets to take the old subscription away serves a client
// twice once it is back.
func TestServedTwiceAfterAComeback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		var n atomic.Int64
		s.dial = func(_ *rt.DialRequest, c *fakeConn) error {
			if n.Add(1) > 11 {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.rooms["lobby"] = append(s.rooms["lobby"], c) // and again with the join
			}
			return nil
		}
		s.cutAt(10*time.Second, 3, reset1)
		r := bench(t, s, comebackWith("{ policy: fixed, delay: 1s }", false)+"thresholds: { duplicate_sessions: count == 0 }\n")
		wantVerdict(t, r, Fail)
		if m := metric(t, r, DuplicateSessions); m.Count != 3 || m.Total != 3 {
			t.Errorf("duplicate_sessions = %d of %d", m.Count, m.Total)
		}
	})
}

// A client may lose its connection while it waits at a barrier, in the middle
// of its setup, and while it repeats it.
func TestLossesAtAwkwardMoments(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{6, 12, 50, 101, 103, 2003, 2008, 4010} {
		t.Run(fmt.Sprint(int(at), "ms"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond}
				for k := range 4 {
					s.cutLive(at*time.Millisecond+time.Duration(k)*7*time.Millisecond, reset1)
				}
				r := bench(t, s, comebackWith("{ policy: immediate }", false))
				wantBroken(t, r)
				if g := r.Groups[0]; g.Finished != 10 {
					t.Errorf("group = %+v", g)
				}
			})
		})
	}
}

// cutLive ends every connection of a reader that is open at that time.
func (s *fakeServer) cutLive(after time.Duration, i rt.CloseInfo) {
	s.cutAt(after, 1<<20, i)
}
