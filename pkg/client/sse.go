package client

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

// sseConn is one stream of server-sent events. How the bytes arrive is the
// source's business: sseh1.go or sseh2.go.
type sseConn struct {
	conn
	src    sseSource
	parser sse.Parser
	yield  func(*sse.Message) error
	m      *rt.Message // of the chunk being parsed
	at     time.Time
}

// sseSource delivers the body of the response.
type sseSource interface {
	// next returns the next part of the body, when it arrived, and a message to
	// fill. All are valid until the next call. io.EOF is the proper end.
	next() ([]byte, time.Time, *rt.Message, error)
	stop()  // ends next, from any goroutine
	abort() // stop with a reset
	breakOff(rt.BreakHow)
	release() // gives buffers back; after the last next
}

var _ rt.Conn = (*sseConn)(nil)

func (d *Dialer) dialSSE(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	start := time.Now()
	info := rt.ConnInfo{Transport: rt.TransportSSE}
	u := requestURL(r, nil)
	var src sseSource
	var err *rt.Error
	if d.speaksHTTP1(&r.Target, u) {
		src, err = d.openSSE1(ctx, r, u, &info)
	} else {
		src, err = d.openSSE2(ctx, r, u, &info)
	}
	if err != nil {
		return nil, err
	}
	info.Phases.Total = time.Since(start)
	c := &sseConn{src: src}
	c.init(d, r, h, info)
	if s, ok := src.(*sse1); ok {
		c.pace = s.l.pace
	}
	c.parser.MaxEvent = d.opt.MaxMessage
	c.yield = c.event
	c.running.Add(1)
	go c.run(start.Add(info.Phases.Total))
	return c, nil
}

// speaksHTTP1 decides between the lean HTTP/1.1 client of this package and
// net/http. Without a version a TLS server is asked once what it speaks.
func (d *Dialer) speaksHTTP1(t *rt.Target, u *url.URL) bool {
	if t.HTTPVersion != "" || u.Scheme == "http" {
		return t.HTTPVersion != http2
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sseProto[u.Host] == http11
}

// learnProto remembers what the TLS server of a host speaks.
func (d *Dialer) learnProto(host string, major int) {
	if major != 1 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sseProto == nil {
		d.sseProto = map[string]string{}
	}
	d.sseProto[host] = http11
}

// sseRequest builds the request for a stream (HTML standard, server-sent
// events, "Last-Event-ID").
func (d *Dialer) sseRequest(ctx context.Context, r *rt.DialRequest, u *url.URL) *http.Request {
	req := d.newRequest(ctx, http.MethodGet, u, r.Header, nil)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-cache")
	if r.LastEventID != "" {
		req.Header.Set("Last-Event-ID", r.LastEventID)
	}
	return req
}

// checkSSE holds the response header against what a stream must say.
func checkSSE(t *rt.Target, resp *http.Response) *rt.Error {
	if resp.StatusCode != http.StatusOK {
		var body []byte
		if resp.StatusCode >= 400 {
			body, _ = io.ReadAll(io.LimitReader(resp.Body, 4096))
		}
		e := refusal("dial", t, rt.StageUpgrade, resp.StatusCode, body)
		if resp.StatusCode == http.StatusNoContent {
			e.Kind, e.Err = rt.KindRejected, errors.New("server has no stream to give and wants no further attempt")
		}
		return e
	}
	ct, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if ct != "text/event-stream" {
		return &rt.Error{
			Op: "dial", Target: t.String(), Kind: rt.KindProtocol, Stage: rt.StageUpgrade, Status: resp.StatusCode,
			Err: errors.New("content type of the answer is " + strconv.Quote(clean(ct)) + ", not text/event-stream"),
		}
	}
	return nil
}

// run is the read goroutine.
func (c *sseConn) run(at time.Time) {
	defer c.running.Done()
	c.opened(at)
	var err error
	for err == nil {
		err = c.read()
	}
	if errors.Is(err, errStreamEnd) {
		c.end(rt.ByPeer, 0, "end of stream", nil)
	} else {
		c.lost(err)
	}
	c.src.stop()
	c.src.release()
	c.finish()
}

func (c *sseConn) opened(at time.Time) {
	c.h.OnMessage(&rt.Message{At: at, Kind: rt.KindConnect, Transport: rt.TransportSSE, AckID: rt.NoAck})
}

func (c *sseConn) read() error {
	b, at, m, err := c.src.next()
	if len(b) > 0 {
		c.at, c.m = at, m
		if perr := c.parser.Feed(b, c.yield); perr != nil {
			if errors.Is(perr, sse.ErrTooLong) {
				perr = broken(perr)
			}
			return perr
		}
	}
	if errors.Is(err, io.EOF) {
		return errStreamEnd
	}
	return err
}

func (c *sseConn) event(e *sse.Message) error {
	m := c.m
	*m = rt.Message{At: c.at, Transport: rt.TransportSSE, AckID: rt.NoAck, Body: e.Data, Size: len(e.Data)}
	switch e.Kind {
	case sse.KindEvent:
		m.Kind, m.Event, m.ID = rt.KindEvent, e.Type, e.ID
	case sse.KindComment:
		m.Kind = rt.KindComment
	case sse.KindRetry:
		m.Kind = rt.KindRetry
		m.Body = strconv.AppendInt(nil, e.Retry.Milliseconds(), 10)
		m.Size = len(m.Body)
	}
	c.h.OnMessage(m)
	return nil
}

// Send fails: a stream has one direction.
func (c *sseConn) Send(context.Context, *rt.Outgoing) error { return c.usage(errSSESend) }

// Close ends the stream.
func (c *sseConn) Close() error {
	c.end(rt.ByLocal, 0, "", nil)
	c.src.stop()
	c.running.Wait()
	return nil
}

// Abort resets the connection; on HTTP/2 the stream.
func (c *sseConn) Abort() {
	c.end(rt.ByLocal, 0, "", nil)
	c.src.abort()
}
