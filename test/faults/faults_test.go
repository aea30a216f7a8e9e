package faults_test

import (
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// fault is one thing that breaks.
type fault struct {
	name string
	run  func(*system) // breaks and mends
	// needs starts the cluster that the fault is of; newSystem when nil.
	needs func(*testing.T, *adapter) *system
	// only are the adapters that it is for; all when empty.
	only []string
	// degrades tells which pods must show it.
	degrades func(pod int) bool
	bound    func(*adapter) bound
}

// bound is what a fault may do, besides the machine's own slack.
type bound struct {
	in, out int           // lost on the way to the second pod, and from it
	after   time.Duration // until remote delivery is back, from the fault's end
	wait    time.Duration // for Redis, of local messages: a journal's patience
}

const (
	short = 1500 * time.Millisecond
	// long is more than the pods wait for an answer.
	long = ioTimeout + 500*time.Millisecond
	// shorter is less than that: the pod keeps a connection that Redis gives up.
	shorter = ioTimeout - 250*time.Millisecond
	// inFlight is how many messages may be on their way when a connection breaks.
	inFlight = 20
	// retry is the longest time between two tries to connect, and back how long
	// the pods take to hear each other again: a try, two seconds for which the
	// outbox is held back so that the others hear it, and a second for the work.
	retry = time.Second
	back  = retry + 3*time.Second
	// localBound is what local delivery may take, and journalPatience what it may
	// wait for its offset where messages are kept.
	localBound      = 100 * time.Millisecond
	journalPatience = 250 * time.Millisecond
	// leastSlack is what a busy machine takes of any pod at any time, whether or
	// not it took it of the one alone.
	leastSlack = 100 * time.Millisecond
)

// passes is how many messages pass by a pod that has no subscription for so long.
func passes(d time.Duration) int { return int(d/pace) + inFlight }

func bothPods(int) bool      { return true }
func secondPod(pod int) bool { return pod == 1 }

// unlessStream is a bound on what the adapters of pub/sub lose, while the stream
// keeps it.
func unlessStream(in, out int, after time.Duration) func(*adapter) bound {
	return func(a *adapter) bound {
		if a.stream() {
			return bound{after: after, wait: a.patience()}
		}
		return bound{in: in, out: out, after: after}
	}
}

// everywhere is a bound for all adapters.
func everywhere(in, out int, after time.Duration) func(*adapter) bound {
	return func(a *adapter) bound { return bound{in, out, after, a.patience()} }
}

// patience is how long the adapter's local messages may wait for Redis.
func (a *adapter) patience() time.Duration {
	if a.recovery > 0 {
		return journalPatience
	}
	return 0
}

var faults = []*fault{
	{
		name: "Redis killed and started",
		run: func(s *system) {
			s.redis.Stop()
			time.Sleep(short)
			s.redis.Start()
		},
		degrades: bothPods,
		bound:    unlessStream(inFlight, inFlight, back),
	},
	{
		name: "black hole",
		run: func(s *system) {
			s.proxies[1].Stall()
			time.Sleep(long)
			s.proxies[1].Resume()
		},
		degrades: secondPod,
		bound:    unlessStream(passes(long+retry), inFlight, back),
	},
	{
		name: "black hole, old connections late",
		run: func(s *system) {
			s.proxies[1].Stall()
			time.Sleep(long)
			s.proxies[1].ResumeLate(short)
		},
		degrades: secondPod,
		// A dial that began in the hole has yet to time out.
		bound: unlessStream(passes(long+dialTimeout+retry), inFlight, dialTimeout+back),
	},
	{
		name: "200 ms more to Redis and back",
		run: func(s *system) {
			s.proxies[1].Delay(100*time.Millisecond, 20*time.Millisecond)
			time.Sleep(short)
			s.proxies[1].Delay(0, 0)
		},
		bound: unlessStream(0, 0, time.Second),
	},
	{
		name: "half open: replies are lost",
		run: func(s *system) {
			s.proxies[1].StallReplies("")
			time.Sleep(long)
			s.proxies[1].Resume()
		},
		degrades: secondPod,
		bound:    unlessStream(passes(long+retry), inFlight, back),
	},
	{
		name: "all connections reset",
		run: func(s *system) {
			for _, p := range s.proxies {
				p.Reset()
			}
		},
		bound: unlessStream(passes(retry), passes(retry), back),
	},
	{
		name: "a pod reads too slowly",
		run: func(s *system) {
			before := s.pods[1].backplane.Status().Reconnects
			reader := "SUBSCRIBE"
			if s.adapter.stream() {
				reader = "XREAD"
			}
			s.proxies[1].StallReplies(reader)
			s.burden(64 << 10)
			time.Sleep(shorter)
			s.burden(0)
			s.proxies[1].Resume()
			if !s.adapter.stream() {
				s.until(s.pods[1], "subscribed anew", func(st cluster.Status) bool { return st.Reconnects > before })
			}
		},
		degrades: secondPod,
		bound:    unlessStream(passes(shorter+retry), inFlight, back),
	},
	{
		name:     "master killed, Sentinels",
		needs:    newSentinelSystem,
		run:      func(s *system) { s.topo.(*rttest.RedisSentinels).Servers[0].Stop() },
		degrades: bothPods,
		bound:    everywhere(inFlight, inFlight, 9*time.Second),
	},
	{
		name:  "slots moved in a Cluster",
		needs: newClusterSystem,
		only:  []string{"sharded"},
		run:   moveSlots,
		bound: everywhere(passes(retry), passes(retry), retry),
	},
}

func newSentinelSystem(t *testing.T, a *adapter) *system {
	t.Helper()
	sentinels := rttest.NewRedisSentinels(t)
	s := &system{t: t, adapter: a, topo: sentinels}
	s.start(sentinels.URL(), sentinels.URL())
	return s
}

func newClusterSystem(t *testing.T, a *adapter) *system {
	t.Helper()
	c := rttest.NewRedisCluster(t, 3, false)
	s := &system{t: t, adapter: a, topo: c}
	s.start(c.URL(), c.URL())
	return s
}

// moveSlots moves the slots of the namespace's channel and of the room's.
func moveSlots(s *system) {
	c := s.topo.(*rttest.RedisCluster)
	for _, channel := range []string{"socket.io#/#", "socket.io#/#" + room + "#"} {
		slot := c.Slot(channel)
		c.Move(slot, (c.Owner(slot)+1)%3)
		s.awaits(10)
	}
}

// TestFaults runs each fault on each adapter.
func TestFaults(t *testing.T) {
	control := startControl(t)
	var table rows
	t.Run("cases", func(t *testing.T) {
		for _, f := range faults {
			for i := range adapters {
				a := &adapters[i]
				if !f.takes(a) {
					continue
				}
				t.Run(a.name+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					start := f.needs
					if start == nil {
						start = newSystem
					}
					s := start(t, a)
					m := s.measure(control, f)
					t.Log(m.String())
					b := f.bound(a)
					b.check(t, &m)
					table.add(a, f, b, &m)
				})
			}
		}
	})
	table.document(t)
}

