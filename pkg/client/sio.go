package client

import (
	"bytes"
	"context"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// sioConn is a Socket.IO socket in one namespace, over WebSocket or polling.
// This file has what callers see; siopacket.go what the server says.
type sioConn struct {
	conn
	ns string

	poll atomic.Pointer[polling] // the transport, nil on WebSocket
	w    atomic.Pointer[ws]      // the transport if poll is nil; its probe while that is not
	dead atomic.Bool             // an upgrade must not go on; set before w is looked at

	beat beat

	session atomic.Pointer[session] // nil unless one was asked for or the server keeps them

	// Of the read goroutine.
	outcome   *outcome // nil once the handshake has ended
	returned  bool     // Dial returned the connection
	multiplex *multiplex
	auth      []byte    // CONNECT payload until it was sent
	joining   time.Time // when CONNECT was sent
	started   time.Time // when Dial began
	lastEvent string    // most connections hear one event all day
	asm       *assembly // a packet that waits for attachments
	opened    bool      // the Engine.IO handshake is done
}

var _ rt.Conn = (*sioConn)(nil)

func (d *Dialer) dialSocketIO(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	c := &sioConn{ns: r.Target.Namespace, auth: r.Auth, started: time.Now(), outcome: newOutcome()}
	if len(r.Also) > 0 {
		c.multiplex = &multiplex{more: r.Also, auth: r.Auth}
	}
	if r.Resume != nil && r.Resume.PID != "" {
		c.session.Store(&session{asked: *r.Resume})
		c.auth = appendResume(nil, r.Resume, r.Auth)
	}
	if c.ns == "" {
		c.ns = "/"
	}
	c.beat.expire = c.heartbeatLost
	out := c.outcome
	if err := c.open(ctx, d, r, h); err != nil {
		return nil, err
	}
	select {
	case <-out.done:
	case <-ctx.Done():
		e := failure("dial", &r.Target, rt.StageNamespace, ctx.Err())
		if out.settle(false, e) {
			c.end(rt.ByLocal, 0, "", ctx.Err())
			c.cut()
		}
	}
	if !out.open {
		c.running.Wait()
		return nil, out.err
	}
	if out.err != nil {
		return c, out.err
	}
	return c, nil
}

// open starts the first transport and the read goroutine.
func (c *sioConn) open(ctx context.Context, d *Dialer, r *rt.DialRequest, h rt.Handler) error {
	first := rt.TransportWebSocket
	if len(r.Target.Transports) > 0 {
		first = r.Target.Transports[0]
	}
	info := rt.ConnInfo{Namespace: d.names.get([]byte(c.ns)), Transport: first, Proto: "HTTP/1.1"}
	if first == rt.TransportPolling {
		return c.openPolling(ctx, d, r, h, info)
	}
	w, phases, fail := d.dialWS(ctx, &r.Target, sioURL(r, rt.TransportWebSocket, ""), r.Header, routeOf(r))
	if fail != nil {
		return fail
	}
	info.Phases, info.Local, info.Remote = phases, w.l.LocalAddr().String(), w.l.RemoteAddr().String()
	c.w.Store(w)
	c.init(d, r, h, info)
	c.pace = w.l.pace
	c.running.Add(1)
	c.joining = time.Now()
	c.serve(w, c)
	return nil
}

// ending is the last act of the read goroutine.
func (c *sioConn) ending() {
	c.d.beats.remove(&c.beat)
	if c.outcome != nil {
		c.settle(false, c.handshakeFailure())
	}
	if c.returned {
		c.finish()
	}
}

// heartbeatLost ends a connection whose server fell silent (Engine.IO 4,
// heartbeat).
func (c *sioConn) heartbeatLost() {
	if c.end(rt.ByNetwork, 0, reasonPingTimeout, c.endError(errPingTimeout)) {
		c.cut()
	}
}

// cut closes the transport without a goodbye. It does not block.
func (c *sioConn) cut() {
	c.dead.Store(true)
	if p := c.poll.Load(); p != nil {
		p.cancel()
	}
	if w := c.w.Load(); w != nil {
		_ = w.l.Close()
	}
}

// Abort resets the connection.
func (c *sioConn) Abort() {
	c.end(rt.ByLocal, 0, "", nil)
	c.dead.Store(true)
	if p := c.poll.Load(); p != nil {
		p.abort()
	}
	if w := c.w.Load(); w != nil {
		w.l.abort()
	}
}

// Close leaves the namespace and closes the transport, and waits, bounded, for
// the server to do the same.
func (c *sioConn) Close() error {
	if c.end(rt.ByLocal, 0, "", nil) {
		bound := time.AfterFunc(c.d.opt.CloseTimeout, c.cut)
		defer bound.Stop()
		if err := c.goodbye(); err != nil {
			c.cut()
		}
	}
	c.running.Wait()
	return nil
}

func (c *sioConn) goodbye() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.d.opt.CloseTimeout)
	defer cancel()
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	bye := append([]byte{byte(engineio.Message)}, socketio.AppendDisconnect(nil, c.ns)...)
	if p := c.poll.Load(); p != nil {
		return p.post(ctx, engineio.AppendRecord(bye, engineio.Packet{Type: engineio.Close}), nil)
	}
	w := c.w.Load()
	if err := w.write(ctx, opText, bye); err != nil {
		return err
	}
	return w.write(ctx, opClose, closeFrame(closeNormal, ""))
}

