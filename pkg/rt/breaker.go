package rt

import "strconv"

// BreakHow is a way in which a network breaks a connection.
type BreakHow uint8

// Ways to break a connection. On an HTTP/2 stream, which shares its socket with
// others, reset and FIN both reset the stream.
const (
	BreakReset     BreakHow = iota // the peer sees a TCP reset
	BreakFIN                       // the peer sees the end of the stream, without the protocol's goodbye
	BreakBlackhole                 // nothing is read or written any more; the socket stays
)

var breakNames = [...]string{"reset", "fin", "blackhole"}

func (h BreakHow) String() string {
	if int(h) < len(breakNames) {
		return breakNames[h]
	}
	return "break " + strconv.Itoa(int(h))
}

// Breaker is a connection that can be broken from this side as a network would
// break it. Whoever holds it did not ask for its end, so OnClose follows with
// By == ByNetwork; after a blackhole only when something else notices: the
// protocol's heartbeat, another Break, Close or Abort. What is sent into a
// blackhole is accepted and lost, as a kernel accepts it.
//
// Break does not block. It fails with KindClosed when the connection has ended.
type Breaker interface {
	Break(how BreakHow) error
}
