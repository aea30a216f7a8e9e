package server

import (
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// message is one outbound event on its way to many clients. It is encoded at
// most once for each codec, by the goroutine that fans it out.
type message struct {
	ns          string
	array       []byte // ["event",args…]
	attachments [][]byte
	verbatim    bool // not to be deflated
	forms       [codecs]*frame
	drop        *droppable // nil unless its rooms have such a policy

	// In a namespace that keeps history: the position of the message, whether
	// Socket.IO clients get it as one more argument, and for whom it was.
	cursor        string
	offset        bool
	rooms, except []string
}

func newMessage(b *cluster.Broadcast) *message {
	return &message{ns: b.Namespace, array: b.Args, attachments: b.Attachments, verbatim: b.NoCompress}
}

// frame returns the message as the codec has it. It must not be called by two
// goroutines at a time.
func (m *message) frame(c codec) *frame {
	if m.forms[c] == nil {
		m.forms[c] = encoders[c](m)
		m.forms[c].drop = m.drop
		m.forms[c].verbatim = m.verbatim
	}
	return m.forms[c]
}

// frame is one encoded message, immutable and shared by its recipients.
//
//	wire  ├ head ┼──────── body ────────┤├ head ┼─ attachment ─┤…
//	        RFC 6455 header; SSE has none
type frame struct {
	drop *droppable // nil: must not be dropped

	wire        []byte   // what a socket gets
	body        []byte   // what a transport that pulls gets: the payload, an alias of wire
	attachments [][]byte // follow the body as binary messages
	control     bool     // not a message of the application: heartbeat, handshake, goodbye
	verbatim    bool     // not to be deflated
	deflated    atomic.Pointer[frame]
}

// codec is a way to encode a message.
type codec uint8

const (
	codecSocketIO codec = iota
	codecNestWS
	codecSSE
	codecNestWSResume // with the cursor of each message
	codecs
)

// protocol is what the codec's clients speak.
func (c codec) protocol() string {
	return [codecs]string{codecSocketIO: "socket.io", codecNestWS: "websocket", codecSSE: "sse", codecNestWSResume: "websocket"}[c]
}

var encoders = [codecs]func(*message) *frame{
	codecSocketIO: encodeSocketIO,
	codecNestWS:   encodeNestWS,
	codecSSE:      encodeSSE,

	codecNestWSResume: encodeNestWSResume,
}
