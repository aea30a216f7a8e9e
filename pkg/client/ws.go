package client

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// ws is an open WebSocket: gorilla/websocket did the opening handshake and
// writes, the frame reader reads. gorilla writes nothing on its own, because its
// read side is not used; so the owner serialises all writes, and there may be
// other writers than gorilla.
type ws struct {
	l      *link
	gorl   *websocket.Conn // nil without compression: then nobody needs its buffers
	frames frameReader

	// Of the read goroutine.
	c     *conn
	sink  frameSink
	code  int    // of the peer's close frame
	owed  []byte // see answerNow
	owing bool   // the rest of a frame is owed
}

// dialWS opens a WebSocket to u, an http or https URL.
func (d *Dialer) dialWS(ctx context.Context, t *rt.Target, u *url.URL, header http.Header, via route) (*ws, rt.Phases, *rt.Error) {
	s, fail := d.connect(ctx, t, u, via, "http/1.1")
	if fail != nil {
		return nil, rt.Phases{}, fail
	}
	l := newLink(d, s.nc, s.raw)
	// gorilla looks at deadlines only, not at a context that is cancelled.
	stop := context.AfterFunc(ctx, func() { _ = l.nc.SetDeadline(time.Unix(1, 0)) })
	start := time.Now()
	dial := func(context.Context, string, string) (net.Conn, error) { return l, nil }
	gd := websocket.Dialer{
		NetDialContext: dial, NetDialTLSContext: dial,
		ReadBufferSize:  128,
		WriteBufferSize: d.opt.WriteBuffer, WriteBufferPool: &d.frameBufs,
		EnableCompression: d.opt.Compression,
	}
	wu := *u
	wu.Scheme, wu.User = strings.Replace(u.Scheme, "http", "ws", 1), nil
	conn, resp, err := gd.DialContext(ctx, wu.String(), d.header(u, header)) //nolint:bodyclose // gorilla gives a copy in memory
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		defer l.drop()
		_ = l.Close()
		return nil, s.phases, upgradeFailure(ctx, t, resp, err)
	}
	s.phases.Upgrade = time.Since(start)
	l.handshakeDone()
	l.pace = newPacer(via.rate)
	w := &ws{l: l, frames: frameReader{l: l, max: d.opt.MaxMessage}}
	if resp.Header.Get("Sec-Websocket-Extensions") != "" {
		w.gorl, w.frames.deflate = conn, true
	}
	return w, s.phases, nil
}

func upgradeFailure(ctx context.Context, t *rt.Target, resp *http.Response, err error) *rt.Error {
	if errors.Is(err, websocket.ErrBadHandshake) && resp != nil {
		var body []byte
		if resp.StatusCode >= 400 {
			body, _ = io.ReadAll(io.LimitReader(resp.Body, 4096))
		}
		e := refusal("dial", t, rt.StageUpgrade, resp.StatusCode, body)
		if e.Kind == rt.KindProtocol {
			e.Err = errors.New("server did not switch to WebSocket")
		}
		return e
	}
	e := failure("dial", t, rt.StageUpgrade, ctxError(ctx, err))
	if e.Kind == rt.KindInternal {
		// What is left are answers that gorilla can't accept.
		e.Kind = rt.KindProtocol
		if strings.Contains(err.Error(), "duplicate header not allowed") {
			e.Kind = rt.KindUsage
		}
	}
	return e
}

// header completes the headers of a request. Credentials of the URL become an
// Authorization header, unless there is one.
func (d *Dialer) header(u *url.URL, extra http.Header) http.Header {
	h := make(http.Header, len(extra)+2)
	h["User-Agent"] = []string{d.opt.UserAgent}
	if u.User != nil {
		password, _ := u.User.Password()
		r := http.Request{Header: h}
		r.SetBasicAuth(u.User.Username(), password)
	}
	maps.Copy(h, extra)
	return h
}

// write sends one message or control frame. It is one frame: gorilla would split
// a message that is longer than its buffer, and so put another load on the
// server than the caller means. Compressed messages are left to it.
func (w *ws) write(ctx context.Context, op byte, p []byte) error {
	w.l.wctx = ctx
	defer func() { w.l.wctx = nil }()
	if w.gorl != nil {
		return w.gorl.WriteMessage(int(op), p)
	}
	b := w.l.d.takeSendBuf()
	defer w.l.d.giveSendBuf(b)
	*b = appendFrame(*b, op, p, maskingKey())
	_, err := w.l.Write(*b)
	return err
}

// maskingKey is unpredictable, as RFC 6455, section 5.3, wants it.
func maskingKey() uint32 { return rand.Uint32() }

// closeFrame returns the payload of a close frame.
func closeFrame(code int, reason string) []byte {
	return websocket.FormatCloseMessage(code, reason)
}

// parseClose reads the payload of a close frame (RFC 6455, section 5.5.1).
func parseClose(p []byte) (code int, reason string) {
	if len(p) < 2 {
		return closeNoStatus, ""
	}
	return int(binary.BigEndian.Uint16(p)), string(p[2:])
}
