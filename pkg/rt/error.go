package rt

import (
	"errors"
	"strconv"
)

// ErrKind sorts errors by what the caller can do about them.
type ErrKind uint8

// The kinds of error.
const (
	KindInternal    ErrKind = iota // a bug, or anything not sorted below
	KindUsage                      // the request can't be carried out as written
	KindUnreachable                // no connection: refused, no route, unknown host
	KindTLS                        // certificate or protocol trouble in TLS
	KindTimeout                    // a deadline passed without an answer
	KindRejected                   // the server refused explicitly
	KindProtocol                   // the peer broke the protocol
	KindClosed                     // the connection was already closed
	KindLimit                      // this machine ran out: descriptors, ports, memory
	KindCanceled                   // the context was cancelled
)

var kindNames = [...]string{"internal", "usage", "unreachable", "tls", "timeout", "rejected", "protocol", "closed", "limit", "canceled"}

func (k ErrKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Stage is where in a handshake something happened.
type Stage string

// Stages of a handshake. StageConnected means after the server said yes.
const (
	StageDial      Stage = "dial"
	StageUpgrade   Stage = "upgrade"   // the HTTP answer to the first request
	StageNamespace Stage = "namespace" // Socket.IO CONNECT_ERROR
	StageConnected Stage = "connected"
)

// Error is the error type of every rtk client operation.
type Error struct {
	Op     string // what was attempted: "dial", "send", "handshake"
	Target string // without credentials or query
	Kind   ErrKind
	Stage  Stage
	Status int    // HTTP status, 0 if there was none
	Code   string // the server's own code or message, from CONNECT_ERROR or the body
	Err    error
}

func (e *Error) Error() string {
	s := e.Op
	if e.Target != "" {
		s += " " + e.Target
	}
	switch {
	case e.Status != 0 && e.Code != "":
		s += ": " + strconv.Itoa(e.Status) + " " + e.Code
	case e.Status != 0:
		s += ": status " + strconv.Itoa(e.Status)
	case e.Code != "":
		s += ": " + e.Code
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, KindInternal
// when there is none.
func KindOf(err error) ErrKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}
