package rt

import "time"

// Protocol is the application protocol of an endpoint.
type Protocol string

// The protocols that rtk speaks.
const (
	SocketIO  Protocol = "socketio"  // Socket.IO v4 (protocol 5 over Engine.IO 4)
	WebSocket Protocol = "websocket" // plain WebSocket, see Framing
	SSE       Protocol = "sse"       // Server-Sent Events
	HTTP      Protocol = "http"      // plain requests, used to publish
	LongPoll  Protocol = "longpoll"  // requests that the server holds until there is something
)

// Transport is how the bytes of a connection travel.
type Transport string

// The transports. A Socket.IO connection may move from polling to WebSocket.
const (
	TransportWebSocket Transport = "websocket"
	TransportPolling   Transport = "polling"
	TransportSSE       Transport = "sse"
	TransportHTTP      Transport = "http"
)

// Framing is what a plain WebSocket endpoint puts into its frames.
type Framing string

const (
	// FramingNest is NestJS' {"event":…,"data":…} envelope, the default.
	FramingNest Framing = "nest"
	// FramingRaw passes frames through: Event is empty, Body is the frame.
	FramingRaw Framing = "raw"
)

// Direction tells who sent a message.
type Direction uint8

// Directions. Local marks what the client itself noted, such as a reconnect.
const (
	In Direction = iota
	Out
	Local
)

// Kind is what a message is for.
type Kind uint8

// Kinds of message. A Handler sees all of them, heartbeats included.
const (
	KindEvent        Kind = iota // application event
	KindAck                      // answer to an Outgoing with AckID
	KindConnect                  // namespace joined, stream or socket open
	KindConnectError             // namespace refused (Socket.IO CONNECT_ERROR)
	KindDisconnect               // server left the namespace (Socket.IO DISCONNECT)
	KindPing
	KindPong
	KindComment  // SSE comment, the usual heartbeat
	KindRetry    // SSE retry: field, Body is the number of milliseconds
	KindOpen     // transport open; Body is the Engine.IO handshake or empty
	KindUpgrade  // transport changed, Body is the new transport's name
	KindResponse // answer to a plain HTTP request; Body is the response body
)

// NoAck is the AckID of messages that neither ask for nor are an ack.
const NoAck int64 = -1

// Message is one thing read from (or, in a log, written to) a connection.
//
// Its byte slices alias the connection's read buffer: they are valid only
// during Handler.OnMessage and must be copied to be kept.
type Message struct {
	At        time.Time // when the frame was complete, with monotonic clock
	Dir       Direction
	Kind      Kind
	Transport Transport
	Namespace string // Socket.IO namespace, "/" by default
	Event     string // event name, or the SSE event type ("message" by default)

	// Body is the payload. For Socket.IO (Multi true) it is the argument list
	// as it stood on the wire without brackets and without the event name:
	// comma-separated JSON values, empty when there are none. Otherwise it is
	// one value: the data of a Nest frame, the data of an SSE event, a frame.
	Body        []byte
	Multi       bool
	Binary      bool     // the frame was binary (plain WebSocket only)
	Attachments [][]byte // Socket.IO binary attachments, in order

	AckID int64  // NoAck, or the id to answer, or the id answered
	ID    string // SSE event id
	Size  int    // bytes of the frame's payload on the wire, after inflation
}

// Outgoing is a message to send.
type Outgoing struct {
	Namespace   string // Socket.IO only; "" means the connection's namespace
	Event       string
	Body        []byte // as Message.Body: a JSON argument list or one value
	Attachments [][]byte
	Binary      bool  // plain WebSocket only: Body is the payload of a binary frame, whatever the framing
	AckID       int64 // NoAck, or an id that the caller has not in use on this connection
}
