package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
)

// plainConn is a plain WebSocket with Nest or raw framing.
type plainConn struct {
	conn
	w         *ws
	raw       bool
	lastEvent string // most connections hear one event all day
}

var _ rt.Conn = (*plainConn)(nil)

func (d *Dialer) dialWebSocket(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	start := time.Now()
	w, phases, fail := d.dialWS(ctx, &r.Target, requestURL(r, nil), r.Header, routeOf(r))
	if fail != nil {
		return nil, fail
	}
	phases.Total = time.Since(start)
	c := &plainConn{w: w, raw: r.Target.Framing == rt.FramingRaw}
	c.init(d, r, h, rt.ConnInfo{
		Transport: rt.TransportWebSocket, Proto: "HTTP/1.1", Phases: phases,
		Local: w.l.LocalAddr().String(), Remote: w.l.RemoteAddr().String(),
	})
	c.pace = w.l.pace
	c.running.Add(1)
	c.opened(start.Add(phases.Total))
	c.serve(w, c)
	return c, nil
}

// requestURL returns the target's URL with extra query parameters.
func requestURL(r *rt.DialRequest, extra [][2]string) *url.URL {
	u := *r.Target.URL
	for _, list := range [][][2]string{extra, r.Query} {
		for _, kv := range list {
			if u.RawQuery != "" {
				u.RawQuery += "&"
			}
			u.RawQuery += url.QueryEscape(kv[0]) + "=" + url.QueryEscape(kv[1])
		}
	}
	u.Fragment = ""
	return &u
}

// ending is the last act of the read goroutine.
func (c *plainConn) ending() { c.finish() }

// opened reports the open socket.
func (c *plainConn) opened(at time.Time) {
	c.h.OnMessage(&rt.Message{At: at, Kind: rt.KindConnect, Transport: rt.TransportWebSocket, AckID: rt.NoAck})
}

func (c *plainConn) frame(op byte, p []byte, m *rt.Message) error {
	switch op {
	case opPing:
		m.Kind = rt.KindPing
	case opPong:
		m.Kind = rt.KindPong
	}
	m.Body, m.Binary = p, op == opBinary
	if m.Kind == rt.KindEvent && !c.raw {
		c.parse(m)
	}
	c.h.OnMessage(m)
	return nil
}

// parse reads Nest's envelope. A frame that is none is delivered as it is, with
// no event name, because gateways may answer with bare values (NestJS
// WsAdapter).
func (c *plainConn) parse(m *rt.Message) {
	event, data, id, err := nestws.Split(m.Body)
	if err != nil {
		return
	}
	if string(event) != c.lastEvent {
		c.lastEvent = c.d.names.get(event)
	}
	m.Event, m.Body = c.lastEvent, data
	if ack, ok := parseDigits(id); ok && m.Event == nestws.AckEvent {
		m.Kind, m.AckID = rt.KindAck, ack
	}
}

func parseDigits(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var id int64
	for _, ch := range b {
		if ch < '0' || ch > '9' {
			return 0, false
		}
		id = id*10 + int64(ch-'0')
	}
	return id, true
}

// Send writes one frame. With Nest framing an AckID asks for rtk's ack
// extension: the frame gets an "id" that the answer repeats.
func (c *plainConn) Send(ctx context.Context, m *rt.Outgoing) error {
	switch {
	case len(m.Attachments) > 0:
		return c.usage(errAttachments)
	case (c.raw || m.Binary) && m.AckID != rt.NoAck:
		return c.usage(errAckNest)
	case ctx.Err() != nil:
		return c.sendError(ctx.Err())
	}
	body, op := m.Body, byte(opText)
	if m.Binary {
		op = opBinary
	} else if !c.raw {
		b := c.d.takeSendBuf()
		defer c.d.giveSendBuf(b)
		*b = appendNest(*b, m)
		body = *b
	}
	if err := c.lock(ctx); err != nil {
		return c.sendError(err)
	}
	defer c.unlock()
	if c.ended() {
		return c.sendError(errClosed)
	}
	err := c.w.write(ctx, op, body)
	if err != nil {
		if c.lost(err) {
			c.w.l.abort()
		}
		return c.sendError(err)
	}
	return nil
}

// Close sends a close frame and waits, bounded, for the peer's.
func (c *plainConn) Close() error {
	if c.end(rt.ByLocal, 0, "", nil) {
		c.closeWS(c.w, func(context.Context) error { return nil })
	}
	c.running.Wait()
	return nil
}

// Abort resets the connection.
func (c *plainConn) Abort() {
	c.end(rt.ByLocal, 0, "", nil)
	c.w.l.abort()
}

// appendNest appends the envelope of m.
func appendNest(dst []byte, m *rt.Outgoing) []byte {
	dst = nestws.Append(dst, m.Event, m.Body)
	if m.AckID != rt.NoAck {
		dst = append(dst[:len(dst)-1], `,"id":`...)
		dst = strconv.AppendInt(dst, m.AckID, 10)
		dst = append(dst, '}')
	}
	return dst
}
