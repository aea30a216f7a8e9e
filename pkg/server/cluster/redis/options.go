package redis

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// Adapter names the npm adapter whose bytes a backplane speaks. All servers on
// one prefix must have the same.
type Adapter string

// The adapters.
const (
	// Classic is createAdapter of @socket.io/redis-adapter: PUBLISH, any Redis.
	Classic Adapter = "classic"
	// Sharded is createShardedAdapter of the same package: SPUBLISH, Redis 7.
	Sharded Adapter = "sharded"
	// Streams is @socket.io/redis-streams-adapter: one stream that keeps what
	// was sent, which clients that come back are served from on any pod.
	Streams Adapter = "streams"
)

// ShardedMode says which rooms have a channel of their own in the sharded
// adapter. All servers of a cluster must have the same.
type ShardedMode string

// The modes of the sharded adapter.
const (
	Static         ShardedMode = "static"          // none
	Dynamic        ShardedMode = "dynamic"         // those that are not a socket id; the default
	DynamicPrivate ShardedMode = "dynamic-private" // all
)

// Options configures New. Only URL is required.
type Options struct {
	// URL is redis://[user:password@]host[:port][/db], or rediss:// for TLS;
	// redis+sentinel://[user:password@]host:port,…/MASTER[/db] asks Sentinels for
	// the master, redis+cluster://[user:password@]host:port,… is a Redis Cluster.
	// The password never shows in an error, log or status.
	URL string
	// Adapter is Classic when empty.
	Adapter Adapter
	// SpecificResponses sends answers on the channel of the one who asked, as
	// publishOnSpecificResponseChannel of the classic adapter does; off, all
	// servers hear all answers. Both are always understood.
	SpecificResponses bool
	// RoomSubscriptions has a classic adapter subscribe to each room that its
	// pod has members in, instead of to a pattern that takes all rooms: Redis
	// then sends the pod only what it can use, for a subscription each.
	RoomSubscriptions bool
	// ShardedMode is Dynamic when empty.
	ShardedMode ShardedMode
	// Stream, StreamCount, StreamMaxLen are the streams adapter's streamName
	// ("socket.io" when empty), streamCount (1) and maxLen (10000, about).
	// StreamSharded is its useShardedPubSub.
	Stream        string
	StreamCount   int
	StreamMaxLen  int
	StreamSharded bool
	// SignKey, when set, signs what the pod publishes with HMAC-SHA256 in a
	// place that Node servers ignore, and refuses what is signed with another
	// key. SignRequired also refuses what is not signed, as Node's is.
	SignKey      []byte
	SignRequired bool
	// TLS is used for rediss://; nil means the system's roots and the URL's
	// host name.
	TLS *tls.Config
	// Prefix is the adapter's key: pods with the same prefix form a cluster.
	// "socket.io" when empty.
	Prefix string
	// Pod and Version are what the pod is called, and what it runs, in what rtk
	// interop prints and in errors of other pods. Both may be empty.
	Pod, Version string
	// Logger receives connects and losses; nil logs nothing.
	Logger *slog.Logger

	// OutboxMessages and OutboxBytes bound what waits to be published; over
	// them the oldest is dropped and counted in Status.Dropped. 65536 and
	// 32 MiB when zero.
	OutboxMessages int
	OutboxBytes    int
	// OutboxAge bounds how long a message waits to be published: what is older
	// when Redis is back is dropped and counted in Status.Dropped. 1 min when
	// zero, since who was away for longer asks for the state anew.
	OutboxAge time.Duration
	// InboxMessages and InboxBytes bound, for each namespace, what waits to be
	// delivered; over them the oldest is dropped and counted in
	// Status.Overrun. 65536 and 64 MiB when zero.
	InboxMessages int
	InboxBytes    int

	// HeartbeatInterval is how often the pod sends itself a message through
	// Redis; without one for HeartbeatTimeout the status is degraded. 1 s and
	// 3 s when zero.
	HeartbeatInterval time.Duration
	HeartbeatTimeout  time.Duration
	// DialTimeout bounds one try to connect; 5 s when zero.
	DialTimeout time.Duration
	// IOTimeout bounds how long Redis may take to answer before the
	// connection is given up; 10 s when zero. It is longer than the heartbeat's
	// because a server that is only slow will still execute what it was sent.
	IOTimeout time.Duration
}

// ErrOptions is returned for options that can't work.
var ErrOptions = errors.New("redis backplane options")

// Check reports options that can't work, of the URL too, without text of it.
func (o Options) Check() error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	if _, err := redisconn.Parse(o.URL, o.TLS); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return nil
}

// maxStreamCount bounds StreamCount: more streams than a Redis Cluster has slots
// spread nothing further.
const maxStreamCount = 16384

func (o Options) withDefaults() (Options, error) {
	o.Adapter = cmp.Or(o.Adapter, Classic)
	o.Prefix = cmp.Or(o.Prefix, redisadapter.DefaultPrefix)
	o.ShardedMode = cmp.Or(o.ShardedMode, Dynamic)
	o.Stream = cmp.Or(o.Stream, redisadapter.DefaultPrefix)
	o.StreamCount = cmp.Or(o.StreamCount, 1)
	o.StreamMaxLen = cmp.Or(o.StreamMaxLen, 10_000)
	o.OutboxMessages = cmp.Or(o.OutboxMessages, 1<<16)
	o.OutboxBytes = cmp.Or(o.OutboxBytes, 32<<20)
	o.OutboxAge = cmp.Or(o.OutboxAge, time.Minute)
	o.InboxMessages = cmp.Or(o.InboxMessages, 1<<16)
	o.InboxBytes = cmp.Or(o.InboxBytes, 64<<20)
	o.HeartbeatInterval = cmp.Or(o.HeartbeatInterval, time.Second)
	o.HeartbeatTimeout = cmp.Or(o.HeartbeatTimeout, 3*o.HeartbeatInterval)
	o.DialTimeout = cmp.Or(o.DialTimeout, 5*time.Second)
	o.IOTimeout = cmp.Or(o.IOTimeout, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := redisadapter.CheckName(o.Prefix); err != nil {
		return o, fmt.Errorf("%w: prefix %w", ErrOptions, err)
	}
	if err := redisadapter.CheckSignKey(o.SignKey); err != nil {
		return o, fmt.Errorf("%w: sign key: %w", ErrOptions, err)
	}
	if o.SignRequired && len(o.SignKey) == 0 {
		return o, fmt.Errorf("%w: signatures are required, but there is no key to check them with", ErrOptions)
	}
	if o.StreamCount < 0 || o.StreamCount > maxStreamCount {
		return o, fmt.Errorf("%w: %d streams: want 1 to %d", ErrOptions, o.StreamCount, maxStreamCount)
	}
	if min(o.OutboxMessages, o.OutboxBytes, o.InboxMessages, o.InboxBytes) < 0 {
		return o, fmt.Errorf("%w: a queue bound is negative", ErrOptions)
	}
	if min(o.HeartbeatInterval, o.DialTimeout, o.IOTimeout, o.OutboxAge) < 0 {
		return o, fmt.Errorf("%w: a duration is negative", ErrOptions)
	}
	if o.HeartbeatTimeout < o.HeartbeatInterval {
		return o, fmt.Errorf("%w: heartbeat timeout %s is shorter than the interval %s", ErrOptions, o.HeartbeatTimeout, o.HeartbeatInterval)
	}
	return o, nil
}