// slower is a bound as a machine can meet it that keeps a pod alone waiting for
// slack.
func (b bound) slower(slack time.Duration) bound {
	slack = max(slack, leastSlack)
	more := int(4 * slack / pace)
	if b.in > 0 {
		b.in += more
	}
	if b.out > 0 {
		b.out += more
	}
	b.after += 4 * slack
	b.wait += 3 * slack
	return b
}

// check holds what was measured against the bound.
func (b bound) check(t *testing.T, m *measured) {
	t.Helper()
	b = b.slower(m.slack)
	if m.in.lost > b.in || m.out.lost > b.out || m.local.lost > 0 {
		t.Errorf("lost %d on the way to the second pod, %d from it, %d local; want at most %d, %d and none", m.in.lost, m.out.lost, m.local.lost, b.in, b.out)
	}
	if m.local.twice+m.remote.twice > 0 {
		t.Errorf("twice: %d local, %d remote; want none", m.local.twice, m.remote.twice)
	}
	if m.local.disorder+m.remote.disorder > 0 {
		t.Errorf("out of order: %d local, %d remote; want none", m.local.disorder, m.remote.disorder)
	}
	if limit := localBound + b.wait; m.local.still > limit {
		t.Errorf("local delivery stood still for %v, want at most %v (a pod alone: %v)", m.local.still, limit, m.slack)
	}
	if limit := m.fault + b.after; m.remote.still > limit || m.remote.back > b.after {
		t.Errorf("remote delivery stood still for %v and was back after %v, want at most %v and %v", m.remote.still, m.remote.back, limit, b.after)
	}
	for pod, d := range m.degraded {
		if limit := heartbeatTimeout + 2*heartbeatInterval + 4*max(m.slack, leastSlack); d.after < 0 || d.after > limit {
			t.Errorf("pod %d was degraded %v after the fault (negative: never), want within %v", pod, d.after, limit)
		}
		if limit := b.after + heartbeatInterval; d.cleared > limit {
			t.Errorf("pod %d was degraded until %v after the fault's end, want %v at most", pod, d.cleared, limit)
		}
	}
}
