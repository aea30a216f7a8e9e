package client

import (
	"context"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// sse2 reads a stream through net/http: HTTP/2, where many streams share a
// connection, and the first answer of a TLS server that turned out to speak
// HTTP/1.1.
type sse2 struct {
	body   io.ReadCloser
	cancel context.CancelFunc
	life   context.Context // ends with cancel
	holed  atomic.Bool     // a blackhole: see rt.Breaker
	b      []byte
	m      rt.Message
}

func (d *Dialer) openSSE2(ctx context.Context, r *rt.DialRequest, u *url.URL, info *rt.ConnInfo) (sseSource, *rt.Error) {
	// The stream outlives the handshake, so it gets a context of its own.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	tr := &traced{}
	resp, err := d.transport(&r.Target, routeOf(r), false).RoundTrip(d.sseRequest(tr.with(life), r, u))
	if !stop() && err == nil {
		_ = resp.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		return nil, requestFailure("dial", &r.Target, ctxError(ctx, plain(err)))
	}
	if e := checkSSE(&r.Target, resp); e != nil {
		cancel()
		_ = resp.Body.Close()
		return nil, e
	}
	d.learnProto(u.Host, resp.ProtoMajor)
	tr.answered(info)
	info.Proto = resp.Proto
	return &sse2{body: resp.Body, cancel: cancel, life: life, b: make([]byte, 1024)}, nil
}

// requestFailure sorts an error of net/http by whether a connection came about.
func requestFailure(op string, t *rt.Target, err error) *rt.Error {
	e := failure(op, t, rt.StageUpgrade, err)
	switch e.Kind {
	case rt.KindUnreachable, rt.KindLimit, rt.KindTLS:
		e.Stage = rt.StageDial
	case rt.KindInternal:
		e.Kind = rt.KindProtocol
		if strings.HasPrefix(err.Error(), "net/http: invalid") {
			e.Kind = rt.KindUsage // a method or header that can't be sent
		}
	}
	return e
}

func (s *sse2) next() ([]byte, time.Time, *rt.Message, error) {
	n, err := s.body.Read(s.b)
	if s.holed.Load() {
		<-s.life.Done()
		return nil, time.Time{}, nil, s.life.Err()
	}
	return s.b[:n], time.Now(), &s.m, err
}

func (s *sse2) stop()    { s.cancel() }
func (s *sse2) abort()   { s.cancel() }
func (s *sse2) release() { _ = s.body.Close() }
