package socketio

import (
	"errors"
	"fmt"
)

// Type is a packet type of Socket.IO 5.
type Type byte

// The packet types of Socket.IO 5.
const (
	Connect Type = iota
	Disconnect
	Event
	Ack
	ConnectError
	BinaryEvent
	BinaryAck
)

// String returns the protocol's name of the type.
func (t Type) String() string {
	if t > BinaryAck {
		return fmt.Sprintf("invalid(%d)", byte(t))
	}
	return [...]string{
		"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK",
	}[t]
}

// Binary reports whether attachments may follow a packet of this type.
func (t Type) Binary() bool { return t == BinaryEvent || t == BinaryAck }

// DefaultMaxAttachments is what socket.io-parser 4.2.6 allows in a packet.
const DefaultMaxAttachments = 10

// NoID is the ID of a packet that asks for no acknowledgement.
const NoID = -1

// Packet is one decoded packet. Its slices alias the text it was parsed from.
type Packet struct {
	Type        Type
	Attachments int    // binary frames that follow, 0 for text packets
	Namespace   []byte // "/" when the packet has none
	ID          int64  // acknowledgement id, NoID when the packet has none
	Data        []byte // JSON, empty when the packet has none
}

var (
	// ErrEmpty is returned for a text without a packet type.
	ErrEmpty = errors.New("socket.io packet is empty")
	// ErrType is returned for a packet type that Socket.IO 5 doesn't have.
	ErrType = errors.New("unknown socket.io packet type")
	// ErrAttachments is returned for a missing or malformed attachment count.
	ErrAttachments = errors.New("illegal attachments in socket.io packet")
	// ErrTooManyAttachments is returned for more attachments than allowed.
	ErrTooManyAttachments = errors.New("too many attachments in socket.io packet")
	// ErrPlaceholder is returned for a placeholder that points at no attachment.
	ErrPlaceholder = errors.New("placeholder without attachment in socket.io packet")
	// ErrNamespace is returned for a namespace that is not valid UTF-8.
	ErrNamespace = errors.New("socket.io namespace is not valid UTF-8")
	// ErrID is returned for an acknowledgement id beyond 2^63-1.
	ErrID = errors.New("socket.io acknowledgement id is out of range")
	// ErrPayload is returned for data that is not valid JSON or has not the
	// shape that the packet's type asks for.
	ErrPayload = errors.New("invalid payload in socket.io packet")
	// ErrReserved is returned for an event name that the protocol keeps.
	ErrReserved = errors.New("reserved socket.io event name")
)

// reserved are the event names that no peer may emit (socket.io-parser,
// RESERVED_EVENTS).
var reserved = [...]string{
	"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
}

// Reserved reports whether the protocol keeps the event name for itself.
func Reserved(event string) bool {
	for _, r := range reserved {
		if r == event {
			return true
		}
	}
	return false
}
