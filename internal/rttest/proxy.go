package rttest

import (
	"errors"
	"io"
	"net"
	"sync"
)

// Proxy is a TCP proxy on loopback that breaks connections when asked to.
type Proxy struct {
	ln     net.Listener
	target string

	mu     sync.Mutex
	pairs  map[*pair]struct{}
	stall  chan struct{} // open while data must not pass, nil when it may
	refuse bool
	wg     sync.WaitGroup
}

// pair is one proxied connection.
type pair struct{ client, server net.Conn }

// NewProxy starts a proxy for the TCP address target. Close ends it.
func NewProxy(target string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{ln: ln, target: target, pairs: map[*pair]struct{}{}}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr returns the address to connect to.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

// Stall keeps all bytes, in both directions and on connections to come, until
// Resume: a black hole.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stall == nil {
		p.stall = make(chan struct{})
	}
}

// Resume lets bytes pass again, those that were kept first.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stall != nil {
		close(p.stall)
		p.stall = nil
	}
}

// Refuse resets connections to come (true) or lets them through again (false).
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// Reset resets all open connections, on both sides.
func (p *Proxy) Reset() { p.breakAll(true) }

// Finish closes all open connections with a FIN, on both sides.
func (p *Proxy) Finish() { p.breakAll(false) }

// Close ends the proxy and its connections, and waits for its goroutines.
func (p *Proxy) Close() error {
	err := p.ln.Close()
	p.Resume()
	p.Finish()
	p.wg.Wait()
	return err
}

func (p *Proxy) breakAll(reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.close(reset)
	}
}

func (c *pair) close(reset bool) {
	for _, nc := range []net.Conn{c.client, c.server} {
		if tcp, ok := nc.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_ = nc.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			(&pair{client: client, server: client}).close(true)
			continue
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		(&pair{client: client, server: client}).close(true)
		return
	}
	c := &pair{client, server}
	p.mu.Lock()
	p.pairs[c] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client) })
	both.Go(func() { p.pass(client, server) })
	both.Wait()
	c.close(false)
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// pass copies until from ends, and passes the end on.
func (p *Proxy) pass(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		stall := p.stall
		p.mu.Unlock()
		if stall != nil {
			<-stall
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			if tcp, ok := to.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
				_ = tcp.CloseWrite()
			} else {
				_ = to.Close()
			}
			return
		}
	}
}
