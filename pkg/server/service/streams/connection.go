package streams

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

// ErrOptions is returned for options that can't work.
var ErrOptions = errors.New("redis streams options")

var errNotConnected = errors.New("not connected to redis")

const (
	dialTimeout = 5 * time.Second
	ioTimeout   = 10 * time.Second
)

// clientOption makes rueidis's options of a URL, and the dialer that they use. No
// error has text of the URL in it, which may be the password.
func clientOption(raw string, config *tls.Config) (rueidis.ClientOption, *redisconn.Dialer, error) {
	target, err := redisconn.Parse(raw, config)
	if err != nil {
		return rueidis.ClientOption{}, nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	dialer := redisconn.NewDialer(target, dialTimeout)
	opt := target.RoutedOption(dialer)
	if target.Kind == redisconn.Single { // rueidis finds out whether it is a node of a Cluster
		opt.InitAddress, opt.ForceSingleClient = target.Addrs, false
	}
	opt.ClientName = "rtk-streams"
	opt.DisableCache = true
	opt.DisableRetry = true // a second try could add a command twice
	opt.AlwaysPipelining = true
	opt.BlockingPoolSize = 4
	opt.Dialer = net.Dialer{Timeout: dialTimeout}
	opt.ConnWriteTimeout = ioTimeout
	return opt, dialer, nil
}

// connection makes a client as soon as Redis lets it; rueidis redials by itself,
// but only after a first success.
type connection struct {
	option rueidis.ClientOption
	dialer *redisconn.Dialer

	made atomic.Pointer[rueidis.Client]

	mu     sync.Mutex // held while dialling
	closed bool
}

// dial returns the client, and makes it if need be.
func (c *connection) dial() (rueidis.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errNotConnected
	}
	if made := c.made.Load(); made != nil {
		return *made, nil
	}
	client, err := rueidis.NewClient(c.option)
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, err
	}
	c.made.Store(&client)
	return client, nil
}

// get returns the client if there is one.
func (c *connection) get() (rueidis.Client, error) {
	if made := c.made.Load(); made != nil {
		return *made, nil
	}
	return nil, errNotConnected
}

func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if made := c.made.Swap(nil); made != nil {
		(*made).Close()
	}
	c.dialer.Close()
}

// backoff waits longer after each failure in a row; false when ctx ends.
type backoff struct{ failures int }

func (b *backoff) wait(ctx context.Context) bool {
	d := min(50*time.Millisecond<<min(b.failures, 10), 5*time.Second)
	b.failures++
	return sleep(ctx, d/2+rand.N(d/2))
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Names of the streams beside the commands'. The braces keep them in the slot of
// the commands on a Redis Cluster.
func replyName(stream, pod string) string { return tagged(stream) + ":reply:" + pod }
func deadName(stream string) string       { return tagged(stream) + ":dead" }

func tagged(stream string) string {
	if strings.ContainsAny(stream, "{}") {
		return stream
	}
	return "{" + stream + "}"
}
