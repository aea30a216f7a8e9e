package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// transportKey names a transport that requests may share: they take the same
// route and trust the same certificates.
type transportKey struct {
	via      route
	insecure bool
	version  string
	fresh    bool // a connection for each request
}

// HTTP versions, as in rt.Target.HTTPVersion.
const (
	http11 = "1.1"
	http2  = "2"
)

// idleTimeout is shorter than the 5 s after which Node closes an idle
// connection: a request that meets that end on its way would look like a loss.
const idleTimeout = 4 * time.Second

// transport returns the shared transport for a kind of request.
func (d *Dialer) transport(t *rt.Target, via route, fresh bool) *http.Transport {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := transportKey{via, t.Insecure, t.HTTPVersion, fresh}
	if tr := d.transports[k]; tr != nil {
		return tr
	}
	if d.transports == nil {
		d.transports = map[transportKey]*http.Transport{}
	}
	tr := d.newTransport(t, via, t.HTTPVersion)
	tr.DisableKeepAlives = fresh
	d.transports[k] = tr
	return tr
}

// newTransport returns a transport that dials as Dial does. Version "1.1" never
// speaks HTTP/2; "2" speaks nothing else, over plain TCP with prior knowledge;
// "" leaves it to ALPN.
func (d *Dialer) newTransport(t *rt.Target, via route, version string) *http.Transport {
	var p http.Protocols
	p.SetHTTP1(version != http2)
	p.SetHTTP2(version != http11)
	p.SetUnencryptedHTTP2(version == http2)
	tlsConfig := d.tlsConfig(t, "")
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			var ph rt.Phases
			return d.connectTCP(ctx, &url.URL{Scheme: "http", Host: address}, via, &ph)
		},
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    d.opt.HandshakeTimeout,
		Protocols:              &p,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: d.opt.WriteTimeout},
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHead,
		DisableCompression:     true,
		ReadBufferSize:         1024,
		WriteBufferSize:        1024,
	}
}

// newRequest builds a request with the headers of the Dialer.
func (d *Dialer) newRequest(ctx context.Context, method string, u *url.URL, header http.Header, body []byte) *http.Request {
	clean := *u
	clean.User = nil
	req := &http.Request{
		Method: method, URL: &clean, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: d.header(u, header),
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	if body != nil {
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return req.WithContext(ctx)
}

// traced measures the phases of a connection that a request opens, and learns
// its addresses. The transport may go on dialling after the request is done,
// hence the lock.
type traced struct {
	mu            sync.Mutex
	phases        rt.Phases
	local, remote string
	start         time.Time
}

func (tr *traced) with(ctx context.Context) context.Context {
	tr.start = time.Now()
	dns, tcp, tlsHandshake := tr.start, tr.start, tr.start
	note := func(f func()) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		f()
	}
	since := func(phase *time.Duration, start *time.Time) { note(func() { *phase = time.Since(*start) }) }
	now := func(start *time.Time) { note(func() { *start = time.Now() }) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { now(&dns) },
		DNSDone:           func(httptrace.DNSDoneInfo) { since(&tr.phases.DNS, &dns) },
		ConnectStart:      func(string, string) { now(&tcp) },
		ConnectDone:       func(string, string, error) { since(&tr.phases.TCP, &tcp) },
		TLSHandshakeStart: func() { now(&tlsHandshake) },
		TLSHandshakeDone:  func(tls.ConnectionState, error) { since(&tr.phases.TLS, &tlsHandshake) },
		GotConn: func(i httptrace.GotConnInfo) {
			note(func() { tr.local, tr.remote = i.Conn.LocalAddr().String(), i.Conn.RemoteAddr().String() })
		},
	})
}

// answered ends the measurement at the response header and completes info.
func (tr *traced) answered(info *rt.ConnInfo) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	p := tr.phases
	p.Upgrade = max(0, time.Since(tr.start)-p.DNS-p.TCP-p.TLS)
	info.Phases, info.Local, info.Remote = p, tr.local, tr.remote
}
