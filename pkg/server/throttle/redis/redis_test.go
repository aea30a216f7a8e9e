package redis_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle/redis"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, rttest.Sleepers()...)
}

// pods connects n sharers to one Redis and waits until all of them are up.
func pods(t *testing.T, url string, n int) []*redis.Shared {
	t.Helper()
	list := make([]*redis.Shared, n)
	for i := range list {
		s, err := redis.New(redis.Options{URL: url, Prefix: "test", Wait: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		list[i] = s
		awaitKnown(t, s)
	}
	return list
}

func awaitKnown(t *testing.T, s *redis.Shared) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, _, known := s.AllowN("warm up", throttle.Limit{Rate: 1000, Burst: 1000}, 1); known {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no decision from Redis in 20 s")
		}
	}
}

// Three pods that all ask as fast as they can pass the configured rate together,
// within 2 %.
func TestRateSharedByThreePods(t *testing.T) {
	t.Parallel()
	shared := pods(t, rttest.Redis(t), 3)
	// The burst bridges half a second in which a busy machine lets no pod ask.
	limit := throttle.Limit{Rate: 200, Burst: 100}
	// Empty the bucket first: what is measured is the steady rate.
	for {
		ok, _, known := shared[0].AllowN("user:ana", limit, 1)
		if !known {
			t.Fatal("Redis did not decide")
		}
		if !ok {
			break
		}
	}
	const length = 4 * time.Second
	var passed, unknown atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for _, s := range shared {
		wg.Go(func() {
			for time.Since(start) < length {
				ok, retry, known := s.AllowN("user:ana", limit, 1)
				switch {
				case !known:
					unknown.Add(1)
				case ok:
					passed.Add(1)
				default:
					time.Sleep(min(retry, time.Millisecond))
				}
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start).Seconds()
	// The last round trip of each pod may come after the end.
	rate := float64(passed.Load()) / elapsed
	t.Logf("%d passed in %.3f s: %.2f/s, want %v/s", passed.Load(), elapsed, rate, limit.Rate)
	if off := rate/limit.Rate - 1; off < -0.02 || off > 0.02 {
		t.Errorf("rate is off by %.2f %%, want at most 2 %%", off*100)
	}
	if n := unknown.Load(); n > 0 {
		t.Errorf("%d decisions did not come in time", n)
	}
}

// The burst is the cluster's, not each pod's, and keys don't touch one another.
func TestBurstIsShared(t *testing.T) {
	t.Parallel()
	shared := pods(t, rttest.Redis(t), 3)
	limit := throttle.Limit{Rate: 0.01, Burst: 7}
	for _, key := range []string{"a", "b"} {
		passed := 0
		for i := range 30 {
			if ok, retry, _ := shared[i%3].AllowN(key, limit, 1); ok {
				passed++
			} else if retry < 90*time.Second || retry > 100*time.Second {
				t.Fatalf("retry after %v, want nearly 100 s", retry)
			}
		}
		if passed != 7 {
			t.Errorf("key %s: %d passed, want the burst of 7", key, passed)
		}
	}
}

// When Redis goes away the pod is told so within the bound, and when it is back
// Redis decides again.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	s := pods(t, server.URL(), 1)[0]
	limit := throttle.Limit{Rate: 1000, Burst: 1000}
	server.Stop()
	for range 100 {
		start := time.Now()
		_, _, known := s.AllowN("k", limit, 1)
		if took := time.Since(start); took > 4*time.Second {
			t.Fatalf("a decision took %v", took)
		}
		if known {
			t.Fatal("known without Redis")
		}
	}
	server.Start()
	awaitKnown(t, s)
}

func TestBadURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "http://x", "redis://user:se cret@host:port", "::"} {
		s, err := redis.New(redis.Options{URL: url})
		if err == nil {
			s.Close()
			t.Errorf("New(%q) = nil error", url)
		}
	}
}

// On a Cluster each key's bucket is at the server of its slot, and all pods share
// it.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := rttest.NewRedisCluster(t, 3, false)
	shared := pods(t, c.URL(), 2)
	limit := throttle.Limit{Rate: 0.001, Burst: 2}
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		passed := 0
		for i := range 6 {
			ok, _, known := shared[i%2].AllowN(key, limit, 1)
			if !known {
				t.Fatalf("key %s: Redis did not decide", key)
			}
			if ok {
				passed++
			}
		}
		if passed != 2 {
			t.Errorf("key %s: %d events passed two pods, want 2", key, passed)
		}
	}
}

// When the master of Sentinels dies, the next one decides.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := rttest.NewRedisSentinels(t)
	pod := pods(t, s.URL(), 1)[0]
	s.Servers[0].Stop()
	if _, _, known := pod.AllowN("k", throttle.Limit{Rate: 1000, Burst: 1000}, 1); known {
		t.Fatal("known without a master")
	}
	awaitKnown(t, pod)
}
