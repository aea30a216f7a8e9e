package redisadapter

import (
	"errors"
	"time"
)

// RequestType says what a server tells or asks the others (@socket.io/redis-adapter,
// lib/index.ts, RequestType).
type RequestType uint8

// The types of requests. Those between are types of answers.
const (
	RequestSockets        RequestType = 0 // older servers: the ids of connections
	RequestAllRooms       RequestType = 1
	RequestJoin           RequestType = 2
	RequestLeave          RequestType = 3
	RequestDisconnect     RequestType = 4
	RequestFetch          RequestType = 5
	RequestServerSideEmit RequestType = 6
	RequestBroadcast      RequestType = 7 // a broadcast that wants acknowledgements
)

// The types of the two answers to RequestBroadcast.
const (
	typeClientCount = 8
	typeAck         = 9
)

// Request is one message of the request channel. What a type doesn't have is
// empty.
type Request struct {
	Type RequestType
	UID  string // who asks: empty from an emitter or an older server
	ID   string // requestId: empty when no answer is wanted
	// Rooms and Except choose connections; Targets are the rooms to join or
	// leave.
	Rooms, Except, Targets []string
	// SID is the one connection that a server of version 3 or older means
	// instead; it wants an answer from the server that has it.
	SID   string
	Close bool // RequestDisconnect: the transport too
	// Args is a JSON array that begins with the event name, for
	// RequestServerSideEmit and RequestBroadcast, with a placeholder for each
	// attachment.
	Args        []byte
	Attachments [][]byte
	Namespace   string // of RequestBroadcast; "/" when the message has none
	Compress    bool   // flags.compress is true
	NoCompress  bool   // flags.compress is false
	// Timeout is flags.timeout of RequestBroadcast, in milliseconds on the wire.
	Timeout time.Duration
}

var (
	// ErrRequest is returned for bytes that are not a request of the classic
	// adapter.
	ErrRequest = errors.New("not a request of the classic adapter")
	// ErrResponse is returned for bytes that are not an answer of the classic
	// adapter.
	ErrResponse = errors.New("not an answer of the classic adapter")
)
