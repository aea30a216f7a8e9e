package redis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// limited makes a user with the rights of ACL at servers and returns the URL with
// it.
func limited(t *testing.T, url string, o redis.Options, servers []*rttest.RedisServer) string {
	t.Helper()
	o.URL = url
	rights, err := redis.ACL(o, redis.Uses{Namespaces: []string{"/"}, Directory: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		s.CLI("ACL", "LOG", "RESET")
		if out := s.CLI(append([]string{"ACL", "SETUSER", "pod", "on", ">s3cret"}, rights...)...); out != "OK" {
			t.Fatalf("ACL SETUSER: %s", out)
		}
	}
	return strings.Replace(url, "://", "://pod:s3cret@", 1)
}

// unlogged reports what servers refused to the user.
func unlogged(t *testing.T, servers []*rttest.RedisServer) {
	t.Helper()
	for _, s := range servers {
		if log := s.CLI("ACL", "LOG"); log != "" {
			t.Errorf("refused: %s", log)
		}
	}
}

// TestClusterACL runs all operations with a user that has the rights that ACL
// says and no others.
func TestClusterACL(t *testing.T) {
	t.Parallel()
	c := rttest.NewRedisCluster(t, 3, true)
	for name, o := range map[string]redis.Options{
		"classic": {Prefix: "c"},
		"rooms":   {Prefix: "r", RoomSubscriptions: true},
		"sharded": {Prefix: "s", Adapter: redis.Sharded},
	} {
		t.Run(name, func(t *testing.T) {
			o.URL = limited(t, c.URL(), o, c.Nodes)
			operations(t, o, o.Adapter != redis.Sharded)
			d, err := redis.NewDirectory(o)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if _, err := d.Announce(t.Context(), "AAAA", "http://a:1", time.Minute); err != nil {
				t.Error(err)
			}
			unlogged(t, c.Nodes)
		})
	}
}

// TestSentinelACL is the same behind Sentinels.
func TestSentinelACL(t *testing.T) {
	t.Parallel()
	s := rttest.NewRedisSentinels(t)
	for name, o := range map[string]redis.Options{"classic": {Prefix: "c"}, "sharded": {Prefix: "s", Adapter: redis.Sharded}} {
		t.Run(name, func(t *testing.T) {
			o.URL = limited(t, s.URL(), o, s.Servers)
			operations(t, o, true)
			unlogged(t, s.Servers)
		})
	}
}
