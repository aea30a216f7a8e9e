package faults_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// The timeouts of the pods under test: a tenth of a fleet's, or the suite would
// take minutes.
const (
	heartbeatInterval = 250 * time.Millisecond
	heartbeatTimeout  = time.Second
	ioTimeout         = 2 * time.Second
	dialTimeout       = time.Second
)

// adapter is one way between the pods.
type adapter struct {
	name     string
	options  redis.Options
	recovery time.Duration // keeps messages in the stream
}

var adapters = []adapter{
	{name: "classic", options: redis.Options{Adapter: redis.Classic}},
	{name: "sharded", options: redis.Options{Adapter: redis.Sharded}},
	{name: "streams", options: redis.Options{Adapter: redis.Streams}},
	{name: "streams, kept", options: redis.Options{Adapter: redis.Streams}, recovery: time.Minute},
}

// stream reports whether what is sent is in Redis until it has been read.
func (a *adapter) stream() bool { return a.options.Adapter == redis.Streams }

// system is a cluster under test.
type system struct {
	t       *testing.T
	adapter *adapter
	redis   *rttest.RedisServer // nil with Sentinels or a Cluster
	proxies []*rttest.Proxy     // one for each pod, with redis
	topo    any                 // *rttest.RedisSentinels or *rttest.RedisCluster
	pods    []*pod
	stop    chan struct{}
	wg      sync.WaitGroup

	mu   sync.Mutex
	load string // what the first pod sends besides
}

// start starts two pods that send, each at the URL of its index.
func (s *system) start(urls ...string) {
	s.t.Helper()
	for i, u := range urls {
		o := s.adapter.options
		o.URL = u
		o.HeartbeatInterval, o.HeartbeatTimeout = heartbeatInterval, heartbeatTimeout
		o.IOTimeout, o.DialTimeout = ioTimeout, dialTimeout
		b, err := redis.New(o)
		if err != nil {
			s.t.Fatal(err)
		}
		s.pods = append(s.pods, startPod(s.t, i, len(urls), b, s.adapter.recovery))
	}
	for _, p := range s.pods {
		for _, f := range p.flows {
			f.sent = &s.pods[f.from].sends
		}
		s.until(p, "healthy", func(st cluster.Status) bool { return !st.Degraded })
	}
	s.stop = make(chan struct{})
	s.t.Cleanup(s.end)
	for i, p := range s.pods {
		load := func() string { return "" }
		if i == 0 {
			load = s.loaded
		}
		p.send(s.t, &s.wg, s.stop, load)
		p.watch(&s.wg, s.stop)
	}
	s.awaits(30)
}

// end ends the senders.
func (s *system) end() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.wg.Wait()
}

func (s *system) loaded() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load
}

// burden has the first pod send so many bytes more with each message.
func (s *system) burden(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load = strings.Repeat("x", bytes)
}

// until waits until a pod's status is so.
func (s *system) until(p *pod, what string, ok func(cluster.Status) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(p.backplane.Status()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("pod %d is not %s in %v: %+v", p.index, what, patience, p.backplane.Status())
		}
	}
}

// awaits waits until each client has n more of what each pod sends from now on.
func (s *system) awaits(n int) {
	s.t.Helper()
	for _, p := range s.pods {
		for _, f := range p.flows {
			s.reaches(f, len(f.sent.all())+n)
		}
	}
}

// reaches waits until a message with at least this number has arrived.
func (s *system) reaches(f *flow, number int) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); f.last() < number; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("from pod %d to pod %d: only up to message %d in %v, want %d; sender %+v, receiver %+v",
				f.from, f.to, f.last(), patience, number, s.pods[f.from].backplane.Status(), s.pods[f.to].backplane.Status())
		}
	}
}

// measured is what a fault did to a cluster.
type measured struct {
	local, remote outcome
	in, out       outcome // to and from the second pod, which a fault on the way is at
	slack         time.Duration
	fault         time.Duration
	dropped       uint64 // of what the pods sent, by their own count
	// degraded are the pods that the fault must show at, and when it did.
	degraded map[int]spell
}

// measure breaks the cluster, mends it and waits until all is well again.
func (s *system) measure(c *control, f *fault) (m measured) {
	s.t.Helper()
	m.degraded = make(map[int]spell)
	begin := time.Now()
	s.awaits(10)
	broken := time.Now()
	f.run(s)
	mended := time.Now()
	m.fault = mended.Sub(broken)
	s.awaits(50)
	for _, p := range s.pods {
		s.until(p, "healthy with an empty outbox", func(st cluster.Status) bool { return !st.Degraded && st.Queued < 10 })
	}
	m.slack = c.slack(begin)
	s.end()
	for _, p := range s.pods {
		for _, f := range p.flows {
			s.reaches(f, len(f.sent.all())-1)
			o := f.since(begin, mended)
			switch {
			case f.from == f.to:
				m.local = m.local.plus(o)
			case f.to == 1:
				m.in = o
			default:
				m.out = o
			}
		}
		m.dropped += p.backplane.Status().Dropped
		if f.degrades != nil && f.degrades(p.index) {
			m.degraded[p.index] = p.health.spell(broken, mended)
		}
	}
	m.remote = m.in.plus(m.out)
	return m
}

// newSystem is a cluster of two pods, each behind a proxy of its own.
func newSystem(t *testing.T, a *adapter) *system {
	t.Helper()
	var args []string
	if a.stream() {
		args = append(args, "--appendonly", "yes")
	}
	args = append(args, "--client-output-buffer-limit", "pubsub", "512kb", "0", "0")
	s := &system{t: t, adapter: a, redis: rttest.NewRedisServer(t, args...)}
	var urls []string
	for range 2 {
		p, err := rttest.NewProxy(s.redis.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		s.proxies = append(s.proxies, p)
		urls = append(urls, "redis://"+p.Addr())
	}
	s.start(urls...)
	return s
}

func (m *measured) String() string {
	return fmt.Sprintf("fault %v, slack %v; local %+v; to the second pod %+v; from it %+v; dropped %d; degraded %+v", m.fault, m.slack, m.local, m.in, m.out, m.dropped, m.degraded)
}
