package redisadapter

import (
	"encoding/json"
	"errors"
	"time"
)

// ClusterType is the type of a cluster message (socket.io-adapter, MessageType).
type ClusterType uint8

// The cluster messages that the sharded and the streams adapter send. Types 1, 2
// and 13 belong to adapters that keep a list of their peers; nothing here needs
// them.
const (
	ClusterBroadcast          ClusterType = 3
	ClusterJoin               ClusterType = 4
	ClusterLeave              ClusterType = 5
	ClusterDisconnect         ClusterType = 6
	ClusterFetchSockets       ClusterType = 7
	ClusterFetchSocketsAnswer ClusterType = 8
	ClusterServerSideEmit     ClusterType = 9
	ClusterServerSideAnswer   ClusterType = 10
	ClusterClientCount        ClusterType = 11
	ClusterBroadcastAck       ClusterType = 12
)

// ClusterMessage is one message of the sharded and the streams adapter,
// {type, data, uid, nsp} (socket.io-adapter, ClusterMessage and ClusterResponse).
// What a type doesn't have is zero.
type ClusterMessage struct {
	Type      ClusterType
	UID       string // of the sender, 16 hex digits
	Namespace string
	// RequestID, 16 hex digits, is in all questions and answers. A broadcast or
	// a server-side emit that has one wants to be answered.
	RequestID string
	// Rooms and Except choose connections, for the types 3 to 7.
	Rooms, Except []string
	Volatile      bool          // flags of a broadcast
	Compress      bool          // flags.compress is true
	NoCompress    bool          // flags.compress is false
	Timeout       time.Duration // flags.timeout, in whole milliseconds on the wire
	Targets       []string      // rooms to join or to leave
	Close         bool          // of a disconnect: the transport too
	// Args is JSON with a placeholder for each binary value: the event and its
	// arguments as an array, for a broadcast and a server-side emit; the one
	// value of an acknowledgement or of the answer to a server-side emit.
	Args        []byte
	Attachments [][]byte
	Clients     int      // of a client count
	Sockets     []Socket // of the answer to fetchSockets
}

// Socket is a connection as servers tell each other of it. Binary values in
// Handshake and Data are the JSON that JSON.stringify makes of a Buffer.
type Socket struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// The most of each that a message may have. A list costs more in memory than on
// the wire, so MaxMessage alone doesn't bound it.
const (
	maxNames   = 1 << 20
	maxSockets = 1 << 18
)

// maxTimeout is the longest timeout that a JavaScript timer takes.
const maxTimeout = (1<<31 - 1) * time.Millisecond

// ErrClusterMessage is returned for bytes that are not a cluster message.
var ErrClusterMessage = errors.New("not a cluster message")

var (
	errType      = errors.New("type is not one of 3 to 12")
	errRequestID = errors.New("no requestId")
	errEvent     = errors.New("not an array that begins with an event name")
	errTooMany   = errors.New("too long a list")
)

// hasOptions reports whether the type has opts in its data.
func (t ClusterType) hasOptions() bool { return t >= ClusterBroadcast && t <= ClusterFetchSockets }

// mayBeBinary reports whether the npm adapters look for binary values in a
// message of the type (redis-adapter, encode).
func (t ClusterType) mayBeBinary() bool {
	switch t {
	case ClusterBroadcast, ClusterBroadcastAck, ClusterFetchSocketsAnswer, ClusterServerSideEmit, ClusterServerSideAnswer:
		return true
	}
	return false
}

// isEvent reports whether Args is an event with its arguments.
func (t ClusterType) isEvent() bool { return t == ClusterBroadcast || t == ClusterServerSideEmit }

// isValue reports whether Args is the one value of an answer.
func (t ClusterType) isValue() bool { return t == ClusterBroadcastAck || t == ClusterServerSideAnswer }

// needsRequestID reports whether a message of the type makes no sense without.
func (t ClusterType) needsRequestID() bool {
	return t == ClusterFetchSockets || t == ClusterFetchSocketsAnswer || t >= ClusterServerSideAnswer
}

func (t ClusterType) valid() bool { return t >= ClusterBroadcast && t <= ClusterBroadcastAck }
