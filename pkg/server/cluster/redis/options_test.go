package redis_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	const good = "redis://127.0.0.1:1"
	tests := []struct {
		name string
		o    redis.Options
		want string // part of the error
	}{
		{"no URL", redis.Options{}, "scheme"},
		{"other scheme", redis.Options{URL: "http://s3cret:s3cret@host"}, "scheme"},
		{"no host", redis.Options{URL: "redis://:s3cret@"}, "host"},
		{"password that breaks the URL", redis.Options{URL: "redis://user:s3cret%zz@host"}, "can't be parsed"},
		{"password taken for a port", redis.Options{URL: "redis://user:s3cret"}, "a port that is not a number"},
		{"control character", redis.Options{URL: "redis://user:s3cret\n@host"}, "can't be parsed"},
		{"database not a number", redis.Options{URL: "redis://:s3cret@host/s3cret"}, "database"},
		{"database negative", redis.Options{URL: "redis://host/-1"}, "database"},
		{"glob in prefix", redis.Options{URL: good, Prefix: "app*"}, "glob"},
		{"negative bound", redis.Options{URL: good, OutboxBytes: -1}, "negative"},
		{"negative duration", redis.Options{URL: good, DialTimeout: -1}, "negative"},
		{"timeout below interval", redis.Options{URL: good, HeartbeatInterval: time.Second, HeartbeatTimeout: time.Millisecond}, "shorter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := redis.New(tt.o)
			if !errors.Is(err, redis.ErrOptions) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want ErrOptions about %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error tells the password: %v", err)
			}
		})
	}
}

func TestAddNamespaceRefusesGlobs(t *testing.T) {
	t.Parallel()
	b, err := redis.New(redis.Options{URL: "rediss://user:p%40ss@127.0.0.1/2"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(t.Context())
	if err := b.AddNamespace("/rooms/*"); !errors.Is(err, redisadapter.ErrGlob) {
		t.Errorf("err = %v, want ErrGlob", err)
	}
	if err := errors.Join(b.AddNamespace("/a"), b.AddNamespace("/a")); err != nil {
		t.Errorf("AddNamespace twice: %v", err)
	}
}
