package redisadapter

import "errors"

// EmitterUID is the uid of what npm's @socket.io/redis-emitter publishes.
const EmitterUID = "emitter"

// Broadcast is one message to the members of rooms of a namespace, or to all of
// the namespace when Rooms is empty.
type Broadcast struct {
	UID       string // the publisher, 6 characters
	Namespace string
	Rooms     []string
	Except    []string // rooms
	// Args is a JSON array, ["event",…], with a placeholder for each binary
	// value.
	Args        []byte
	Attachments [][]byte
	Volatile    bool
	Compress    bool // flags.compress is true
	NoCompress  bool // flags.compress is false
}

// MaxMessage is the greatest message that DecodeBroadcast takes, in bytes.
const MaxMessage = 64 << 20

var (
	// ErrArgs is returned for Args that is not a valid JSON array that begins
	// with an event name.
	ErrArgs = errors.New("broadcast arguments are not a JSON array that begins with an event name")
	// ErrPlaceholder is returned for a placeholder without an attachment.
	ErrPlaceholder = errors.New("broadcast placeholder has no attachment")
	// ErrMessage is returned for bytes that are not a broadcast of the classic
	// adapter.
	ErrMessage = errors.New("not a broadcast of the classic adapter")
)
