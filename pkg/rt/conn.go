package rt

import (
	"context"
	"net/http"
	"time"
)

// Handler receives what a connection reads. Its methods run on the
// connection's read goroutine, one at a time and in wire order: they must be
// fast and must not wait for an answer on the same connection.
type Handler interface {
	OnMessage(*Message)
	// OnClose is called exactly once for each connection that Dial returned,
	// after the last OnMessage.
	OnClose(CloseInfo)
}

// Conn is one open connection. Send and Close may be called from any
// goroutine at the same time.
type Conn interface {
	// Send writes one message and returns when the kernel has it. It fails
	// with KindClosed after a close, with KindTimeout when the peer does not
	// read before ctx ends or the write deadline passes, with KindUsage for a
	// message that the protocol can't carry (anything on SSE).
	Send(ctx context.Context, m *Outgoing) error
	// Close ends the connection as the protocol asks and waits for its
	// goroutines. OnClose follows, with By == ByLocal. It is idempotent.
	Close() error
	// Abort resets the transport without a goodbye, as a lost network would.
	Abort()
	Info() ConnInfo
}

// Backlog is implemented by connections that can tell how much of what they
// received is unread.
type Backlog interface {
	// Unread is the bytes that wait in the kernel and the room that it has for
	// them. ok is false where that is not known.
	Unread() (waiting, room int, ok bool)
}

// ConnInfo describes an open connection.
type ConnInfo struct {
	Protocol  Protocol
	Transport Transport     // the current one
	Namespace string        // Socket.IO
	SID       string        // Socket.IO id within the namespace
	Local     string        // local address
	Remote    string        // remote address
	Phases    Phases        // how long the handshake took
	Proto     string        // "HTTP/1.1" or "HTTP/2.0"
	Ping      time.Duration // heartbeat interval that the server announced, 0 if none
	// Recovered says that the server gave the session back that the request
	// asked for (Socket.IO, connection state recovery).
	Recovered bool
	// Resume is what a later connection needs to go on with this one: nil
	// unless the server keeps sessions. It holds what was seen so far.
	Resume *Resume
	// BytesRead counts what was read from the socket, on connections that are
	// read at DialRequest.ReadRate only.
	BytesRead int64
}

// Resume names a Socket.IO session that a server may give back (connection
// state recovery).
type Resume struct {
	PID    string // private id of the session, from its CONNECT
	Offset string // of the last event that was received, "" for none
}

// Phases are the durations of a handshake; zero where a phase did not happen.
type Phases struct {
	DNS, TCP, TLS, Upgrade, Namespace time.Duration
	Total                             time.Duration
}

// CloseBy tells who ended a connection.
type CloseBy uint8

// Who closed.
const (
	ByPeer    CloseBy = iota // close frame, DISCONNECT, end of stream
	ByLocal                  // Close or Abort
	ByNetwork                // reset, unexpected EOF, timeout
)

// CloseInfo says how a connection ended.
type CloseInfo struct {
	At     time.Time
	By     CloseBy
	Code   int    // WebSocket close code, 0 if there was none
	Reason string // close reason or the peer's message, made safe for terminals by the reader
	Err    error  // the underlying error, if any
}

// DialRequest is all that one connection attempt needs.
type DialRequest struct {
	Target    Target
	Header    http.Header // extra request headers, Cookie and Authorization included
	Query     [][2]string // extra query parameters, appended to the target's
	Auth      []byte      // Socket.IO CONNECT payload: a JSON object, nil for none
	LocalAddr string      // source IP address, "" for any
	// DialAddr is the host:port to connect to instead of the target's, as with a
	// proxy in between. URL, Host header and TLS name stay the target's.
	DialAddr string
	// LastEventID resumes an SSE stream.
	LastEventID string
	// Resume asks a Socket.IO server for the session of an earlier connection.
	Resume *Resume
	// Also are further Socket.IO namespaces to join over the same connection,
	// with the same Auth. Dial returns when all of them are joined.
	Also []string
	// ReadRate is how many bytes a second are read from the socket, 0 for all
	// that comes. The receive buffer is then small, so that the server feels it.
	ReadRate int64
}

// Dialer opens connections. Implementations are safe for concurrent use.
type Dialer interface {
	// Dial connects and completes the handshake of the target's protocol:
	// for Socket.IO until the namespace is joined, for SSE until the response
	// headers, for WebSocket until the upgrade. Messages may reach h before
	// Dial returns.
	//
	// An explicit refusal is an *Error of KindRejected that tells Stage,
	// Status and Code. When the refusal came inside an open transport
	// (CONNECT_ERROR) the connection is returned as well, still open, so that
	// the caller can watch what the server does with it; it must Close it.
	Dial(ctx context.Context, r *DialRequest, h Handler) (Conn, error)
}

// Request is one plain HTTP request.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        []byte
	LocalAddr   string
	DialAddr    string // as in DialRequest
	// MaxBody bounds the answer's body in bytes, 0 means 1 MiB.
	MaxBody int64
	// Fresh sends the request over a connection of its own.
	Fresh bool
	// Timeout bounds the request instead of what the Requester does by itself.
	Timeout time.Duration
}

// Response is the answer to a Request. Body is at most Request.MaxBody, the rest
// is dropped.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Proto  string
}

// Requester sends plain HTTP requests. Implementations are safe for
// concurrent use and reuse connections.
type Requester interface {
	Request(ctx context.Context, r *Request) (*Response, error)
}
