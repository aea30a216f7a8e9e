package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"
)

// bufferSize is for each direction of each of the two connections.
const bufferSize = 128 << 10

// clientOption turns the options into rueidis's. No error has text of the URL in
// it: url.Parse quotes what it can't read, and that may be the password.
func clientOption(o Options) (rueidis.ClientOption, error) {
	const form = "redis://[user:password@]host[:port][/db], or rediss:// for TLS"
	var opt rueidis.ClientOption
	u, err := url.Parse(o.URL)
	if err != nil {
		return opt, fmt.Errorf("%w: URL can't be parsed: want %s, special characters of the password as %%XX", ErrOptions, form)
	}
	switch u.Scheme {
	case "redis", "valkey":
	case "rediss", "valkeys":
		opt.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			opt.TLSConfig = o.TLS.Clone()
		}
		if opt.TLSConfig.ServerName == "" {
			opt.TLSConfig.ServerName = u.Hostname()
		}
	default:
		return opt, fmt.Errorf("%w: URL scheme is not redis or rediss: want %s", ErrOptions, form)
	}
	if u.Hostname() == "" {
		return opt, fmt.Errorf("%w: URL has no host: want %s", ErrOptions, form)
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	if db := strings.TrimPrefix(u.Path, "/"); db != "" {
		if opt.SelectDB, err = strconv.Atoi(db); err != nil || opt.SelectDB < 0 {
			return opt, fmt.Errorf("%w: URL path is not a database number: want %s", ErrOptions, form)
		}
	}
	opt.InitAddress = []string{net.JoinHostPort(u.Hostname(), port)}
	opt.Username = u.User.Username()
	opt.Password, _ = u.User.Password()
	opt.ClientName = "rtk"

	opt.ForceSingleClient = true // pub/sub of any one node carries all of a Redis Cluster
	opt.PipelineMultiplex = -1   // one connection to publish on, so that order holds
	opt.BlockingPoolSize = 2     // the subscription, and the next one while the old is given back
	opt.DisableCache = true
	opt.DisableRetry = true // a second try would publish twice
	opt.AlwaysPipelining = true
	opt.MaxFlushDelay = flushDelay
	opt.ReadBufferEachConn = bufferSize
	opt.WriteBufferEachConn = bufferSize
	opt.Dialer = net.Dialer{Timeout: o.DialTimeout, KeepAlive: keepAlive}
	opt.ConnWriteTimeout = o.IOTimeout
	return opt, nil
}

// connector makes the client once and shares it: rueidis redials by itself, but
// only after a first success.
type connector struct {
	option rueidis.ClientOption
	ctx    context.Context // ends all dials and connections
	abort  context.CancelFunc

	mu     sync.Mutex
	client rueidis.Client
	closed bool
}

func newConnector(option rueidis.ClientOption) *connector {
	c := &connector{option: option}
	c.ctx, c.abort = context.WithCancel(context.Background())
	c.option.DialCtxFn = c.dial
	return c
}

// errNotConnected is returned for a command under noDial when there is no
// connection: certainly nothing was sent.
var errNotConnected = errors.New("not connected")

type noDialKey struct{}

// noDial keeps a command from dialling. rueidis dials on demand, with the
// context of the command that demands it; an error could then not tell a command
// that was never sent from one that Redis may have had.
func noDial(ctx context.Context) context.Context {
	return context.WithValue(ctx, noDialKey{}, true)
}

// dial connects as rueidis would, but in a way that abort ends: rueidis dials
// and shakes hands without a context of ours.
func (c *connector) dial(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	if ctx.Value(noDialKey{}) != nil {
		return nil, errNotConnected
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	var conn net.Conn
	var err error
	if config != nil {
		conn, err = (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, "tcp", addr)
	} else {
		conn, err = d.DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		return nil, err
	}
	return &abortable{Conn: conn, stop: context.AfterFunc(c.ctx, func() { _ = conn.Close() })}, nil
}

// abortable is a connection that the connector's abort closes.
type abortable struct {
	net.Conn
	stop func() bool
}

// Close closes the connection and forgets it.
func (c *abortable) Close() error {
	c.stop()
	return c.Conn.Close()
}

var errConnectorClosed = errors.New("client is closed")

func (c *connector) get() (rueidis.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errConnectorClosed
	}
	if c.client != nil {
		return c.client, nil
	}
	client, err := rueidis.NewClient(c.option)
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, err
	}
	c.client = client
	return client, nil
}

// close ends the client for good. Its callers must have returned, or abort must
// have been called.
func (c *connector) close() {
	defer c.abort()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.client != nil {
		c.client.Close()
	}
}

// permanent reports whether an error of a connect will still be there on the
// next try: Redis refused the credentials or the database, or its certificate
// is not trusted.
func permanent(err error) bool {
	if re, ok := errors.AsType[*rueidis.RedisError](err); ok {
		return !passing(re)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	return false
}

// passing reports whether an error answer says that Redis is not ready yet.
func passing(err *rueidis.RedisError) bool {
	for _, prefix := range []string{"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "ERR max number of clients"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return true
		}
	}
	return false
}

// reason is the text of an error for people, short and without secrets.
func reason(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, rueidis.ErrClosing):
		return "connection closed"
	}
	return err.Error()
}
