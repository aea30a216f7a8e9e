package rttest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// Proxy is a TCP proxy on loopback that breaks connections when asked to.
type Proxy struct {
	ln     net.Listener
	target string

	mu      sync.Mutex
	pairs   map[*pair]struct{}
	stall   chan struct{} // open while data must not pass, nil when it may
	replies bool          // only what the server sends is kept back
	marker  []byte        // and only from clients that began with it
	latency time.Duration
	jitter  time.Duration
	refuse  bool
	closed  chan struct{}
	wg      sync.WaitGroup
}

// pair is one proxied connection.
type pair struct {
	client, server net.Conn
	begin          []byte // the first of what the client sent; under Proxy.mu
}

// beginBytes is how much of what a client sends first is remembered.
const beginBytes = 4 << 10

// NewProxy starts a proxy for the TCP address target. Close ends it.
func NewProxy(target string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{ln: ln, target: target, pairs: map[*pair]struct{}{}, closed: make(chan struct{})}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr returns the address to connect to.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

// Stall keeps all bytes, in both directions and on connections to come, until
// Resume: a black hole. A client that resets its connection meanwhile takes back
// what it has sent, as it would on a network that lost the packets.
func (p *Proxy) Stall() { p.hold(false, "") }

// StallReplies keeps what the server sends, until Resume, while what clients send
// arrives: a half-open connection. With a marker that holds only for connections
// whose client has sent it among its first 4 KiB.
func (p *Proxy) StallReplies(marker string) { p.hold(true, marker) }

func (p *Proxy) hold(replies bool, marker string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replies, p.marker = replies, []byte(marker)
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

// ResumeLate is Resume for what is read from now on. What was kept arrives after
// a delay, as what is sent again on a network does, long after new connections.
func (p *Proxy) ResumeLate(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kept := p.stall; kept != nil {
		p.stall = nil
		p.wg.Go(func() {
			t := time.NewTimer(delay)
			defer t.Stop()
			select {
			case <-t.C:
			case <-p.closed:
			}
			close(kept)
		})
	}
}

// Delay has bytes take latency, and up to jitter longer or shorter, in each
// direction. Their order stays. Zero takes it back.
func (p *Proxy) Delay(latency, jitter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency, p.jitter = latency, jitter
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

// Close ends the proxy and its connections, and waits for its goroutines. It is
// called once.
func (p *Proxy) Close() error {
	err := p.ln.Close()
	close(p.closed)
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
	if tcp, ok := server.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(64 << 10) // so that a server soon feels a client that doesn't read
	}
	c := &pair{client: client, server: server}
	p.mu.Lock()
	p.pairs[c] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pass(c, true) })
	both.Go(func() { p.pass(c, false) })
	both.Wait()
	c.close(false)
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// chunk is what one read returned, and when it is to arrive.
type chunk struct {
	bytes []byte
	due   time.Time
	err   error
}

// pass copies one direction until its end, and passes the end on.
func (p *Proxy) pass(c *pair, request bool) {
	const ahead = 64 // reads that are on their way
	way := make(chan chunk, ahead)
	gone := make(chan struct{})
	p.wg.Go(func() { p.read(c, request, way, gone) })
	p.write(c, request, way)
	close(gone)
}

func (p *Proxy) read(c *pair, request bool, way chan<- chunk, gone <-chan struct{}) {
	from := c.server
	if request {
		from = c.client
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		stall, delay := p.take(c, request, buf[:n])
		k := chunk{bytes.Clone(buf[:n]), time.Now().Add(delay), err}
		if stall != nil {
			<-stall
			k = settle(from, k)
		}
		select {
		case way <- k:
		case <-gone:
			return
		}
		if k.err != nil {
			return
		}
	}
}

// settle takes in what has come while k was kept. The end of a connection that
// was reset takes all with it.
func settle(from net.Conn, k chunk) chunk {
	const most = 1 << 20
	buf := make([]byte, 16<<10)
	_ = from.SetReadDeadline(time.Now().Add(time.Millisecond))
	for k.err == nil && len(k.bytes) < most {
		var n int
		n, k.err = from.Read(buf)
		k.bytes = append(k.bytes, buf[:n]...)
	}
	_ = from.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(k.err, os.ErrDeadlineExceeded):
		k.err = nil
	case k.err != nil && !errors.Is(k.err, io.EOF):
		k.bytes = nil
	}
	return k
}

// take notes what was read and returns what holds it up.
func (p *Proxy) take(c *pair, request bool, read []byte) (stall chan struct{}, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if request {
		c.begin = append(c.begin, read[:min(len(read), beginBytes-len(c.begin))]...)
	}
	if !p.replies || !request && bytes.Contains(c.begin, p.marker) {
		stall = p.stall
	}
	delay = p.latency
	if p.jitter > 0 {
		delay += rand.N(2*p.jitter) - p.jitter
	}
	return stall, max(0, delay)
}

func (p *Proxy) write(c *pair, request bool, way <-chan chunk) {
	to := c.client
	if request {
		to = c.server
	}
	for k := range way {
		time.Sleep(time.Until(k.due))
		if len(k.bytes) > 0 {
			if _, err := to.Write(k.bytes); err != nil {
				return
			}
		}
		if k.err == nil {
			continue
		}
		if tcp, ok := to.(*net.TCPConn); ok && errors.Is(k.err, io.EOF) {
			_ = tcp.CloseWrite()
		} else {
			_ = to.Close()
		}
		return
	}
}
