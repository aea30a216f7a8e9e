package faultproxy

import (
	"net"
	"sync"
	"sync/atomic"
)

// pair is a client's connection and the one to the server that goes with it.
type pair struct {
	p      *Proxy
	client net.Conn

	mu     sync.Mutex
	server net.Conn // nil until it is connected
	half   bool     // one end was reset, the other is left in silence
	ended  bool

	done    chan struct{} // closed with ended
	touched atomic.Pointer[state]
}

func newPair(p *Proxy, client net.Conn) *pair {
	return &pair{p: p, client: client, done: make(chan struct{})}
}

// run passes on in both directions until both have ended.
func (c *pair) run(server net.Conn) {
	if !c.connected(server) {
		reset(server)
		return
	}
	c.p.accepted.Add(1)
	if s := c.p.state.Load(); s.ToServer || s.ToClient {
		c.touch(s)
	}
	var up sync.WaitGroup
	up.Go(func() { newStream(c, toServer, c.client, server).pass() })
	newStream(c, toClient, server, c.client).pass()
	up.Wait()
	c.end(func(nc net.Conn) { _ = nc.Close() })
}

// connected takes the server's connection over, unless the pair has ended.
func (c *pair) connected(server net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.server = server
	return true
}

// reset ends the pair with a reset at both ends.
func (c *pair) reset() { c.end(reset) }

func (c *pair) end(how func(net.Conn)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	close(c.done)
	how(c.client)
	if c.server != nil {
		how(c.server)
	}
}

// halve resets the end opposite to keep.
func (c *pair) halve(keep Side) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if keep == Neither || c.ended || c.half || c.server == nil {
		return false
	}
	c.half = true
	if keep == Client {
		reset(c.server)
	} else {
		reset(c.client)
	}
	return true
}

// endHalf resets what halve has left.
func (c *pair) endHalf() {
	if c.isHalf() {
		c.reset()
	}
}

func (c *pair) isHalf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.half
}

// touch counts the pair among those that had to do with s.
func (c *pair) touch(s *state) {
	if c.touched.Swap(s) != s {
		s.touched.Add(1)
	}
}

// wait waits until s is replaced, and returns false when the pair ends first.
func (c *pair) wait(s *state) bool {
	select {
	case <-s.over:
		return true
	case <-c.done:
		return false
	}
}
