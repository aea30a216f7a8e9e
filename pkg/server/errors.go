package server

import (
	"errors"
	"fmt"
)

// Errors of this package.
var (
	// ErrClosed means that the connection or the server has ended.
	ErrClosed = errors.New("connection is closed")
	// ErrAckTimeout means that the client did not acknowledge in time.
	ErrAckTimeout = errors.New("the client sent no acknowledgement in time")
	// ErrAckUnsupported means that the client's protocol can't acknowledge.
	ErrAckUnsupported = errors.New("this protocol has no acknowledgements from clients")
	// ErrReservedEvent means that Socket.IO keeps the event name for itself.
	ErrReservedEvent = errors.New("reserved event name")
	// ErrTooManyRooms means that a connection is in Options.MaxRooms rooms.
	ErrTooManyRooms = errors.New("connection is in too many rooms")
	// ErrTooLarge means that a message is larger than the queue of a client.
	ErrTooLarge = errors.New("message is larger than the outbound queue")
)

// Error is an error that the client is told: Code and Message reach it as they
// are. Any other error from a handler reaches it as code "internal" without its
// text. An error type of another package takes part by a method
// ErrorCode() string.
type Error struct {
	Code    string // for programs, in snake_case
	Message string // for people
	Data    any    // more for programs; it must marshal to JSON. CONNECT_ERROR only
}

// Errorf returns an *Error with a formatted message.
func Errorf(code, format string, a ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, a...)}
}

func (e *Error) Error() string { return e.Message }

// ErrorCode returns the code.
func (e *Error) ErrorCode() string { return e.Code }

// codeInternal stands for errors whose text is not the client's business.
const (
	codeInternal    = "internal"
	codeBadRequest  = "bad_request"
	codeUnknown     = "unknown_event"
	codeRateLimited = "rate_limited"
	textInternal    = "Internal server error"
)

// publicError returns what a client may know of err; told is false when that is
// only that something went wrong.
func publicError(err error) (code, message string, told bool) {
	var coded interface {
		error
		ErrorCode() string
	}
	if errors.As(err, &coded) {
		return coded.ErrorCode(), coded.Error(), true
	}
	return codeInternal, textInternal, false
}
