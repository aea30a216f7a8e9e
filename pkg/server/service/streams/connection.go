package streams

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// ErrOptions is returned for options that can't work.
var ErrOptions = errors.New("redis streams options")

var errNotConnected = errors.New("not connected to redis")

const (
	dialTimeout = 5 * time.Second
	ioTimeout   = 10 * time.Second
)

// clientOption makes rueidis's options of a URL. No error has text of the URL in
// it, which may be the password.
func clientOption(raw string, config *tls.Config) (rueidis.ClientOption, error) {
	const form = "redis://[user:password@]host[:port][/db], or rediss:// for TLS"
	var opt rueidis.ClientOption
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return opt, fmt.Errorf("%w: redis: want %s", ErrOptions, form)
	}
	switch u.Scheme {
	case "redis", "valkey":
	case "rediss", "valkeys":
		opt.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if config != nil {
			opt.TLSConfig = config.Clone()
		}
		if opt.TLSConfig.ServerName == "" {
			opt.TLSConfig.ServerName = u.Hostname()
		}
	default:
		return opt, fmt.Errorf("%w: redis: want %s", ErrOptions, form)
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	if db := strings.TrimPrefix(u.Path, "/"); db != "" {
		if opt.SelectDB, err = strconv.Atoi(db); err != nil || opt.SelectDB < 0 {
			return opt, fmt.Errorf("%w: redis: the path is not a database number: want %s", ErrOptions, form)
		}
	}
	opt.InitAddress = []string{net.JoinHostPort(u.Hostname(), port)}
	opt.Username = u.User.Username()
	opt.Password, _ = u.User.Password()
	opt.ClientName = "rtk-streams"
	opt.DisableCache = true
	opt.DisableRetry = true // a second try could add a command twice
	opt.AlwaysPipelining = true
	opt.BlockingPoolSize = 4
	opt.Dialer = net.Dialer{Timeout: dialTimeout}
	opt.ConnWriteTimeout = ioTimeout
	return opt, nil
}

// connection makes a client as soon as Redis lets it; rueidis redials by itself,
// but only after a first success.
type connection struct {
	option rueidis.ClientOption

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
