package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// watchEvery is how often Sentinels are asked whether the master has changed
// while a connection to it stands: one that is cut off from the others may look
// well to its clients.
// mapPatience is how long the node that was asked for the map last may take,
// before another is asked.
// ErrClosed is returned by a Dialer after Close.
var ErrClosed = errors.New("redis dialer is closed")

// errReplica is returned when what should be the master says that it isn't:
// the Sentinels have not seen a failover through.
var errReplica = errors.New("the server is not a master yet")

// Dialer connects to the servers of one target. It keeps the connections it
// made, so that Close ends them, and with Sentinel closes those to a server that
// is the master no longer. It is safe for concurrent use.
type Dialer struct {
	target  *Target
	timeout time.Duration
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mapMu   sync.Mutex // held while the map is asked for
	mapConn *conn      // of the node that was asked last, nil for none

	mu       sync.Mutex
	conns    map[*conn]struct{}
	known    []string // nodes of a Cluster, those of the URL until one has told
	masters  []string // of them, as the last map had it
	first    int      // of the addresses, where the next search begins
	watching bool
	closed   bool
	last     string // the server that AnyNode meant last
	moves    uint64
}

// NewDialer makes a dialer; timeout bounds each connection's making, the search
// for the server included.
func NewDialer(t *Target, timeout time.Duration) *Dialer {
	d := &Dialer{target: t, timeout: timeout, conns: make(map[*conn]struct{}), known: t.Addrs}
	d.first = rand.IntN(len(t.Addrs)) // so that pods spread over what there is
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Abort ends all connections, dials and searches; later ones fail at once.
func (d *Dialer) Abort() {
	d.mu.Lock()
	d.closed = true
	conns := d.conns
	d.conns = nil
	d.mu.Unlock()
	d.cancel()
	for c := range conns {
		_ = c.Conn.Close()
	}
}

// Close is Abort and waits for what the dialer runs.
func (d *Dialer) Close() {
	d.Abort()
	d.wg.Wait()
}

// conn is a connection that the dialer knows.
type conn struct {
	net.Conn
	dialer *Dialer
	addr   string
}

// Close closes the connection and forgets it.
func (c *conn) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.conns, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}

// Dial is rueidis's DialCtxFn. It connects to addr, or for AnyNode to the server
// that the target means.
func (d *Dialer) Dial(ctx context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	if addr != AnyNode {
		return d.keep(d.dial(ctx, addr))
	}
	var c *conn
	var err error
	switch d.target.Kind {
	case Sentinel:
		c, err = d.dialMaster(ctx)
	case Cluster:
		c, err = d.dialNode(ctx)
	default:
		c, err = d.dial(ctx, d.target.Addrs[0])
	}
	if err == nil {
		d.note(c.addr)
	}
	return d.keep(c, err)
}

// note counts how often AnyNode has come to mean another server.
func (d *Dialer) note(addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last != "" && d.last != addr {
		d.moves++
	}
	d.last = addr
}

// Moves returns how often the Sentinels have named another master: what was
// subscribed to there has to be again. In a Cluster it doesn't matter which server
// one is connected to, so it returns 0.
// keep notes a connection.
func (d *Dialer) keep(c *conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = c.Conn.Close()
		return nil, ErrClosed
	}
	d.conns[c] = struct{}{}
	if d.target.Kind == Sentinel && !d.watching {
		d.watching = true
		d.wg.Go(d.watch)
	}
	return c, nil
}

func (d *Dialer) dial(ctx context.Context, addr string) (*conn, error) {
	nd := &net.Dialer{KeepAlive: 15 * time.Second}
	c := &conn{dialer: d, addr: addr}
	var err error
	if config := d.target.tlsFor(addr); config != nil {
		c.Conn, err = (&tls.Dialer{NetDialer: nd, Config: config}).DialContext(ctx, "tcp", addr)
	} else {
		c.Conn, err = nd.DialContext(ctx, "tcp", addr)
	}
	if err == nil {
		discard(c.Conn)
	}
	return c, err
}

// discard has the end of a connection discard what the network has not taken.
// Otherwise the kernel goes on sending it after Close, and it might arrive when the
// same has been sent again on another connection. Who closes in order has waited for
// the answers.
func discard(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

// login authenticates, so that a server can be asked before a client has the
// connection.
func login(ctx context.Context, c *conn, username, password string) error {
	if password == "" {
		return nil
	}
	args := []string{"AUTH", password}
	if username != "" {
		args = []string{"AUTH", username, password}
	}
	_, err := call(ctx, c, args...)
	return err
}

// dialMaster connects to the master that the Sentinels name and asks it whether
// it is one.
// each calls f with the addresses, beginning with the one that did last, until
// one does. An address gets its share of the time that is left.
func (d *Dialer) each(ctx context.Context, addrs []string, f func(context.Context, string) error) error {
	d.mu.Lock()
	first := d.first
	d.mu.Unlock()
	var last error
	for i := range addrs {
		n := (first + i) % len(addrs)
		share := d.timeout
		if until, ok := ctx.Deadline(); ok {
			share = time.Until(until) / time.Duration(len(addrs)-i)
		}
		one, cancel := context.WithTimeout(ctx, share)
		err := f(one, addrs[n])
		cancel()
		if err == nil {
			d.mu.Lock()
			d.first = n
			d.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return firstOf(last, err)
		}
		last = err
	}
	return last
}

// firstOf prefers what a server said to the end of the time.
func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// master asks the Sentinels for the master's address.
// watch closes connections to a server that is the master no longer.
// dialNode connects to a master of the Cluster that sees the others. Replicas
// would do for what is published, but npm's adapters don't count who subscribes
// there.
// introduce logs in and asks.
// ask asks a node for the map and keeps what it says of the masters.
// Map asks for the map of the slots. What is no Cluster has one node, AnyNode.
// nodes returns what is known of the Cluster.
// learn keeps the masters of a map, and what the URL has after them: those may be
// the only ones left one day. Connections to a server that was one and isn't any
// more are closed: it may be one that only doesn't answer.
