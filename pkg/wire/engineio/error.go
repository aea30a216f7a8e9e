package engineio

import (
	"net/http"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// HandshakeError is an answer of an Engine.IO server to a request it can't
// serve: an HTTP status and a JSON body.
type HandshakeError struct {
	Status  int // HTTP
	Code    int // Engine.IO
	Message string
}

// The handshake errors of Engine.IO 4, with its codes and messages.
var (
	ErrTransportUnknown   = &HandshakeError{http.StatusBadRequest, 0, "Transport unknown"}
	ErrSessionUnknown     = &HandshakeError{http.StatusBadRequest, 1, "Session ID unknown"}
	ErrBadMethod          = &HandshakeError{http.StatusBadRequest, 2, "Bad handshake method"}
	ErrBadRequest         = &HandshakeError{http.StatusBadRequest, 3, "Bad request"}
	ErrForbidden          = &HandshakeError{http.StatusForbidden, 4, "Forbidden"}
	ErrUnsupportedVersion = &HandshakeError{http.StatusBadRequest, 5, "Unsupported protocol version"}
)

// Error returns the code and the message.
func (e *HandshakeError) Error() string {
	return "engine.io error " + strconv.Itoa(e.Code) + ": " + e.Message
}

// JSON returns the body of the answer, {"code":0,"message":"Transport unknown"}.
func (e *HandshakeError) JSON() []byte {
	dst := append([]byte(nil), `{"code":`...)
	dst = strconv.AppendInt(dst, int64(e.Code), 10)
	dst = append(dst, `,"message":`...)
	dst = rawjson.AppendQuote(dst, e.Message)
	return append(dst, '}')
}
