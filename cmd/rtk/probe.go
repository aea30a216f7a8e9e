package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// probe asks an endpoint which protocol it speaks, fills in r.Target and says
// on stderr what it took it for:
//
//  1. a path that upgrades to WebSocket, or answers text/event-stream, is that;
//  2. a host with an Engine.IO handshake at /socket.io/ is Socket.IO, and the
//     path of the target is its namespace, as in socket.io-client;
//  3. anything else is tried as a plain WebSocket.
func probe(ctx context.Context, env *Env, f *watchFlags, r *rt.DialRequest) error {
	ctx, cancel := context.WithTimeout(ctx, f.connectTimeout)
	defer cancel()
	p := newProber(r)
	defer p.close()

	t := &r.Target
	root := t.URL.Path == "" || t.URL.Path == "/"
	steps := []func(context.Context) (rt.Protocol, error){p.askPath, p.askEngineIO}
	if root {
		steps[0], steps[1] = steps[1], steps[0]
	}
	var failures []error
	for _, ask := range steps {
		protocol, err := p.within(ctx, f.connectTimeout/2, ask)
		if err != nil {
			// A server may well hang up on, or leave open, a request that it
			// does not understand (Node's Socket.IO does both). Without a
			// connection there is nothing more to ask.
			if noConnection(err) || ctx.Err() != nil {
				return p.failure(err)
			}
			failures = append(failures, err)
			continue
		}
		if protocol == "" {
			continue
		}
		t.Protocol = protocol
		if protocol == rt.SocketIO && !root {
			t.Namespace = t.URL.Path
			u := *t.URL
			u.Path, u.RawPath = "/socket.io/", ""
			t.URL = &u
		}
		what := string(protocol)
		if t.Namespace != "" {
			what += ", namespace " + t.Namespace
		}
		fmt.Fprintf(env.Stderr, "rtk: %s speaks %s\n", t, what)
		return nil
	}
	if len(failures) == len(steps) {
		return p.failure(failures[0])
	}
	t.Protocol = rt.WebSocket
	fmt.Fprintf(env.Stderr, "rtk: %s says neither Socket.IO nor SSE, trying websocket; name another with --protocol\n", t)
	return nil
}

type prober struct {
	r    *rt.DialRequest
	http *http.Client
}

func newProber(r *rt.DialRequest) *prober {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: r.Target.Insecure}, //nolint:gosec // --insecure asks for it
		// An upgrade needs HTTP/1.1.
		TLSNextProto:      map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableKeepAlives: true,
	}
	return &prober{r, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// within bounds one question.
func (p *prober) within(ctx context.Context, d time.Duration, ask func(context.Context) (rt.Protocol, error)) (rt.Protocol, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return ask(ctx)
}

// noConnection reports whether err came before the request could be sent.
func noConnection(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || errors.As(err, &certificate) || errors.As(err, &record)
}

func (p *prober) close() { p.http.CloseIdleConnections() }

func (p *prober) do(ctx context.Context, method string, u *url.URL, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = p.r.Header.Clone()
	for k, v := range header {
		req.Header[k] = v
	}
	return p.http.Do(req)
}

// askPath offers the path of the target an upgrade and an event stream, and
// looks which of them it takes.
func (p *prober) askPath(ctx context.Context) (rt.Protocol, error) {
	res, err := p.do(ctx, http.MethodGet, p.r.Target.URL, http.Header{
		"Accept":                {"text/event-stream"},
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"cnRrIHByb2JlIHJlcXVlcw=="}, // any 16 bytes: the answer is not used
	}, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		return rt.WebSocket, nil
	case strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream"):
		return rt.SSE, nil
	}
	return "", nil
}

// askEngineIO begins an Engine.IO session over polling (Engine.IO 4,
// handshake) and closes it again.
func (p *prober) askEngineIO(ctx context.Context) (rt.Protocol, error) {
	u := *p.r.Target.URL
	u.Path, u.RawPath = "/socket.io/", ""
	q := u.Query()
	q.Set("EIO", "4")
	q.Set("transport", "polling")
	u.RawQuery = q.Encode()
	res, err := p.do(ctx, http.MethodGet, &u, nil, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	var open struct {
		SID     string `json:"sid"`
		Code    *int   `json:"code"`
		Message string `json:"message"`
	}
	if packet, ok := bytes.CutPrefix(body, []byte("0{")); ok {
		packet = append([]byte{'{'}, packet...)
		if end := bytes.IndexByte(packet, 0x1e); end >= 0 { // more packets follow
			packet = packet[:end]
		}
		if json.Unmarshal(packet, &open) != nil || open.SID == "" {
			return "", nil
		}
		q.Set("sid", open.SID)
		u.RawQuery = q.Encode()
		if res, err := p.do(ctx, http.MethodPost, &u, http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}, []byte("1")); err == nil {
			res.Body.Close()
		}
		return rt.SocketIO, nil
	}
	// A server that does not serve polling refuses in Engine.IO's own words.
	if json.Unmarshal(body, &open) == nil && open.Code != nil && open.Message != "" && res.StatusCode >= 400 {
		return rt.SocketIO, nil
	}
	return "", nil
}

// failure sorts an error of net/http, without the URL that it carries: the
// query may hold a token.
func (p *prober) failure(err error) error {
	e := &rt.Error{Op: "probe", Target: p.r.Target.String(), Kind: rt.KindUnreachable, Stage: rt.StageDial, Err: err}
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = u.Err
	}
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var network net.Error
	switch {
	case errors.As(err, &certificate), errors.As(err, &record):
		e.Kind = rt.KindTLS
	case errors.Is(err, context.Canceled):
		e.Kind = rt.KindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		e.Kind = rt.KindTimeout
		e.Err = fmt.Errorf("no answer: %w", e.Err)
	}
	return e
}
