package tui

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Event is one line of the log: a message that was read or sent, or something
// that the session itself noted. An Event is immutable once it was pushed to a
// Source, so any goroutine may keep and read it.
type Event struct {
	Seq       uint64 // position in the log, from 1; set by Source.Push
	At        time.Time
	Dir       rt.Direction
	Kind      rt.Kind
	Transport rt.Transport
	Namespace string
	Name      string // event name; for local events what happened: "close 1006"

	Body        []byte // as rt.Message.Body
	Multi       bool
	Binary      bool
	Attachments [][]byte

	AckID   int64         // rt.NoAck, or the id asked for or answered
	ID      string        // SSE event id
	Size    int           // payload bytes on the wire
	Latency time.Duration // of an ack: since its message was sent; 0 when unknown
	Note    string        // text of a local event
	Fault   bool          // an error, a refusal or a lost connection
	Last    bool          // the session ends with it: Run returns the same as its error
}

// newEvent copies m, whose bytes are only borrowed.
func newEvent(m *rt.Message) *Event {
	e := &Event{
		At: m.At, Dir: m.Dir, Kind: m.Kind, Transport: m.Transport,
		Namespace: m.Namespace, Name: m.Event,
		Multi: m.Multi, Binary: m.Binary,
		AckID: m.AckID, ID: m.ID, Size: m.Size,
		Fault: m.Kind == rt.KindConnectError || m.Event == "exception",
	}
	total := len(m.Body)
	for _, a := range m.Attachments {
		total += len(a)
	}
	buf := make([]byte, 0, total)
	keep := func(b []byte) []byte {
		at := len(buf)
		buf = append(buf, b...)
		return buf[at:len(buf):len(buf)]
	}
	e.Body = keep(m.Body)
	for _, a := range m.Attachments {
		e.Attachments = append(e.Attachments, keep(a))
	}
	return e
}

// isMessage reports whether e is application traffic: an event or an ack that
// crossed the wire, as opposed to heartbeats, handshakes and local notes.
func (e *Event) isMessage() bool {
	return e.Dir != rt.Local && (e.Kind == rt.KindEvent || e.Kind == rt.KindAck)
}

// weight is the memory that e holds, roughly.
func (e *Event) weight() int {
	n := 256 + len(e.Body) + len(e.Name) + len(e.Note) + len(e.ID)
	for _, a := range e.Attachments {
		n += len(a)
	}
	return n
}

// label is the name of e in the event column.
func (e *Event) label() string {
	switch e.Kind {
	case rt.KindAck:
		return "ack"
	case rt.KindPing:
		return "ping"
	case rt.KindPong:
		return "pong"
	case rt.KindConnect:
		return "connect"
	case rt.KindConnectError:
		return "refused"
	case rt.KindDisconnect:
		return "disconnect"
	case rt.KindComment:
		return "comment"
	case rt.KindRetry:
		return "retry"
	case rt.KindOpen:
		return "open"
	case rt.KindUpgrade:
		return "upgrade"
	}
	if e.Name == "" {
		if e.Binary {
			return "binary"
		}
		return "frame"
	}
	return e.Name
}

// kindName is the stable name of a kind in NDJSON output and filters.
func (e *Event) kindName() string {
	if e.Dir == rt.Local {
		return "note"
	}
	switch e.Kind {
	case rt.KindEvent:
		return "event"
	case rt.KindConnectError:
		return "connect_error"
	case rt.KindResponse:
		return "response"
	}
	return e.label()
}

// dirName is the stable name of a direction in NDJSON output and filters.
func (e *Event) dirName() string {
	switch e.Dir {
	case rt.Out:
		return "out"
	case rt.Local:
		return "local"
	}
	return "in"
}
