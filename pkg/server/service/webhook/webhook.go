package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// Webhook is a service behind HTTP. It is safe for concurrent use.
type Webhook struct {
	opts    Options
	key     []byte
	client  *http.Client
	own     *http.Transport // nil with Options.Transport
	door    *bulkhead
	breaker breaker
	retries atomic.Uint64
}

var (
	_ service.Service = (*Webhook)(nil)
	_ service.Stater  = (*Webhook)(nil)
)

// New makes a Webhook. Errors never hold the secret or the URL.
func New(o Options) (*Webhook, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	key, err := signingKey(o.Secret)
	if err != nil {
		return nil, err
	}
	w := &Webhook{opts: o, key: key, door: newBulkhead(o.Concurrency, o.Queue)}
	transport := o.Transport
	if transport == nil {
		w.own = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			MaxIdleConns:           o.Concurrency,
			MaxIdleConnsPerHost:    o.Concurrency,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    o.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		}
		transport = w.own
	}
	w.client = &http.Client{
		Transport: transport,
		// The signature is for this endpoint, and so are the clients' data.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

// Close frees idle connections. Calls under way go on.
func (w *Webhook) Close() {
	if w.own != nil {
		w.own.CloseIdleConnections()
	}
}

// State returns the state of the circuit breaker: "closed", "open" or
// "half-open".
func (w *Webhook) State() string { return w.breaker.state(time.Now()) }

// Retries is the number of tries that followed a failed one.
func (w *Webhook) Retries() uint64 { return w.retries.Load() }

// Pauses between tries are random, up to a bound that doubles.
const (
	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
)

// Call implements service.Service. Its errors are *service.Outage.
func (w *Webhook) Call(ctx context.Context, c *service.Call) (*service.Answer, error) {
	body, err := service.EncodeCloudEvent(c)
	if err != nil {
		return nil, fmt.Errorf("encode the call: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.opts.Deadline)
	defer cancel()
	// There is one disconnect a connection: that is bound enough.
	patient := c.Hook == service.HookDisconnect
	for n := 0; ; n++ {
		a, err := w.try(ctx, c.ID, body, patient)
		if err == nil {
			return a, nil
		}
		again, retry := errors.AsType[*retryable](err)
		if !retry || n >= w.opts.Retries || !pause(ctx, n, again.after) {
			return nil, outage(err)
		}
		w.retries.Add(1)
	}
}

// retryable is a failure that may pass.
type retryable struct {
	err     error
	after   time.Duration // as the endpoint wishes
	timeout bool
}

func (r *retryable) Error() string { return r.err.Error() }
func (r *retryable) Unwrap() error { return r.err }

func outage(err error) error {
	r, passing := errors.AsType[*retryable](err)
	switch {
	case errors.Is(err, errFull):
		return service.Busy(err)
	case errors.Is(err, context.DeadlineExceeded), passing && r.timeout:
		return service.Timeout(err)
	}
	return service.Unavailable(err)
}

// pause waits before the try that follows number n; false when there is no time
// for it.
func pause(ctx context.Context, n int, after time.Duration) bool {
	d := rand.N(min(minPause<<min(n, 16), maxPause)) + after
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// try makes one request, if bulkhead and breaker allow it.
func (w *Webhook) try(ctx context.Context, id string, body []byte, patient bool) (*service.Answer, error) {
	if err := w.door.enter(ctx, patient); err != nil {
		return nil, err
	}
	defer w.door.leave()
	probe, err := w.breaker.allow(time.Now())
	if err != nil {
		return nil, err
	}
	tryCtx, cancel := context.WithTimeout(ctx, w.opts.Timeout)
	defer cancel()
	a, err := w.post(tryCtx, id, body)
	_, sick := errors.AsType[*retryable](err)
	if sick && errors.Is(ctx.Err(), context.Canceled) { // the gateway stops
		w.breaker.forgo(probe)
	} else {
		w.breaker.done(time.Now(), probe, !sick)
	}
	return a, err
}

// post makes one request. An error that is not *retryable is not the endpoint's
// momentary trouble.
func (w *Webhook) post(ctx context.Context, id string, body []byte) (*service.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.opts.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the request can't be made")
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", service.ContentType)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "rtk")
	req.Header.Set(HeaderIdempotencyKey, id)
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, now)
	if len(w.key) > 0 {
		req.Header.Set(HeaderSignature, sign(w.key, id, now, body))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, lost(ctx, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, int64(w.opts.MaxResponse)+1))
	switch {
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout,
		resp.StatusCode == http.StatusTooEarly, resp.StatusCode == http.StatusTooManyRequests:
		return nil, &retryable{err: fmt.Errorf("status %d", resp.StatusCode), after: retryAfter(resp.Header)}
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	case err != nil:
		return nil, lost(ctx, err)
	case len(answer) > w.opts.MaxResponse:
		return nil, fmt.Errorf("the response is larger than %d bytes", w.opts.MaxResponse)
	}
	a, err := service.ParseAnswer(answer)
	if err != nil {
		return nil, fmt.Errorf("the response is no %w", err)
	}
	return a, nil
}

// lost is the error of a request without a response. The URL, which net/http puts
// in front, stays out of it.
func lost(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &retryable{err: err, timeout: errors.Is(ctx.Err(), context.DeadlineExceeded)}
}

// retryAfter reads the seconds of Retry-After; its other form, a date, is for
// longer times than a call has.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}
