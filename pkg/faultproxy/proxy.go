package faultproxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Proxy. Dial must be set.
type Options struct {
	// Dial connects to the server, once for each connection of a client.
	Dial func(ctx context.Context) (net.Conn, error)
	// DialTimeout bounds Dial, 10 s by default.
	DialTimeout time.Duration
	// MaxConns is how many connections may be open, 100,000 by default; more
	// are reset.
	MaxConns int
}

// Stats are a proxy's counts.
type Stats struct {
	Open     int   // connections
	Accepted int64 // since the start; those that were refused are not among them
	Refused  int64 // reset at once: by Refuse, by MaxConns, or because the server could not be reached
	Touched  int   // connections that had to do with what was set last
}

// Proxy is a running proxy. Its methods are safe for concurrent use.
type Proxy struct {
	o  Options
	ln net.Listener

	state             atomic.Pointer[state]
	accepted, refused atomic.Int64

	mu     sync.Mutex // guards pairs and closed; Set holds it too
	pairs  map[*pair]struct{}
	closed bool

	ctx    context.Context // ends dials
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New starts a proxy that accepts from ln and owns it from now on.
func New(ln net.Listener, o Options) *Proxy {
	if o.DialTimeout <= 0 {
		o.DialTimeout = 10 * time.Second
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 100_000
	}
	p := &Proxy{o: o, ln: ln, pairs: map[*pair]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.state.Store(newState(Toxics{}))
	p.wg.Go(p.accept)
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() net.Addr { return p.ln.Addr() }

// Set replaces the toxics, for open connections too.
func (p *Proxy) Set(t Toxics) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := newState(t)
	old := p.state.Swap(next)
	for c := range p.pairs {
		if t.HalfOpen != old.HalfOpen {
			c.endHalf()
			if c.halve(t.HalfOpen) {
				c.touch(next)
			}
		} else if c.isHalf() {
			c.touch(next)
		}
		if t.ToServer || t.ToClient {
			c.touch(next) // silence hits those too that had nothing to say
		}
	}
	close(old.over)
}

// Stats returns the present counts.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{
		Open: len(p.pairs), Accepted: p.accepted.Load(), Refused: p.refused.Load(),
		Touched: int(p.state.Load().touched.Load()),
	}
}

// Close resets all connections, stops listening and waits for the proxy's
// goroutines. It is idempotent.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	for c := range p.pairs {
		c.reset()
	}
	p.mu.Unlock()
	p.cancel()
	err := p.ln.Close()
	p.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// acceptPause keeps a failing accept, as for want of descriptors, from turning
// into a busy loop.
const acceptPause = 10 * time.Millisecond

func (p *Proxy) accept() {
	for {
		nc, err := p.ln.Accept()
		if err != nil {
			if p.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			select {
			case <-p.ctx.Done():
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		if s := p.state.Load(); s.Refuse {
			s.touched.Add(1)
			p.refuse(nc)
			continue
		}
		p.wg.Go(func() { p.serve(nc) })
	}
}

func (p *Proxy) refuse(nc net.Conn) {
	p.refused.Add(1)
	reset(nc)
}

// serve connects a client to the server and passes on until both are done.
func (p *Proxy) serve(nc net.Conn) {
	c := newPair(p, nc)
	if !p.add(c) {
		p.refuse(nc)
		return
	}
	defer p.remove(c)
	ctx, cancel := context.WithTimeout(p.ctx, p.o.DialTimeout)
	server, err := p.o.Dial(ctx)
	cancel()
	if err != nil {
		p.refuse(nc)
		return
	}
	c.run(server)
}

// add takes a new connection in, if there is room.
func (p *Proxy) add(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.pairs) >= p.o.MaxConns {
		return false
	}
	p.pairs[c] = struct{}{}
	return true
}

func (p *Proxy) remove(c *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pairs, c)
}

// reset closes a connection so that the peer sees a reset.
func reset(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = nc.Close()
}
