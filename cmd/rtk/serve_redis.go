package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// minSignKey is the length below which a key for HMAC-SHA256 can be guessed.
const minSignKey = 16

// redisFlags say how the pods are connected.
type redisFlags struct {
	redis, redisPrefix, redisAdapter string

	redisSpecific     bool
	redisSubscribe    string
	redisShardedMode  string
	redisStream       string
	redisStreamCount  int
	redisStreamMaxLen int
	redisStreamShard  bool
	redisSignKey      string
	redisSignRequired bool
	redisTLS          redisTLSFlags
	printRedisACL     bool

	// backplane is what they come to, without a log. checkRedis sets it.
	backplane redis.Options
}

// register adds all flags, of a pod.
func (r *redisFlags) register(fl *pflag.FlagSet) {
	r.registerSender(fl, " (default this pod alone)")
	fl.BoolVar(&r.redisSpecific, "redis-specific-responses", false, "classic: answer on the channel of the one who asked, publishOnSpecificResponseChannel of Node")
	fl.StringVar(&r.redisSubscribe, "redis-subscribe", subscribePattern, "classic: hear all rooms with one pattern, or rooms: only those that have members here")
	fl.BoolVar(&r.redisSignRequired, "redis-sign-required", false, "refuse what is not signed, as Node's messages are not")
	fl.BoolVar(&r.printRedisACL, "print-redis-acl", false, "print the ACL SETUSER that gives a Redis user the rights that this configuration needs, and end")
}

// registerSender adds the flags that who only sends needs too.
func (r *redisFlags) registerSender(fl *pflag.FlagSet, none string) {
	r.redisSubscribe = subscribePattern
	fl.StringVar(&r.redis, "redis", "", "`URL` of the Redis that connects the pods: redis://HOST:PORT, rediss:// with TLS, redis+sentinel://HOST:PORT,…/MASTER or redis+cluster://HOST:PORT,…"+none)
	fl.StringVar(&r.redisPrefix, "redis-prefix", redisadapter.DefaultPrefix, "prefix of the channels, the key of @socket.io/redis-adapter")
	fl.StringVar(&r.redisAdapter, "redis-adapter", string(redis.Classic), "adapter of all servers on the prefix: classic, sharded (Redis 7) or streams")
	fl.StringVar(&r.redisShardedMode, "redis-sharded-mode", string(redis.Dynamic), "sharded: subscriptionMode of Node, static, dynamic or dynamic-private")
	fl.StringVar(&r.redisStream, "redis-stream", redisadapter.DefaultPrefix, "streams: streamName of Node")
	fl.IntVar(&r.redisStreamCount, "redis-stream-count", 1, "streams: streamCount of Node")
	fl.IntVar(&r.redisStreamMaxLen, "redis-stream-maxlen", 10_000, "streams: maxLen of Node, about how many messages the stream keeps")
	fl.BoolVar(&r.redisStreamShard, "redis-stream-sharded", false, "streams: useShardedPubSub of Node (Redis 7)")
	fl.StringVar(&r.redisSignKey, "redis-sign-key", "", "key that what the pods send each other is signed with (HMAC-SHA256), which Node ignores: literal, @FILE or environment; at least 16 bytes")
	r.redisTLS.register(fl)
}

// The values of --redis-subscribe.
const (
	subscribePattern = "pattern"
	subscribeRooms   = "rooms"
)

var (
	adapterNames = []string{string(redis.Classic), string(redis.Sharded), string(redis.Streams)}
	shardedModes = []string{string(redis.Static), string(redis.Dynamic), string(redis.DynamicPrivate)}
)

// ofAdapter are the flags that only one adapter has.
var ofAdapter = map[redis.Adapter][]string{
	redis.Classic: {"redis-specific-responses", "redis-subscribe"},
	redis.Sharded: {"redis-sharded-mode"},
	redis.Streams: {"redis-stream", "redis-stream-count", "redis-stream-maxlen", "redis-stream-sharded"},
}

