package cluster

import (
	"encoding/json"
	"errors"
	"time"
)

// Op says what a pod tells or asks the others. The names are Socket.IO's.
type Op uint8

// The operations. A Command has one of the first four, a Query one of
// OpServerSideEmit and what follows it.
const (
	OpJoin Op = iota + 1
	OpLeave
	OpDisconnect
	OpServerSideEmit
	OpFetchSockets
	OpAllRooms
	OpBroadcastAck
)

// String returns the name of the operation.
func (o Op) String() string {
	names := [...]string{"", "socketsJoin", "socketsLeave", "disconnectSockets", "serverSideEmit", "fetchSockets", "allRooms", "broadcastWithAck"}
	if int(o) >= len(names) || o == 0 {
		return "unknown"
	}
	return names[o]
}

// Command tells the other pods to do something; nobody answers. It is immutable
// once sent.
type Command struct {
	Op        Op
	Namespace string
	// Rooms and Except choose the connections as those of a Broadcast do.
	// OpServerSideEmit is for the pods themselves and has none.
	Rooms, Except []string
	Targets       []string // rooms to join or to leave
	Close         bool     // OpDisconnect: close the transport too, not only this namespace
	// Args is a JSON array whose first element is the event name, for
	// OpServerSideEmit, with Attachments as in a Broadcast.
	Args        []byte
	Attachments [][]byte
}

// Size returns about how many bytes the command holds in memory.
func (c *Command) Size() int {
	return size(c.Args, c.Attachments, c.Rooms, c.Except, c.Targets)
}

// Query asks the other pods. It is immutable once asked.
type Query struct {
	Op            Op
	Namespace     string
	Rooms, Except []string
	// Args and Attachments are what OpBroadcastAck broadcasts and
	// OpServerSideEmit emits.
	Args        []byte
	Attachments [][]byte
	NoCompress  bool
	// Timeout is how long the clients of an OpBroadcastAck have to acknowledge,
	// from when their pod has the message.
	Timeout time.Duration
}

// Size returns about how many bytes the query holds in memory.
func (q *Query) Size() int { return size(q.Args, q.Attachments, q.Rooms, q.Except) }

// Answer is what one pod says to a Query. An OpBroadcastAck has several of each
// pod: first one with Clients, then one with Args for each acknowledgement. All
// other operations have exactly one of each pod.
type Answer struct {
	Sockets []Socket // OpFetchSockets
	Rooms   []string // OpAllRooms; the rooms that are socket ids among them
	// Clients is how many clients of the pod will be asked to acknowledge;
	// Args is nil then.
	Clients int
	// Args is one JSON value: the first argument of a client's
	// acknowledgement, or what a pod answers to a server-side emit, with
	// Attachments as in a Broadcast. "null" when there is no argument.
	Args        []byte
	Attachments [][]byte
}

// Socket is a connection as pods tell each other of it. Handshake holds what
// Socket.IO's handshake does, without what must stay secret: no token, cookie or
// auth payload leaves its pod.
type Socket struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     []string        `json:"rooms"` // its own id first
	Data      json.RawMessage `json:"data"`
}

// ErrPartial is returned by Ask when ctx ended before all pods had answered in
// full. What did arrive has been handed over.
var ErrPartial = errors.New("not all pods answered in time")
