package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/r3labs/sse/v2"
	"gopkg.in/cenkalti/backoff.v1"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Waits between the attempts of WatchSSE.
const (
	watchFirstWait = time.Second
	watchMaxWait   = 30 * time.Second
)

// WatchSSE follows one stream for a person to look at, and reconnects for ever
// with the last event id until ctx ends; then it returns ctx's error. A refusal
// with a 4xx status is final and returned as an *rt.Error.
//
// The handler hears of events as they come, and of connects and disconnects as
// messages of Direction Local; OnClose comes once, at the end. Comments and
// retry fields are not reported. It costs four goroutines and 50 kB, which one
// stream may; fleets use Dial.
func (d *Dialer) WatchSSE(ctx context.Context, rawURL string, header http.Header, lastEventID string, h rt.Handler) error {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return &rt.Error{Op: "watch", Kind: rt.KindUsage, Err: errNoURL}
	}
	w := &sseWatch{d: d, h: h, t: rt.Target{URL: u, Protocol: rt.SSE}, wait: backoff.NewExponentialBackOff()}
	c := w.client(ctx, u, header, lastEventID)
	// A stream that ends well makes the library return nil: that is no reason
	// for a watcher to stop.
	for ctx.Err() == nil {
		err := c.SubscribeRawWithContext(ctx, w.event)
		if e, ok := errors.AsType[*rt.Error](err); ok && e.Kind == rt.KindRejected {
			h.OnClose(rt.CloseInfo{At: time.Now(), By: rt.ByPeer, Reason: e.Code, Err: e})
			return e
		}
		if ctx.Err() == nil {
			w.lost(err, w.wait.InitialInterval)
			sleep(ctx, w.wait.InitialInterval)
		}
	}
	h.OnClose(rt.CloseInfo{At: time.Now(), By: rt.ByLocal})
	return ctx.Err()
}

type sseWatch struct {
	d    *Dialer
	h    rt.Handler
	t    rt.Target
	wait *backoff.ExponentialBackOff
}

func (w *sseWatch) client(ctx context.Context, u *url.URL, header http.Header, lastEventID string) *sse.Client {
	clean := *u
	clean.User = nil
	c := sse.NewClient(clean.String(), sse.ClientMaxBufferSize(w.d.opt.MaxMessage))
	for k, v := range w.d.header(u, header) {
		if len(v) > 0 {
			c.Headers[k] = v[0]
		}
	}
	if lastEventID != "" {
		c.LastEventID.Store([]byte(lastEventID))
	}
	c.Connection = &http.Client{
		Transport:     w.d.transport(&w.t, ""),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.ResponseValidator = w.validate
	// The library's own strategy gives up after 15 minutes, counted from the
	// first connect, and sleeps on when the context has ended.
	w.wait.InitialInterval, w.wait.MaxInterval, w.wait.MaxElapsedTime = watchFirstWait, watchMaxWait, 0
	c.ReconnectStrategy = backoff.WithContext(w.wait, ctx)
	c.ReconnectNotify = w.lost
	return c
}

func (w *sseWatch) validate(_ *sse.Client, resp *http.Response) error {
	if e := checkSSE(&w.t, resp); e != nil {
		_ = resp.Body.Close()
		if e.Kind == rt.KindRejected {
			return &backoff.PermanentError{Err: e}
		}
		return e
	}
	w.wait.Reset()
	w.local(rt.KindConnect, resp.Proto)
	return nil
}

// event reports an event and obeys its retry field, which the library does not.
// The library makes an empty event of a comment once it has seen an id.
func (w *sseWatch) event(e *sse.Event) {
	if ms, ok := parseDigits(e.Retry); ok && ms > 0 && ms < 1e9 {
		w.wait.InitialInterval = min(time.Duration(ms)*time.Millisecond, watchMaxWait)
		w.wait.Reset()
	}
	if len(e.Data) == 0 && len(e.Event) == 0 {
		return
	}
	m := rt.Message{
		At: time.Now(), Kind: rt.KindEvent, Transport: rt.TransportSSE, Event: string(e.Event), ID: string(e.ID),
		Body: e.Data, Size: len(e.Data), AckID: rt.NoAck,
	}
	if m.Event == "" {
		m.Event = "message"
	}
	w.h.OnMessage(&m)
}

// lost reports the end of a connection and when the next attempt follows.
func (w *sseWatch) lost(err error, wait time.Duration) {
	text := "stream ended"
	if err != nil {
		text = clean(plain(err).Error())
	}
	w.local(rt.KindDisconnect, text+", next attempt in "+wait.Round(time.Millisecond).String())
}

func (w *sseWatch) local(kind rt.Kind, body string) {
	w.h.OnMessage(&rt.Message{
		At: time.Now(), Dir: rt.Local, Kind: kind, Transport: rt.TransportSSE, Body: []byte(body), AckID: rt.NoAck,
	})
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
