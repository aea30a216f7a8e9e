package redis_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{
		"one server": rttest.Redis,
		"Cluster":    func(t testing.TB) string { return rttest.NewRedisCluster(t, 3, false).URL() },
		"Sentinels":  func(t testing.TB) string { return rttest.NewRedisSentinels(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directories(t, url(t))
		})
	}
}

func directories(t *testing.T, url string) {
	t.Helper()
	directory := func() *redis.Directory {
		d, err := redis.NewDirectory(redis.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	}
	a, b := directory(), directory()
	is := func(d *redis.Directory, tag, address string, ttl time.Duration, want map[string]string) {
		t.Helper()
		got, err := d.Announce(t.Context(), tag, address, ttl)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	is(a, "AAAA", "http://a:1", time.Minute, map[string]string{"AAAA": "http://a:1"})
	is(b, "BBBB", "http://b:1", time.Minute, map[string]string{"AAAA": "http://a:1", "BBBB": "http://b:1"})
	is(b, "AAAA", "http://c:1", time.Minute, map[string]string{"AAAA": "http://a:1", "BBBB": "http://b:1"}) // the tag is taken
	if err := a.Withdraw(t.Context(), "AAAA"); err != nil {
		t.Fatal(err)
	}
	is(b, "BBBB", "http://b:1", time.Minute, map[string]string{"BBBB": "http://b:1"})

	is(a, "SHRT", "http://d:1", time.Second, map[string]string{"BBBB": "http://b:1", "SHRT": "http://d:1"})
	time.Sleep(2500 * time.Millisecond) // whole seconds of the clock of Redis
	is(b, "BBBB", "http://b:1", time.Minute, map[string]string{"BBBB": "http://b:1"})
}

func TestDirectoryWithoutRedis(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	d, err := redis.NewDirectory(redis.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Announce(t.Context(), "AAAA", "http://a:1", time.Minute); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if _, err := d.Announce(t.Context(), "AAAA", "http://a:1", time.Minute); err == nil {
		t.Error("no error without Redis")
	}
}
