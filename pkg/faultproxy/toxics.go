package faultproxy

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Toxics are what a Proxy does to its connections. The zero value passes
// everything on. Rates and delays are for each connection and each direction.
type Toxics struct {
	Latency, Jitter time.Duration // a chunk is late by Latency ± Jitter; the order stays
	Bandwidth       int64         // bytes a second, 0 for no limit
	// ToServer and ToClient are blackholes: nothing is read that goes this way,
	// not even its end, so that the sender's window fills. What the kernels
	// hold arrives when the blackhole is over, as after a repaired network.
	ToServer, ToClient bool
	// HalfOpen resets one end of the connections that are open now and leaves
	// the other in the belief that nothing happened, until this is set anew.
	HalfOpen Side
	Refuse   bool // new connections are reset
	// ResetAfter is after how many bytes to the client a connection is reset at
	// both ends, counted from Set; 0 for never.
	ResetAfter int64
	SlowClose  time.Duration // how long the end of a stream is held back
}

// Side is an end of a connection that stays open, or neither.
type Side uint8

// Sides of a connection.
const (
	Neither Side = iota
	Client
	Server
)

// direction is the way of a stream.
type direction uint8

const (
	toServer direction = iota
	toClient
)

// state is what was set and what came of it. A new one replaces it as a whole.
type state struct {
	Toxics
	touched atomic.Int64
	// over is closed by the next Set: it ends what waits for the end of a
	// blackhole.
	over chan struct{}
}

func newState(t Toxics) *state { return &state{Toxics: t, over: make(chan struct{})} }

func (s *state) holed(d direction) bool {
	if d == toServer {
		return s.ToServer
	}
	return s.ToClient
}

// delays reports whether chunks have to wait.
func (s *state) delays() bool { return s.Latency > 0 || s.Jitter > 0 || s.Bandwidth > 0 }

// delay is how late the next chunk is.
func (s *state) delay() time.Duration {
	d := s.Latency
	if s.Jitter > 0 {
		d += time.Duration(rand.Int64N(2*int64(s.Jitter)+1)) - s.Jitter
	}
	return max(d, 0)
}
