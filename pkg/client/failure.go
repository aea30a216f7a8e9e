package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

var (
	errPingTimeout   = errors.New("no heartbeat from the server in time")
	errClosed        = errors.New("connection is closed")
	errNoNamespace   = errors.New("connection ended before the namespace was joined")
	errNoHandshake   = errors.New("connection ended before the Engine.IO handshake")
	errServerLeft    = errors.New("server disconnected the socket")
	errServerClosed  = errors.New("server closed the session")
	errNoEvent       = errors.New("a message needs an event name, or the id of the event that it answers")
	errNotConnected  = errors.New("server refused the namespace")
	errSSESend       = errors.New("a server-sent event stream carries messages in one direction only")
	errStreamEnd     = errors.New("stream ended")
	errNoProtocol    = errors.New("protocol of the target is not known, name it in the target (sio+, ws+ or sse+) or probe it")
	errAttachments   = errors.New("only Socket.IO carries attachments")
	errAckNest       = errors.New("an ack to a request is not part of this framing")
	errBroken        = errors.New("connection was broken on purpose")
	errPeerWentQuiet = errors.New("peer does not read")
)

// failure builds the error of one operation on a target.
func failure(op string, t *rt.Target, stage rt.Stage, err error) *rt.Error {
	return &rt.Error{Op: op, Target: t.String(), Kind: kindOf(err), Stage: stage, Err: plain(err)}
}

// protocolError marks what a peer must not do.
type protocolError struct {
	text string
	code int // WebSocket close code that tells the peer so, 0 for none
}

func (e *protocolError) Error() string { return e.text }

// limitErrors are the system's ways to say that this machine ran out of
// something.
var limitErrors = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
}

// kindOf sorts an error of the network or the codecs.
func kindOf(err error) rt.ErrKind {
	if e, ok := errors.AsType[*rt.Error](err); ok {
		return e.Kind
	}
	for _, limit := range limitErrors {
		if errors.Is(err, limit) {
			return rt.KindLimit
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return rt.KindCanceled
	case isTimeout(err), errors.Is(err, errPingTimeout), errors.Is(err, errPeerWentQuiet):
		return rt.KindTimeout
	case isTLS(err):
		return rt.KindTLS
	}
	if _, ok := errors.AsType[*protocolError](err); ok {
		return rt.KindProtocol
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return rt.KindUnreachable
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return rt.KindUnreachable
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return rt.KindUnreachable
	case isGone(err):
		return rt.KindClosed
	}
	return rt.KindInternal
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// isGone reports whether err says that the connection is not there any more.
func isGone(err error) bool {
	for _, gone := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, errClosed,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}

// plain strips the wrappers that repeat a URL, whose query may hold a token.
func plain(err error) error {
	for {
		ue, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = ue.Err
	}
}
