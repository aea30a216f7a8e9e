package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// route is how to get to a target: from which address, and where to instead of
// the target's own host and port. Empty fields leave it open.
type route struct {
	local, addr string
	rate        int64 // bytes a second to read, 0 for all that comes
}

func routeOf(r *rt.DialRequest) route { return route{r.LocalAddr, r.DialAddr, r.ReadRate} }

// socket is an open transport connection and how long it took.
type socket struct {
	nc, raw net.Conn // raw is below TLS
	alpn    string
	phases  rt.Phases // DNS, TCP and TLS
}

// connect opens a TCP or TLS connection to the host of u. alpn is offered in
// TLS. The caller bounds ctx.
func (d *Dialer) connect(ctx context.Context, t *rt.Target, u *url.URL, via route, alpn ...string) (*socket, *rt.Error) {
	s := &socket{}
	var err error
	if s.raw, err = d.connectTCP(ctx, u, via, &s.phases); err != nil {
		return nil, failure("dial", t, rt.StageDial, ctxError(ctx, err))
	}
	s.nc = s.raw
	if u.Scheme != "https" {
		return s, nil
	}
	start := time.Now()
	tc := tls.Client(s.raw, d.tlsConfig(t, u.Hostname(), alpn...))
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = s.raw.Close()
		e := failure("dial", t, rt.StageDial, ctxError(ctx, err))
		if e.Kind == rt.KindInternal || e.Kind == rt.KindClosed {
			e.Kind = rt.KindTLS
		}
		return nil, e
	}
	s.phases.TLS = time.Since(start)
	s.nc, s.alpn = tc, tc.ConnectionState().NegotiatedProtocol
	return s, nil
}

// ctxError prefers the reason for which a context ended over what the network
// made of it.
func ctxError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (d *Dialer) connectTCP(ctx context.Context, u *url.URL, via route, ph *rt.Phases) (net.Conn, error) {
	address := hostPort(u)
	if via.addr != "" {
		address = via.addr
	}
	start := time.Now()
	if d.opt.DialContext != nil {
		nc, err := d.opt.DialContext(ctx, "tcp", address)
		ph.TCP = time.Since(start)
		return nc, err
	}
	nd := net.Dialer{Resolver: d.opt.Resolver}
	if via.local != "" {
		ip := net.ParseIP(via.local)
		if ip == nil {
			return nil, &rt.Error{Op: "dial", Kind: rt.KindUsage, Err: &net.AddrError{Err: "source address is not an IP address", Addr: via.local}}
		}
		nd.LocalAddr = &net.TCPAddr{IP: ip}
		nd.Control = controlBoundSocket
	}
	if via.rate > 0 {
		nd.Control = controlSmallWindow(nd.Control)
	}
	var dnsStart time.Time
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { dnsStart = time.Now() },
		DNSDone:  func(httptrace.DNSDoneInfo) { ph.DNS = time.Since(dnsStart) },
	})
	if via.addr == "" { // an address that was asked for is meant as it is
		address = d.resolved(address)
	}
	nc, err := nd.DialContext(ctx, "tcp", address)
	ph.TCP = time.Since(start) - ph.DNS
	if tcp, ok := nc.(*net.TCPConn); ok && via.rate > 0 && err == nil {
		_ = tcp.SetReadBuffer(smallWindow) // where it could not be set before
	}
	return nc, err
}

// resolved applies Options.Resolve.
func (d *Dialer) resolved(address string) string {
	if to, ok := d.opt.Resolve[address]; ok {
		return withPort(to, address)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if to, ok := d.opt.Resolve[host]; ok {
		return withPort(to, address)
	}
	return address
}

// withPort adds the port of address to to if it has none.
func withPort(to, address string) string {
	if _, _, err := net.SplitHostPort(to); err == nil {
		return to
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return to
	}
	return net.JoinHostPort(to, port)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (d *Dialer) tlsConfig(t *rt.Target, serverName string, alpn ...string) *tls.Config {
	return &tls.Config{
		ServerName:         serverName,
		RootCAs:            d.opt.RootCAs,
		Certificates:       d.opt.Certificates,
		InsecureSkipVerify: d.opt.Insecure || t.Insecure,
		NextProtos:         alpn,
	}
}
