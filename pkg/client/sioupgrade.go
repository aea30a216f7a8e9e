package client

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

func wantsUpgrade(t *rt.Target, hs engineio.Handshake) bool {
	return slices.Contains(t.Transports, rt.TransportWebSocket) && slices.Contains(hs.Upgrades, string(rt.TransportWebSocket))
}

// upgrade moves a session from polling to WebSocket (Engine.IO 4, upgrade):
//
//	client                         server
//	2probe      over WebSocket →
//	            ← over WebSocket   3probe, and a noop to the open GET
//	(the GET returns, no other follows)
//	5           over WebSocket →
//
// If the probe fails the session stays with polling, as socket.io-client does.
func (p *polling) upgrade(u *url.URL, via route) {
	c := p.c
	defer c.running.Done()
	w := p.probe(u, via)
	if w == nil {
		return
	}
	if !p.switchTo(w) {
		_ = w.l.Close()
		w.frames.close()
		return
	}
	p.end()
	c.running.Add(1)
	c.reportUpgrade()
	w.c, w.sink = &c.conn, c
	go c.resume(w, nil) // others use w already, so no poller can take it
}

// probe opens a WebSocket and tries it. It returns nil if that fails.
func (p *polling) probe(u *url.URL, via route) *ws {
	d := p.c.d
	ctx, cancel := context.WithTimeout(p.ctx, d.opt.HandshakeTimeout)
	defer cancel()
	w, _, fail := d.dialWS(ctx, p.t, u, p.header, via)
	if fail != nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = w.l.Close() })
	err := w.write(ctx, opText, []byte("2probe"))
	var answer []byte
	if err == nil {
		_, answer, err = w.frames.next()
	}
	if !stop() || err != nil || string(answer) != "3probe" {
		_ = w.l.Close()
		w.frames.close()
		return nil
	}
	return w
}

// switchTo makes w the transport. It fails if the session has ended, and then
// the poll loop has seen to the end, or if w does not take the first packet.
//
// While it holds the write lock nobody else sends; what they have to say goes
// over w.
func (p *polling) switchTo(w *ws) bool {
	c := p.c
	select {
	case c.writing <- struct{}{}:
	case <-p.stopped:
		return false
	}
	defer c.unlock()
	c.w.Store(w) // from here on cut and Abort find it
	if c.dead.Load() {
		w.l.abort()
	}
	close(p.pause)
	<-p.stopped // the GET is bounded by the heartbeat
	if !p.handed {
		return false
	}
	c.poll.Store(nil)
	if err := w.write(context.Background(), opText, []byte{byte(engineio.Upgrade)}); err != nil {
		c.lost(err)
		p.end()
		c.ending()
		return false
	}
	c.setInfo(func(i *rt.ConnInfo) { i.Transport = rt.TransportWebSocket })
	return true
}

func (c *sioConn) reportUpgrade() {
	c.h.OnMessage(&rt.Message{
		At: time.Now(), Kind: rt.KindUpgrade, Transport: rt.TransportWebSocket, Namespace: c.ns,
		Body: []byte(rt.TransportWebSocket), AckID: rt.NoAck,
	})
}
