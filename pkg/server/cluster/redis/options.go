package redis

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// Options configures New. Only URL is required.
type Options struct {
	// URL is redis://[user:password@]host[:port][/db], or rediss:// for TLS.
	// The password never shows in an error, log or status.
	URL string
	// TLS is used for rediss://; nil means the system's roots and the URL's
	// host name.
	TLS *tls.Config
	// Prefix is the adapter's key: pods with the same prefix form a cluster.
	// "socket.io" when empty.
	Prefix string
	// Logger receives connects and losses; nil logs nothing.
	Logger *slog.Logger

	// OutboxMessages and OutboxBytes bound what waits to be published; over
	// them the oldest is dropped and counted in Status.Dropped. 65536 and
	// 32 MiB when zero.
	OutboxMessages int
	OutboxBytes    int
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

func (o Options) withDefaults() (Options, error) {
	o.Prefix = cmp.Or(o.Prefix, redisadapter.DefaultPrefix)
	o.OutboxMessages = cmp.Or(o.OutboxMessages, 1<<16)
	o.OutboxBytes = cmp.Or(o.OutboxBytes, 32<<20)
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
	if min(o.OutboxMessages, o.OutboxBytes, o.InboxMessages, o.InboxBytes) < 0 {
		return o, fmt.Errorf("%w: a queue bound is negative", ErrOptions)
	}
	if min(o.HeartbeatInterval, o.DialTimeout, o.IOTimeout) < 0 {
		return o, fmt.Errorf("%w: a duration is negative", ErrOptions)
	}
	if o.HeartbeatTimeout < o.HeartbeatInterval {
		return o, fmt.Errorf("%w: heartbeat timeout %s is shorter than the interval %s", ErrOptions, o.HeartbeatTimeout, o.HeartbeatInterval)
	}
	return o, nil
}
