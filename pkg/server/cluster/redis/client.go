package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

// bufferSize is for each direction of each connection.
const bufferSize = 128 << 10

// connector makes the clients of a backplane: one connected to the server that
// the URL means, which follows a failover by dialling again, and where keys or
// sharded channels need it one that goes to the server of each. rueidis redials
// by itself, but only after a first success.
type connector struct {
	target  *redisconn.Target
	dialer  *redisconn.Dialer
	options Options

	mu      sync.Mutex
	closed  bool
	clients map[string]*lazyClient // by address; AnyNode's and byKey's among them
}

// lazyClient is made at its first use, without the connector's lock: a server
// that doesn't answer must not hold up the others.
type lazyClient struct {
	mu     sync.Mutex
	client rueidis.Client
}

// newConnector reads the URL. No error has text of it.
func newConnector(o Options) (*connector, error) {
	target, err := redisconn.Parse(o.URL, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return &connector{
		target:  target,
		dialer:  redisconn.NewDialer(target, o.DialTimeout),
		options: o,
		clients: make(map[string]*lazyClient),
	}, nil
}

// tune sets what doesn't follow from the URL.
func (c *connector) tune(opt rueidis.ClientOption) rueidis.ClientOption {
	opt.ClientName = "rtk"
	opt.PipelineMultiplex = -1 // one connection to publish on, so that order holds
	opt.BlockingPoolSize = 2   // the subscription, and the next one while the old is given back
	opt.DisableCache = true
	opt.DisableRetry = true // a second try would publish twice
	opt.AlwaysPipelining = true
	opt.MaxFlushDelay = flushDelay
	opt.ReadBufferEachConn = bufferSize
	opt.WriteBufferEachConn = bufferSize
	opt.Dialer = net.Dialer{Timeout: c.options.DialTimeout, KeepAlive: keepAlive}
	opt.ConnWriteTimeout = c.options.IOTimeout
	opt.DialCtxFn = c.dial
	return opt
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

// dial connects in a way that abort ends: rueidis dials and shakes hands without
// a context of ours.
func (c *connector) dial(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	if ctx.Value(noDialKey{}) != nil {
		return nil, errNotConnected
	}
	return c.dialer.Dial(ctx, addr, d, config)
}

var errConnectorClosed = errors.New("client is closed")

// get returns the client of the one server: that of the URL, the master that
// Sentinels name, or any node of a Cluster, which is enough to publish and to
// subscribe but not for keys.
func (c *connector) get() (rueidis.Client, error) { return c.node(redisconn.AnyNode) }

// byKey returns a client that goes to the server of each command's key. It is
// the same as get but with a Cluster, where a command may dial, and where all
// keys of one command must have the same slot.
func (c *connector) byKey() (rueidis.Client, error) {
	if c.target.Kind != redisconn.Cluster {
		return c.get()
	}
	return c.client("by key", c.target.RoutedOption(c.dialer))
}

// stream returns a client of its own for one stream: reading it holds a
// connection for as long as nothing comes.
func (c *connector) stream(key string) (rueidis.Client, error) {
	return c.client("stream "+key, c.target.RoutedOption(c.dialer))
}

// node returns the client of the server at addr, which redisconn's Map names.
func (c *connector) node(addr string) (rueidis.Client, error) {
	opt := c.target.Option(c.dialer)
	opt.InitAddress = []string{addr}
	return c.client(addr, opt)
}

// client returns the client with a name and makes it if need be.
func (c *connector) client(name string, opt rueidis.ClientOption) (rueidis.Client, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errConnectorClosed
	}
	lazy := c.clients[name]
	if lazy == nil {
		lazy = new(lazyClient)
		c.clients[name] = lazy
	}
	c.mu.Unlock()
	lazy.mu.Lock()
	defer lazy.mu.Unlock()
	if lazy.client != nil {
		return lazy.client, nil
	}
	client, err := rueidis.NewClient(c.tune(opt))
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, err
	}
	lazy.client = client
	return client, nil
}

func (l *lazyClient) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != nil {
		l.client.Close()
	}
}

// abort ends all dials and connections.
func (c *connector) abort() { c.dialer.Abort() }

// close ends the clients for good. Its callers must have returned, or abort must
// have been called.
func (c *connector) close() {
	c.mu.Lock()
	c.closed = true
	clients := c.clients
	c.clients = nil
	c.mu.Unlock()
	for _, client := range clients {
		client.close()
	}
	c.dialer.Close()
}

// permanent reports whether an error of a connect will still be there on the
// next try: Redis refused the credentials or the database, or its certificate
// is not trusted.
func permanent(err error) bool {
	if re, ok := errors.AsType[*rueidis.RedisError](err); ok {
		return !passing(re)
	}
	if refused, ok := errors.AsType[redisconn.Refused](err); ok {
		return !passing(refused)
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
func passing(err error) bool {
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