// Send writes an event, with its attachments. An empty Event with an AckID sends
// the answer to the server's event of that id.
func (c *sioConn) Send(ctx context.Context, m *rt.Outgoing) error {
	switch {
	case m.Event == "" && m.AckID == rt.NoAck:
		return c.usage(errNoEvent)
	case ctx.Err() != nil:
		return c.sendError(ctx.Err())
	}
	b := c.d.takeSendBuf()
	defer c.d.giveSendBuf(b)
	*b = c.appendPacket(*b, m)
	if err := c.transmit(ctx, *b, m.Attachments); err != nil {
		return c.sendError(err)
	}
	return nil
}

// appendPacket appends the Engine.IO message that carries m.
func (c *sioConn) appendPacket(dst []byte, m *rt.Outgoing) []byte {
	ns := m.Namespace
	if ns == "" {
		ns = c.ns
	}
	args := m.Body
	if len(m.Attachments) > 0 && !bytes.Contains(args, []byte("_placeholder")) {
		args = bytes.Clone(args)
		for i := range m.Attachments {
			if len(args) > 0 {
				args = append(args, ',')
			}
			args = socketio.AppendPlaceholder(args, i)
		}
	}
	dst = append(dst, byte(engineio.Message))
	if m.Event == "" {
		return socketio.AppendAck(dst, ns, m.AckID, args, len(m.Attachments))
	}
	return socketio.AppendEvent(dst, ns, m.AckID, m.Event, args, len(m.Attachments))
}

// transmit writes an Engine.IO text packet and the binary packets that belong
// to it. Nothing comes between them.
func (c *sioConn) transmit(ctx context.Context, text []byte, attachments [][]byte) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	if c.ended() {
		return errClosed
	}
	var err error
	if p := c.poll.Load(); p != nil {
		err = p.post(ctx, text, attachments)
	} else {
		err = c.writeFrames(ctx, text, attachments)
	}
	if err != nil && c.lost(err) {
		c.cut()
	}
	return err
}

func (c *sioConn) writeFrames(ctx context.Context, text []byte, attachments [][]byte) error {
	w := c.w.Load()
	err := w.write(ctx, opText, text)
	for i := 0; i < len(attachments) && err == nil; i++ {
		err = w.write(ctx, opBinary, attachments[i])
	}
	return err
}

// sioURL returns the Engine.IO endpoint for one transport; sid names the
// session to go on with, "" begins one.
func sioURL(r *rt.DialRequest, transport rt.Transport, sid string) *url.URL {
	extra := [][2]string{{"EIO", "4"}, {"transport", string(transport)}}
	if sid != "" {
		extra = append(extra, [2]string{"sid", sid})
	}
	u := requestURL(r, extra)
	switch {
	case u.Path == "" || u.Path == "/":
		u.Path = "/socket.io/"
	case !strings.HasSuffix(u.Path, "/"):
		u.Path += "/"
	}
	u.RawPath = ""
	return u
}
