package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 120 * time.Second
	// maxHeader leaves room for a token of 8 KiB beside other cookies.
	maxHeader = 32 << 10
	// maxStreams is per HTTP/2 connection: a browser has one for all its tabs,
	// a proxy one for many users, and an event stream lasts.
	maxStreams = 10_000
)

// newHTTPServer is a server without WriteTimeout, which would cut event streams
// and long polls; what writes slowly has deadlines of its own.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      30 * time.Second,
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     15 * time.Second,
		},
		// Bad handshakes and the like are the clients' doing.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// listener counts failures to accept, which are the first sign of too few
// descriptors.
type listener struct {
	net.Listener
	errors atomic.Uint64
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		l.errors.Add(1)
	}
	return c, err
}

// listen opens addr; name is the flag it came from.
func listen(ctx context.Context, name, addr string) (*listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, hint(fmt.Errorf("listen on %s: the address is in use", addr),
			"is another rtk serve running?", "take another port with   --"+name+" 127.0.0.1:0")
	case errors.Is(err, syscall.EACCES):
		return nil, hint(fmt.Errorf("listen on %s: permission denied", addr), "ports below 1024 need privileges")
	case err != nil:
		if _, ok := errors.AsType[*net.OpError](err); ok {
			return nil, hint(usagef("listen on %s: %w", addr, errors.Unwrap(err)), "want HOST:PORT, as in   --"+name+" 127.0.0.1:3000")
		}
		return nil, usagef("--%s %q: %w", name, addr, err)
	}
	return &listener{Listener: l}, nil
}

// tlsConfig loads the certificate, nil without one.
func (f *serveFlags) tlsConfig() (*tls.Config, error) {
	if f.tlsCert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
	if err != nil {
		return nil, usagef("--tls-cert and --tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// gatewayStats is the gateway as the admin listener sees it: its own figures
// and those of the listener in front of it.
type gatewayStats struct {
	*server.Server
	listener *listener
}

func (g gatewayStats) Stats() stats.Pod {
	p := g.Server.Stats()
	p.Connections.AcceptErrors = g.listener.errors.Load()
	return p
}
