package peers

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// Errors of Forward, before anything has been sent to the client.
var (
	// ErrUnknownPod means that no pod has the tag of the session.
	ErrUnknownPod = errors.New("no pod has this session's tag")
	// ErrBusy means that MaxForwards requests are under way, or the end has come.
	ErrBusy = errors.New("too many requests of other pods' sessions")
)

// proxy is the way to one peer.
type proxy struct{ reverse httputil.ReverseProxy }

type targetKey struct{}

func (x *proxy) init(p *Peers, via http.RoundTripper) {
	x.reverse = httputil.ReverseProxy{
		Transport: via,
		ErrorLog:  slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		Rewrite: func(r *httputil.ProxyRequest) {
			u := r.In.Context().Value(targetKey{}).(*url.URL)
			r.Out.URL.Scheme, r.Out.URL.Host = u.Scheme, u.Host
			r.Out.Host = r.In.Host // the same-origin rule looks at it
			r.Out.Header.Set(header, p.sign(r.In.Method, r.Out.URL.RequestURI(), r.In.RemoteAddr, time.Now()))
		},
		ModifyResponse: func(r *http.Response) error {
			// This pod has set its own; a browser refuses two of them.
			for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Vary"} {
				r.Header.Del(name)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() != nil {
				return // the client has hung up
			}
			p.failed.Add(1)
			p.log.Warn("a peer does not answer", "peer", r.Context().Value(targetKey{}).(*url.URL).Host, "error", err)
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte(`{"error":{"code":"peer_unreachable","message":"the pod of this session does not answer"}}` + "\n"))
		},
	}
}

// Forward passes a request on to the pod of the session sid, and the answer back.
// When it returns an error the request has not been answered. A WebSocket is
// passed through until either side ends it. The caller has checked that the
// request did not come from another pod.
func (p *Peers) Forward(w http.ResponseWriter, r *http.Request, sid string) error {
	select {
	case p.slots <- struct{}{}:
	default:
		return ErrBusy
	}
	defer func() { <-p.slots }()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.stop, cancel)()
	if p.stopped.Load() {
		return ErrBusy
	}
	target := p.table.lookup(ctx, sid[:TagLength])
	if target == nil {
		return ErrUnknownPod
	}
	p.forwarded.Add(1)
	rc := http.NewResponseController(w)
	if r.Header.Get("Upgrade") == "" {
		now := time.Now()
		_ = rc.SetWriteDeadline(now.Add(p.opts.AnswerTimeout + p.opts.WriteTimeout))
		defer func() { _ = rc.SetWriteDeadline(time.Time{}) }()
		if r.ContentLength != 0 {
			_ = rc.SetReadDeadline(now.Add(p.opts.ReadTimeout))
			r.Body = &body{http.MaxBytesReader(w, r.Body, p.opts.MaxBody), rc}
		}
	}
	p.proxy.reverse.ServeHTTP(w, r.WithContext(context.WithValue(ctx, targetKey{}, target)))
	return nil
}

// body is a request's body that is read under a deadline. The deadline ends with
// it: the answer may take longer.
type body struct {
	io.ReadCloser
	rc *http.ResponseController
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (b *body) Close() error {
	_ = b.rc.SetReadDeadline(time.Time{})
	return b.ReadCloser.Close()
}
