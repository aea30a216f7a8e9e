// Package redis shares throttle buckets between the pods of a cluster: a bucket
// is a key in Redis that a script reads and writes in one step, on the clock of
// the Redis server.
//
// A decision is waited for at most [Options.Wait]. When it does not come in that
// time, or the connection is down, the pod decides by its own buckets: a cluster
// of n pods then lets up to n times the limit through, and nobody is locked out.
//
// It imports pkg/server/throttle and rueidis, so that a program that embeds the
// server links Redis only if it asks for it.
package redis

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// DefaultWait is how long a decision is waited for.
const DefaultWait = 25 * time.Millisecond

const (
	probeEvery  = time.Second // the connection is tried this often, and made anew
	dialTimeout = 3 * time.Second
	ioTimeout   = 3 * time.Second
)

// script is GCRA (ITU-T I.371) over microseconds of the server's clock. The key
// lives until its bucket is full again. It returns the microseconds to wait, 0
// when the event may pass.
var script = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = (tonumber(t[1]) - 1700000000) * 1000000 + tonumber(t[2])
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local span = interval * tonumber(ARGV[3])
local room = math.max(tolerance - (span - interval), 0)
local ahead = math.max((tonumber(redis.call('GET', KEYS[1])) or 0) - now, 0)
if ahead > room then return math.ceil(ahead - room) end
local left = ahead + span
redis.call('SET', KEYS[1], string.format('%.3f', now + left), 'PX', math.ceil(left / 1000) + 1)
return 0
`)

// Options of a Shared.
type Options struct {
	// URL is redis://[user:password@]host[:port][/db], or rediss:// for TLS, or
	// one of Sentinels or of a Cluster: redis+sentinel://…/MASTER,
	// redis+cluster://…
	URL    string
	Prefix string // of the keys, PREFIX:throttle:…; "" is "rtk"
	// TLS is used for rediss://; nil means the system's roots and the URL's host.
	TLS *tls.Config
	// Wait bounds the time that one decision takes; 0 is DefaultWait.
	Wait   time.Duration
	Logger *slog.Logger // nil: none
}

// Shared is a throttle.Shared over Redis. It is safe for concurrent use.
type Shared struct {
	opts   Options
	prefix string
	log    *slog.Logger
	option rueidis.ClientOption
	dialer *redisconn.Dialer
	stop   context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup

	client atomic.Pointer[rueidis.Client]
	up     atomic.Bool
}

var _ throttle.Shared = (*Shared)(nil)

// New checks the options and starts to connect in the background. An error
// never quotes the URL, which may hold a password.
func New(o Options) (*Shared, error) {
	target, err := redisconn.Parse(o.URL, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("throttle: %w", err)
	}
	if o.Wait <= 0 {
		o.Wait = DefaultWait
	}
	if o.Prefix == "" {
		o.Prefix = "rtk"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Shared{opts: o, prefix: o.Prefix + ":throttle:", log: o.Logger}
	s.dialer = redisconn.NewDialer(target, dialTimeout)
	s.option = target.RoutedOption(s.dialer)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.option.DisableCache = true
	s.option.DisableRetry = true    // a second try would count twice
	s.option.PipelineMultiplex = -1 // one connection to a server, which the probe keeps dialled
	s.option.AlwaysPipelining = true
	s.option.ClientName = "rtk"
	s.option.Dialer = net.Dialer{Timeout: dialTimeout}
	s.option.ConnWriteTimeout = ioTimeout
	s.option.DialCtxFn = s.dial
	s.wg.Go(s.run)
	return s, nil
}

// AllowN implements throttle.Shared.
func (s *Shared) AllowN(key string, l throttle.Limit, n int) (ok bool, retryAfter time.Duration, known bool) {
	if l.Off() || n <= 0 {
		return true, 0, true
	}
	c := s.client.Load()
	if c == nil || !s.up.Load() {
		return false, 0, false
	}
	ctx, cancel := context.WithTimeout(context.WithValue(s.ctx, noDialKey{}, true), s.opts.Wait)
	defer cancel()
	interval := 1e6 / l.Rate
	wait, err := script.Exec(ctx, *c, []string{s.key(key)}, []string{
		number(interval), number(interval * float64(max(l.Burst, 1)-1)), strconv.Itoa(n),
	}).AsInt64()
	if err != nil {
		s.lost(err)
		return false, 0, false
	}
	return wait == 0, time.Duration(wait) * time.Microsecond, true
}

// Close disconnects and waits for what runs.
func (s *Shared) Close() {
	s.stop()
	defer s.dialer.Close()
	s.dialer.Abort()
	s.wg.Wait()
}

// key bounds the length, and keeps who is throttled out of Redis.
func (s *Shared) key(key string) string {
	sum := sha256.Sum256([]byte(key))
	return s.prefix + hex.EncodeToString(sum[:16])
}

func number(f float64) string { return strconv.FormatFloat(min(f, math.MaxInt32*1e6), 'f', 6, 64) }

// noDialKey marks the context of a decision: it must not wait for a dial.
type noDialKey struct{}

var errNotConnected = errors.New("not connected")

func (s *Shared) dial(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	if ctx.Value(noDialKey{}) != nil {
		return nil, errNotConnected
	}
	return s.dialer.Dial(ctx, addr, d, config)
}

// lost notes that decisions are local until a probe succeeds.
func (s *Shared) lost(err error) {
	if s.up.CompareAndSwap(true, false) && s.ctx.Err() == nil {
		s.log.Warn("shared throttle: Redis does not answer in time, this pod decides by itself", "error", err)
	}
}

// run connects and probes until Close.
func (s *Shared) run() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		s.probe()
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.up.Store(false)
			if c := s.client.Load(); c != nil {
				(*c).Close()
			}
			return
		}
	}
}

func (s *Shared) probe() {
	c := s.client.Load()
	if c == nil {
		client, err := rueidis.NewClient(s.option)
		if err != nil {
			return
		}
		c = &client
		s.client.Store(c)
	}
	ctx, cancel := context.WithTimeout(s.ctx, ioTimeout)
	defer cancel()
	start := time.Now()
	for _, node := range (*c).Nodes() { // of a Cluster all: each has buckets
		if err := node.Do(ctx, node.B().Ping().Build()).Error(); err != nil {
			s.lost(err)
			return
		}
	}
	if time.Since(start) <= s.opts.Wait && s.up.CompareAndSwap(false, true) {
		s.log.Info("shared throttle: connected to Redis")
	}
}
