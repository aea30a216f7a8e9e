package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

var _ rt.Requester = (*Dialer)(nil)

// maxResponse bounds the body that a Response keeps, in bytes.
const maxResponse = 1 << 20

// Request implements rt.Requester. Any status is an answer, not an error; a
// redirect is not followed. The request is bounded by ctx and by its own
// Timeout or Options.HandshakeTimeout.
func (d *Dialer) Request(ctx context.Context, r *rt.Request) (*rt.Response, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &rt.Error{Op: "request", Kind: rt.KindUsage, Err: errors.New("URL of the request is not an http or https URL")}
	}
	t := rt.Target{URL: u, Protocol: rt.HTTP, Insecure: d.opt.Insecure}
	if r.LocalAddr != "" && net.ParseIP(r.LocalAddr) == nil {
		return nil, &rt.Error{Op: "request", Target: t.String(), Kind: rt.KindUsage, Err: errors.New("source address is not an IP address: " + r.LocalAddr)}
	}
	if err := checkDialAddr(r.DialAddr); err != nil {
		return nil, &rt.Error{Op: "request", Target: t.String(), Kind: rt.KindUsage, Err: err}
	}
	bound := d.opt.HandshakeTimeout
	if r.Timeout > 0 {
		bound = r.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	method := r.Method
	if method == "" {
		method = "GET"
	}
	resp, err := d.transport(&t, route{local: r.LocalAddr, addr: r.DialAddr}, r.Fresh).RoundTrip(d.newRequest(ctx, method, u, r.Header, r.Body))
	if err != nil {
		return nil, requestFailure("request", &t, ctxError(ctx, plain(err)))
	}
	defer func() { _ = resp.Body.Close() }()
	limit := int64(maxResponse)
	if r.MaxBody > 0 {
		limit = r.MaxBody
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return nil, requestFailure("request", &t, ctxError(ctx, err))
	}
	return &rt.Response{Status: resp.StatusCode, Header: resp.Header, Body: body, Proto: resp.Proto}, nil
}
