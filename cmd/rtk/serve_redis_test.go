package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

func TestRedisFlags(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(goodSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "redis://127.0.0.1:1"
	base := redis.Options{
		URL: url, Prefix: "socket.io", Adapter: redis.Classic, ShardedMode: redis.Dynamic,
		Stream: "socket.io", StreamCount: 1, StreamMaxLen: 10_000,
	}
	for _, tt := range []struct {
		name string
		env  map[string]string
		args []string
		want func(o *redis.Options)
	}{
		{"defaults are Node's", nil, nil, func(*redis.Options) {}},
		{"classic", nil, []string{"--redis-specific-responses", "--redis-subscribe", "rooms", "--redis-prefix", "app"}, func(o *redis.Options) {
			o.SpecificResponses, o.RoomSubscriptions, o.Prefix = true, true, "app"
		}},
		{"sharded", nil, []string{"--redis-adapter", "sharded", "--redis-sharded-mode", "dynamic-private"}, func(o *redis.Options) {
			o.Adapter, o.ShardedMode = redis.Sharded, redis.DynamicPrivate
		}},
		{"streams", nil, []string{"--redis-adapter", "streams", "--redis-stream", "s", "--redis-stream-count", "3", "--redis-stream-maxlen", "5", "--redis-stream-sharded"}, func(o *redis.Options) {
			o.Adapter, o.Stream, o.StreamCount, o.StreamMaxLen, o.StreamSharded = redis.Streams, "s", 3, 5, true
		}},
		{"signed, key from a file", nil, []string{"--redis-sign-key", "@" + key, "--redis-sign-required"}, func(o *redis.Options) {
			o.SignKey, o.SignRequired = []byte(goodSecret), true
		}},
		{"signed, key from the environment", map[string]string{"RTK_REDIS_SIGN_KEY": goodSecret}, nil, func(o *redis.Options) {
			o.SignKey = []byte(goodSecret)
		}},
		{"from the environment", map[string]string{"RTK_SERVE_REDIS_ADAPTER": "sharded"}, nil, func(o *redis.Options) { o.Adapter = redis.Sharded }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, _, err := parseServe(t, tt.env, append([]string{"--redis", url}, tt.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			want := base
			tt.want(&want)
			if diff := cmp.Diff(want, f.backplane); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedisFlagsRefuse(t *testing.T) {
	t.Parallel()
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "redis://:hunter2hunter2@127.0.0.1:1"
	for _, tt := range []struct {
		name string
		args []string
		want string // part of the error
	}{
		{"unknown adapter", []string{"--redis", url, "--redis-adapter", "classc"}, `--redis-adapter "classc", did you mean "classic"?; want classic, sharded or streams`},
		{"unknown subscription", []string{"--redis", url, "--redis-subscribe", "room"}, `--redis-subscribe "room", did you mean "rooms"?; want pattern or rooms`},
		{"unknown mode", []string{"--redis", url, "--redis-adapter", "sharded", "--redis-sharded-mode", "privat"}, `--redis-sharded-mode "privat"`},
		{"mode of another adapter", []string{"--redis", url, "--redis-sharded-mode", "static"}, "--redis-sharded-mode is of the sharded adapter, and --redis-adapter is classic"},
		{"stream of another adapter", []string{"--redis", url, "--redis-adapter", "sharded", "--redis-stream-maxlen", "5"}, "--redis-stream-maxlen is of the streams adapter, and --redis-adapter is sharded"},
		{"rooms of another adapter", []string{"--redis", url, "--redis-adapter", "streams", "--redis-subscribe", "rooms"}, "--redis-subscribe is of the classic adapter, and --redis-adapter is streams"},
		{"glob in the prefix", []string{"--redis", url, "--redis-prefix", "app*"}, `--redis-prefix "app*" has a glob character`},
		{"empty prefix", []string{"--redis", url, "--redis-prefix", ""}, "--redis-prefix is set and empty"},
		{"no stream", []string{"--redis", url, "--redis-adapter", "streams", "--redis-stream", ""}, "--redis-stream is set and empty"},
		{"no streams", []string{"--redis", url, "--redis-adapter", "streams", "--redis-stream-count", "0"}, "must be at least 1"},
		{"too many streams", []string{"--redis", url, "--redis-adapter", "streams", "--redis-stream-count", "100000000"}, "want 1 to 16384"},
		{"recovery with classic", []string{"--redis", url, "--recovery", "2m"}, "--recovery does not go with --redis-adapter classic"},
		{"recovery with sharded", []string{"--redis", url, "--recovery", "2m", "--redis-adapter", "sharded"}, "--recovery does not go with --redis-adapter sharded"},
		{"short key", []string{"--redis", url, "--redis-sign-key", "hunter2"}, "--redis-sign-key: 7 bytes, want at least 16"},
		{"empty key", []string{"--redis", url, "--redis-sign-key", ""}, "--redis-sign-key is set and empty"},
		{"no key", []string{"--redis", url, "--redis-sign-required"}, "--redis-sign-required needs a key"},
		{"adapter without redis", []string{"--redis-adapter", "streams"}, "--redis-adapter does nothing without --redis"},
		{"sign key without redis", []string{"--redis-sign-key", "hunter2hunter2hunter2"}, "--redis-sign-key does nothing without --redis"},
		{"TLS files without TLS", []string{"--redis", url, "--redis-tls-ca", junk}, "the scheme of --redis is not one with TLS"},
		{"no authority", []string{"--redis", "rediss://:hunter2@h", "--redis-tls-ca", junk}, "holds no PEM certificate"},
		{"certificate without key", []string{"--redis", "rediss://:hunter2@h", "--redis-tls-cert", junk}, "--redis-tls-cert needs --redis-tls-key"},
		{"key without certificate", []string{"--redis", "rediss://:hunter2@h", "--redis-tls-key", junk}, "--redis-tls-key needs --redis-tls-cert"},
		{"bad certificate", []string{"--redis", "rediss://:hunter2@h", "--redis-tls-key", junk, "--redis-tls-cert", junk}, "--redis-tls-cert and --redis-tls-key: "},
		{"scheme", []string{"--redis", "http://:hunter2@h"}, "--redis: URL scheme"},
		{"unreadable URL", []string{"--redis", "redis://:hunter2%zz@h"}, "--redis: URL can't be parsed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := parseServe(t, nil, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
			if code := exitCode(err); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
		})
	}
}
