package redis_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// raw connects a plain client, which plays servers that leave no mark.
func raw(t *testing.T, url string) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache = true
	c, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// hold keeps a subscription until the test ends.
func hold(t *testing.T, c rueidis.Client, cmd rueidis.Completed) {
	t.Helper()
	conn, release := c.Dedicate()
	t.Cleanup(release)
	conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(rueidis.PubSubMessage) {}})
	if err := conn.Do(t.Context(), cmd).Error(); err != nil {
		t.Fatal(err)
	}
}

// refusal starts a backplane and returns why it wouldn't.
func refusal(t *testing.T, o redis.Options) error {
	t.Helper()
	b, err := redis.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddNamespace("/"); err != nil {
		t.Fatal(err)
	}
	err = b.Start(t.Context(), newSink())
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if e := b.Close(ctx); e != nil {
		t.Errorf("Close: %v", e)
	}
	return err
}

func TestNodeOfAnotherAdapterIsRefused(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	c := raw(t, url)
	if err := refusal(t, redis.Options{URL: url}); err != nil {
		t.Fatalf("alone on the prefix: %v", err)
	}
	hold(t, c, c.B().Subscribe().Channel("streams#/#", "streams#/#0123456789abcdef#").Build())
	hold(t, c, c.B().Ssubscribe().Channel("sharded#/#").Build())
	hold(t, c, c.B().Subscribe().Channel("classic-request#/#", "classic-response#/#").Build())
	for _, tt := range []struct {
		prefix string
		refuse bool
	}{{"streams", true}, {"sharded", true}, {"classic", false}, {"nobody", false}} {
		err := refusal(t, redis.Options{URL: url, Prefix: tt.prefix})
		if tt.refuse != errors.Is(err, redis.ErrAdapters) || tt.refuse != (err != nil) {
			t.Errorf("prefix %s: %v", tt.prefix, err)
		}
		if tt.refuse && !strings.Contains(err.Error(), `prefix "`+tt.prefix+`"`) {
			t.Errorf("%v does not name the prefix", err)
		}
	}
}

// The message that shows it comes while the pod runs.
func TestMessageOfAnotherAdapterIsTold(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	var log syncBuffer
	b := start(t, redis.Options{URL: url, Logger: slog.New(slog.NewTextHandler(&log, nil))}, newSink(), "/")
	until(t, b, "healthy", healthy)
	msg, err := redisadapter.AppendClusterPack(nil, &redisadapter.ClusterMessage{
		Type: redisadapter.ClusterBroadcast, UID: "0123456789abcdef", Namespace: "/", Args: []byte(`["x"]`),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := raw(t, url)
	for _, payload := range []string{"{", "\x84", "\x93\x01", string(msg), string(msg)} {
		if err := c.Do(t.Context(), c.B().Publish().Channel("socket.io#/#").Message(payload).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	s := until(t, b, "degraded by the stranger", func(s cluster.Status) bool { return s.Foreign == 2 && s.Degraded })
	if s.Ignored != 3 || !strings.Contains(s.Reason, "another adapter") {
		t.Errorf("status %+v, want 3 ignored and the reason", s)
	}
	if n := strings.Count(log.String(), "messages of another adapter"); n != 1 {
		t.Errorf("%d lines in the log, want one:\n%s", n, log.String())
	}
}

// A pod is not kept from starting by a Redis user that may do little.
func TestGuardWithoutRights(t *testing.T) {
	t.Parallel()
	s := rttest.NewRedisServer(t)
	c := raw(t, s.URL())
	rules := strings.Fields("ACL SETUSER poor on >pw allchannels +subscribe +psubscribe +publish +ping +hello +client")
	if err := c.Do(t.Context(), c.B().Arbitrary(rules...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	var log syncBuffer
	b := start(t, redis.Options{URL: "redis://poor:pw@" + s.Addr(), Logger: slog.New(slog.NewTextHandler(&log, nil))}, newSink(), "/")
	until(t, b, "healthy", healthy)
	if !strings.Contains(log.String(), "--print-redis-acl") {
		t.Errorf("the log says nothing of the missing rights:\n%s", log.String())
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Real servers of Node with each adapter, and a pod that would join each prefix
// with each.
func TestPodAmongNode(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	node := rttest.NodeEnv(t, []string{"REDIS=" + url}, "interop/peers.js")
	if line := node.Line(t, 30*time.Second); line != "ready" {
		t.Fatal(line)
	}
	adapters := []redis.Adapter{redis.Classic, redis.Sharded, redis.Streams}
	for _, theirs := range adapters {
		for _, ours := range adapters {
			o := redis.Options{URL: url, Prefix: "fleet-" + string(theirs), Adapter: ours}
			if ours == redis.Streams {
				o.Stream = "fleet-stream"
			}
			err := refusal(t, o)
			if (err != nil) != (ours != theirs) || err != nil && !errors.Is(err, redis.ErrAdapters) {
				t.Errorf("%s among servers with %s: %v", ours, theirs, err)
			}
		}
	}
}

// A Redis that knows no sharded channels, as version 6 does.
func TestShardedNeedsRedis7(t *testing.T) {
	t.Parallel()
	old := miniredis.RunT(t)
	for _, o := range []redis.Options{{Adapter: redis.Sharded}, {Adapter: redis.Streams, StreamSharded: true}} {
		o.URL = "redis://" + old.Addr()
		if err := refusal(t, o); !errors.Is(err, redis.ErrOptions) || !strings.Contains(err.Error(), "needs Redis 7") {
			t.Errorf("adapter %s: %v", o.Adapter, err)
		}
	}
	if err := refusal(t, redis.Options{URL: "redis://" + old.Addr()}); err != nil {
		t.Errorf("classic: %v", err)
	}
}

// Pods that refuse each other's messages say so: nothing else would.
func TestOtherKeysAreTold(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	key, another := []byte("key-one-0123456789"), []byte("key-two-0123456789")
	for _, tt := range []struct {
		name        string
		first, next redis.Options
		told        bool
	}{
		{"same", redis.Options{SignKey: key}, redis.Options{SignKey: key, SignRequired: true}, false},
		{"none", redis.Options{}, redis.Options{}, false},
		{"one signs", redis.Options{}, redis.Options{SignKey: key}, false},
		{"one signs and wants it", redis.Options{}, redis.Options{SignKey: key, SignRequired: true}, true},
		{"the other wants it", redis.Options{SignKey: key, SignRequired: true}, redis.Options{}, true},
		{"two keys", redis.Options{SignKey: key}, redis.Options{SignKey: another}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log syncBuffer
			tt.first.URL, tt.first.Prefix, tt.first.Pod = url, tt.name, "pod-a"
			tt.next.URL, tt.next.Prefix, tt.next.Logger = url, tt.name, slog.New(slog.NewTextHandler(&log, nil))
			start(t, tt.first, newSink(), "/")
			start(t, tt.next, newSink(), "/")
			lines := log.String()
			if strings.Contains(lines, "pod=pod-a") != tt.told || strings.Contains(lines, "key-") {
				t.Errorf("told %v, want %v, and no key in:\n%s", !tt.told, tt.told, lines)
			}
		})
	}
}