// checkRedis checks the flags and fills in f.backplane. No error quotes the URL:
// it may hold a password.
func (f *serveFlags) checkRedis(env *Env) error {
	if f.redis == "" && f.printRedisACL {
		return hint(usagef("--print-redis-acl needs --redis: what is needed depends on it"), "add   --redis redis://127.0.0.1:6379")
	}
	if f.redis == "" {
		return f.checkNoRedis()
	}
	o := redis.Options{
		URL: f.redis, Prefix: f.redisPrefix, Adapter: redis.Adapter(f.redisAdapter),
		SpecificResponses: f.redisSpecific, RoomSubscriptions: f.redisSubscribe == subscribeRooms,
		ShardedMode: redis.ShardedMode(f.redisShardedMode),
		Stream:      f.redisStream, StreamCount: f.redisStreamCount, StreamMaxLen: f.redisStreamMaxLen, StreamSharded: f.redisStreamShard,
		SignRequired: f.redisSignRequired,
	}
	for _, choice := range []struct {
		flag, value string
		of          []string
	}{
		{"redis-adapter", f.redisAdapter, adapterNames},
		{"redis-subscribe", f.redisSubscribe, []string{subscribePattern, subscribeRooms}},
		{"redis-sharded-mode", f.redisShardedMode, shardedModes},
	} {
		if !slices.Contains(choice.of, choice.value) {
			return usagef("--%s %q%s; want %s", choice.flag, choice.value, nearest.Hint(choice.value, choice.of), orList(choice.of))
		}
	}
	for adapter, names := range ofAdapter {
		for _, name := range names {
			if adapter != o.Adapter && f.changed(name) {
				return hint(usagef("--%s is of the %s adapter, and --redis-adapter is %s", name, adapter, o.Adapter),
					"add   --redis-adapter "+string(adapter)+"   or leave --"+name+" out")
			}
		}
	}
	if err := redisadapter.CheckName(o.Prefix); err != nil {
		return hint(usagef("--redis-prefix %w: the pods would hear other prefixes too", err), "take letters, digits, '.', ':' and '-'")
	}
	if o.Prefix == "" {
		return usagef("--redis-prefix is set and empty")
	}
	if o.Stream == "" {
		return usagef("--redis-stream is set and empty")
	}
	if o.StreamCount < 1 || o.StreamMaxLen < 1 {
		return usagef("--redis-stream-count and --redis-stream-maxlen must be at least 1")
	}
	key, err := f.secret(env, "redis-sign-key", f.redisSignKey)
	if err != nil {
		return err
	}
	switch {
	case key != "" && len(key) < minSignKey:
		return usagef("--redis-sign-key: %d bytes, want at least %d", len(key), minSignKey)
	case key == "" && f.redisSignRequired:
		return hint(usagef("--redis-sign-required needs a key"), "add   --redis-sign-key @FILE")
	case key != "":
		o.SignKey = []byte(key)
	}
	if o.TLS, err = f.redisTLS.config(o.URL); err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return usagef("--redis: %s", strings.TrimPrefix(err.Error(), redis.ErrOptions.Error()+": "))
	}
	f.backplane = o
	return nil
}

// checkNoRedis refuses flags that do nothing for a pod alone.
func (f *serveFlags) checkNoRedis() error {
	var errs []error
	names := []string{"redis-adapter", "redis-sign-key", "redis-sign-required"}
	for _, of := range ofAdapter {
		names = append(names, of...)
	}
	for _, name := range append(names, redisTLSNames...) {
		if f.changed(name) {
			errs = append(errs, usagef("--%s does nothing without --redis", name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return hint(errors.Join(errs...), "add   --redis redis://127.0.0.1:6379")
}

// orList writes "a, b or c".
func orList(words []string) string {
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " or " + words[n]
}

// newPodID is a name that no other pod has.
func newPodID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "pod"
	}
	return host + "-" + strings.ToLower(rand.Text()[:6])
}

// notStarted is the error of a gateway that would not start. What the pod was
// told to do and the cluster forbids is a mistake of its configuration.
func notStarted(err error) error {
	err = fmt.Errorf("start the gateway: %w", err)
	if errors.Is(err, redisadapter.ErrGlob) {
		return hint(&usageError{err}, "the other pods are heard by a pattern with the namespace in it: take another name")
	}
	if errors.Is(err, redis.ErrAdapters) || errors.Is(err, redis.ErrOptions) {
		return hint(&usageError{err}, "see who is there with   rtk interop URL")
	}
	if strings.Contains(err.Error(), "cluster support disabled") { // what Redis answers to CLUSTER
		return hint(&usageError{err}, "this Redis is no Cluster: write redis:// for redis+cluster:// in --redis")
	}
	return err
}
