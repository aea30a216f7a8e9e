package loadgen

import (
	"math"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Reconnect is how a group's clients come back after a connection was lost.
type Reconnect struct {
	Pos    Pos
	Policy ReconnectPolicy
	// InitialDelay, MaxDelay and Jitter are those of socket.io-client.
	InitialDelay, MaxDelay time.Duration
	Jitter                 float64       // 0 to 1
	Delay                  time.Duration // of fixed and, until the server says another, of eventsource
	HonourRetry            bool          // eventsource: the server's retry: replaces Delay
	LastEventID            bool          // sse and longpoll: say what was seen last
	RecoverState           bool          // Socket.IO: ask for the session
	MaxAttempts            int           // in a row, 0 for no bound
	// Settle is how long the end of the run waits for clients that are away.
	Settle time.Duration
}

// ReconnectPolicy says when a client tries again.
type ReconnectPolicy string

// The policies. The first two are what the clients of their protocol do.
const (
	// ReconnectSocketIO doubles the delay with each attempt and spreads it by
	// the jitter. It gives up when the server disconnects the socket or refuses
	// the namespace.
	ReconnectSocketIO ReconnectPolicy = "socketio"
	// ReconnectEventSource waits the reconnection time. It gives up when the
	// server answers with anything but a stream.
	ReconnectEventSource ReconnectPolicy = "eventsource"
	// ReconnectImmediate tries at once, and after a failure every
	// immediateRetry.
	ReconnectImmediate ReconnectPolicy = "immediate"
	// ReconnectFixed always waits Delay.
	ReconnectFixed ReconnectPolicy = "fixed"
)

const (
	defaultInitialDelay = time.Second
	defaultMaxDelay     = 5 * time.Second
	defaultJitter       = 0.5
	// defaultRetry is the reconnection time of an EventSource before the
	// server names one; browsers take about three seconds.
	defaultRetry = 3 * time.Second
	// immediateRetry keeps clients that may try at once from doing nothing
	// else while there is no server.
	immediateRetry = 100 * time.Millisecond
	// defaultComeback is how long the end of a run waits for clients that are
	// away.
	defaultComeback = 30 * time.Second
)

// wait is the delay before an attempt: attempts is how many were made before it
// since the connection was lost, retry the server's reconnection time or 0, and
// random a number from 0 to 1.
func (r *Reconnect) wait(attempts int, retry time.Duration, random float64) time.Duration {
	switch r.Policy {
	case ReconnectSocketIO:
		return backoff(r.InitialDelay, r.MaxDelay, r.Jitter, attempts, random)
	case ReconnectImmediate:
		if attempts == 0 {
			return 0
		}
		return immediateRetry
	case ReconnectEventSource:
		if r.HonourRetry && retry > 0 {
			return retry
		}
	}
	return r.Delay
}

// backoff is the delay of socket.io-client, in whole milliseconds as there:
//
//	ms = first · 2^attempts, ± floor(random · jitter · ms), at most most
//
// The sign depends on the first digit of the random number.
func backoff(first, most time.Duration, jitter float64, attempts int, random float64) time.Duration {
	limit := float64(most.Milliseconds())
	ms := float64(first.Milliseconds()) * math.Pow(2, float64(min(attempts, 512)))
	if jitter > 0 && jitter <= 1 {
		deviation := math.Floor(random * jitter * ms)
		if int(random*10)&1 == 0 {
			deviation = -deviation
		}
		ms += deviation
	}
	return time.Duration(min(ms, limit)) * time.Millisecond
}

// retries tells whether the policy goes on after a connection ended like this.
func (r *Reconnect) retries(i rt.CloseInfo) bool {
	return r.Policy != ReconnectSocketIO || !serverLeft(i)
}

// serverLeft tells whether the server disconnected the socket on purpose, which
// socket.io-client calls "io server disconnect".
func serverLeft(i rt.CloseInfo) bool {
	return i.By == rt.ByPeer && (i.Reason == "io server disconnect" || i.Reason == reasonDisconnectPacket)
}

// reasonDisconnectPacket is the reason of an end that a DISCONNECT packet told
// of before the transport ended.
const reasonDisconnectPacket = "server disconnect"

// retriesRefused tells whether the policy goes on after a handshake that failed
// with e.
func (r *Reconnect) retriesRefused(e *rt.Error) bool {
	if e == nil {
		return true
	}
	switch r.Policy {
	case ReconnectSocketIO:
		// A refused namespace is the application's word; a refused transport
		// is an error like any other.
		return e.Kind != rt.KindRejected || e.Stage != rt.StageNamespace && e.Stage != rt.StageConnected
	case ReconnectEventSource:
		return e.Status == 0
	}
	return true
}

// reconnects tells whether the group's clients come back after a loss.
func (g *groupRun) reconnects() bool { return g.plan.Group.Reconnect != nil }
