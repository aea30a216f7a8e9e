package client

import (
	"context"
	"errors"
	"net"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

var _ rt.Dialer = (*Dialer)(nil)

// Dial implements rt.Dialer. The handshake is bounded by ctx and by
// Options.HandshakeTimeout. Close and Abort of the connection are safe at any
// time, except that Close waits for the handler and so must not be called by
// it; Abort may.
//
// A Socket.IO server that falls silent is noticed by its heartbeat. Plain
// WebSocket and SSE have none; there TCP keep-alive finds a dead peer within
// some minutes.
//
// What the server answers decides the kind of the error: HTTP 4xx is
// KindRejected, 5xx is KindUnreachable (a proxy without a server behind it),
// anything else that is not the asked protocol KindProtocol.
func (d *Dialer) Dial(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	dial, err := d.protocol(r)
	if err != nil {
		return nil, &rt.Error{Op: "dial", Target: r.Target.String(), Kind: rt.KindUsage, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.opt.HandshakeTimeout)
	defer cancel()
	if ctx.Err() != nil {
		return nil, failure("dial", &r.Target, rt.StageDial, ctx.Err())
	}
	// The handshake needs a deep stack, which the caller, who often lives as
	// long as the connection, shall not keep.
	type result struct {
		c   rt.Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := dial(ctx, r, h)
		done <- result{c, err}
	}()
	res := <-done
	return res.c, res.err
}

type dialFunc func(context.Context, *rt.DialRequest, rt.Handler) (rt.Conn, error)

func (d *Dialer) protocol(r *rt.DialRequest) (dialFunc, error) {
	switch {
	case r.Target.URL == nil || r.Target.URL.Host == "":
		return nil, errors.New("target has no URL")
	case r.Target.URL.Scheme != "http" && r.Target.URL.Scheme != "https":
		return nil, errors.New("scheme of the target is not http or https: " + r.Target.URL.Scheme)
	case r.LocalAddr != "" && net.ParseIP(r.LocalAddr) == nil:
		return nil, errors.New("source address is not an IP address: " + r.LocalAddr)
	}
	if err := checkDialAddr(r.DialAddr); err != nil {
		return nil, err
	}
	switch r.Target.Protocol {
	case rt.SocketIO:
		return d.dialSocketIO, nil
	case rt.WebSocket:
		return d.dialWebSocket, nil
	case rt.SSE:
		return d.dialSSE, nil
	case rt.HTTP:
		return nil, errors.New("plain HTTP has no connection to open, send a request")
	case "":
		return nil, errNoProtocol
	}
	return nil, errors.New("unknown protocol " + string(r.Target.Protocol))
}

// checkDialAddr checks the address that a request asks to connect to.
func checkDialAddr(addr string) error {
	if addr == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return errors.New("address to connect to is not host:port: " + addr)
	}
	return nil
}
