package server

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// PayloadError says what is wrong with the payload of an event and where. The
// client is told all of it, the pointer as "pointer" beside code and message.
type PayloadError struct {
	Code    string // "" is "invalid_payload"
	Event   string
	Pointer string // JSON Pointer (RFC 6901) into the payload; "" is the whole
	Problem string // for people, such as "got number, want string"
}

func (e *PayloadError) Error() string {
	if e.Pointer == "" {
		return fmt.Sprintf("event %q: %s", e.Event, e.Problem)
	}
	return fmt.Sprintf("event %q: %s: %s", e.Event, e.Pointer, e.Problem)
}

// ErrorCode returns the code.
func (e *PayloadError) ErrorCode() string {
	if e.Code == "" {
		return CodeInvalidPayload
	}
	return e.Code
}

// CodeInvalidPayload is the code of a payload that breaks the contract.
const CodeInvalidPayload = "invalid_payload"

// PublicError is what a client may know of an error: code and message of an
// *Error or of another error with a method ErrorCode() string, otherwise code
// "internal" without its text. It is for Options.EncodeError.
func PublicError(err error) (code, message string) {
	code, message, _ = publicError(err)
	return code, message
}

// errorObject is what a client is told of an event that failed, as JSON:
// Options.EncodeError or {"ok":false,"error":{"code":…,"message":…}}.
func (c *Conn) errorObject(err error, retry time.Duration) []byte {
	if encode := c.ns.srv.opts.EncodeError; encode != nil {
		if b := c.encodeError(encode, err); b != nil {
			return b
		}
	}
	return errorObject(err, retry)
}

// encodeError returns nil when encode fails.
func (c *Conn) encodeError(encode func(*Conn, error) any, err error) (b []byte) {
	defer func() {
		if p := recover(); p != nil {
			b = nil
			c.ns.srv.log.Error("EncodeError panicked", "conn", c.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	b, bad := marshal(encode(c, err))
	if bad != nil {
		c.ns.srv.log.Error("EncodeError", "conn", c.id, "error", bad)
		return nil
	}
	return b
}

// appendException appends the frame that tells a plain WebSocket client without
// an id that its event failed: the profile's, or the object of EncodeError.
func (c *Conn) appendException(dst []byte, err error, event string, data []byte) []byte {
	profile := c.ns.srv.opts.WSProfile
	if c.ns.srv.opts.EncodeError != nil {
		return nestws.AppendExceptionObject(dst, profile, c.errorObject(err, 0))
	}
	_, message, _ := publicError(err)
	return nestws.AppendException(dst, profile, message, event, data)
}

// failed logs an error whose text the client isn't told.
func (n *Namespace) failed(event string, c *Conn, err error) {
	if _, _, told := publicError(err); !told {
		n.srv.log.Error("handler failed", "namespace", n.name, "event", clip(event, 64), "conn", c.id, "error", err)
	}
}

// errorObject is {"ok":false,"error":{"code":…,"message":…}}, with pointer for
// a *PayloadError and retryAfterMs when retry is not 0.
func errorObject(err error, retry time.Duration) []byte {
	code, message, _ := publicError(err)
	b := append(make([]byte, 0, 64+len(message)), `{"ok":false,"error":{"code":`...)
	b = rawjson.AppendQuote(b, code)
	b = append(b, `,"message":`...)
	b = rawjson.AppendQuote(b, message)
	if p, ok := errors.AsType[*PayloadError](err); ok {
		b = append(b, `,"pointer":`...)
		b = rawjson.AppendQuote(b, p.Pointer)
	}
	if t, ok := errors.AsType[*throttled](err); ok {
		retry = t.retry
	}
	if retry > 0 {
		b = append(b, `,"retryAfterMs":`...)
		b = strconv.AppendInt(b, int64((retry+time.Millisecond-1)/time.Millisecond), 10)
	}
	return append(b, "}}"...)
}
