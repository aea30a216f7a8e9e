package client

import (
	"bytes"
	"context"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// frame takes a WebSocket message.
func (c *sioConn) frame(op byte, p []byte, m *rt.Message) error {
	if op == opPing || op == opPong {
		return nil // of the WebSocket, not the heartbeat of Engine.IO
	}
	pkt, err := engineio.Decode(p, op == opBinary)
	if err != nil {
		return broken(err)
	}
	return c.packet(pkt, m)
}

// broken says that the peer broke the protocol with err.
func broken(err error) error { return &protocolError{text: err.Error()} }

// packet takes an Engine.IO packet. m is a fresh message with its time and
// transport.
func (c *sioConn) packet(p engineio.Packet, m *rt.Message) error {
	if !c.opened && p.Type != engineio.Open {
		return &protocolError{text: "first packet is " + p.Type.String() + ", not open"}
	}
	switch p.Type {
	case engineio.Message:
		if p.Binary {
			return c.attachment(p.Data, m)
		}
		return c.message(p.Data, m)
	case engineio.Ping:
		c.beat.touch(m.At)
		if err := c.reply(engineio.AppendText(nil, engineio.Pong, p.Data)); err != nil {
			return err
		}
		m.Kind, m.Body = rt.KindPing, p.Data
	case engineio.Open:
		return c.open4(p.Data, m)
	case engineio.Close:
		return errServerClosed
	case engineio.Pong:
		m.Kind, m.Body = rt.KindPong, p.Data
	default:
		return nil // noop, and an upgrade that is not the server's to ask for
	}
	c.h.OnMessage(m)
	return nil
}

// open4 takes the Engine.IO 4 handshake and joins the namespace.
func (c *sioConn) open4(data []byte, m *rt.Message) error {
	if c.opened {
		return &protocolError{text: "second open packet"}
	}
	hs, err := engineio.ParseHandshake(data)
	if err != nil {
		return broken(err)
	}
	c.opened = true
	c.setInfo(func(i *rt.ConnInfo) { i.Ping = hs.PingInterval })
	c.beat.limit = hs.PingInterval + hs.PingTimeout
	c.beat.touch(m.At)
	c.d.beats.add(&c.beat)
	m.Kind, m.Body = rt.KindOpen, data
	c.h.OnMessage(m)
	c.joining = time.Now()
	return c.reply(socketio.AppendConnect([]byte{byte(engineio.Message)}, c.ns, c.auth))
}

// reply sends a packet from the read goroutine. A polling request would block
// it for a round trip, so there it gets a goroutine that ends with the request.
func (c *sioConn) reply(b []byte) error {
	if c.poll.Load() != nil {
		c.running.Go(func() { _ = c.transmit(context.Background(), b, nil) })
		return nil
	}
	if w := c.w.Load(); w.reading() {
		if !c.ended() {
			c.answerNow(w, opText, b)
		}
		return nil
	}
	if err := c.transmit(context.Background(), b, nil); err != nil && !c.ended() {
		return err
	}
	return nil
}

// message takes the text of a Socket.IO packet.
func (c *sioConn) message(b []byte, m *rt.Message) error {
	if c.asm != nil {
		return &protocolError{text: "packet inside a binary packet"}
	}
	if len(b) > 0 && socketio.Type(b[0]-'0').Binary() {
		b = bytes.Clone(b) // the packet has to wait for its attachments
	}
	p, err := socketio.Parse(b, c.d.opt.MaxAttachments)
	if err != nil {
		return broken(err)
	}
	if p.Attachments > 0 {
		c.asm = &assembly{text: b, pkt: p}
		return nil
	}
	return c.deliver(p, m)
}

// deliver reports a complete packet and draws its consequences.
func (c *sioConn) deliver(p socketio.Packet, m *rt.Message) error {
	own := string(p.Namespace) == c.ns
	if m.Namespace = c.ns; !own {
		m.Namespace = c.d.names.get(p.Namespace)
	}
	m.Body = p.Data
	switch p.Type {
	case socketio.Event, socketio.BinaryEvent:
		name, args, err := socketio.SplitEventBytes(p.Data)
		if err != nil {
			return broken(err)
		}
		if string(name) != c.lastEvent {
			c.lastEvent = c.d.names.get(name)
		}
		m.Kind, m.Event, m.Body, m.Multi, m.AckID = rt.KindEvent, c.lastEvent, args, true, p.ID
	case socketio.Ack, socketio.BinaryAck:
		m.Kind, m.Body, m.Multi, m.AckID = rt.KindAck, socketio.SplitArgs(p.Data), true, p.ID
	case socketio.Connect:
		m.Kind = rt.KindConnect
	case socketio.ConnectError:
		m.Kind = rt.KindConnectError
	case socketio.Disconnect:
		m.Kind = rt.KindDisconnect
	}
	if own && m.Kind == rt.KindEvent {
		if s := c.session.Load(); s != nil {
			s.seen(m.Body)
		}
	}
	c.h.OnMessage(m)
	if !own {
		c.joined(p)
		return nil
	}
	return c.state(p)
}

// state follows what the server says about the connection's own namespace.
func (c *sioConn) state(p socketio.Packet) error {
	switch p.Type {
	case socketio.Connect:
		c.connected(p.Data)
		if c.outcome == nil {
			return nil
		}
		if wait, err := c.joinMore(); wait || err != nil {
			return err
		}
		c.settle(true, nil)
	case socketio.ConnectError:
		if c.outcome == nil {
			return nil
		}
		c.setInfo(func(i *rt.ConnInfo) { c.phases(&i.Phases) })
		c.settle(true, &rt.Error{
			Op: "dial", Target: c.target, Kind: rt.KindRejected, Stage: rt.StageNamespace,
			Code: connectErrorCode(p.Data), Err: errNotConnected,
		})
	case socketio.Disconnect:
		return errServerLeft
	}
	return nil
}

func (c *sioConn) phases(ph *rt.Phases) {
	now := time.Now()
	ph.Namespace = now.Sub(c.joining)
	ph.Total = now.Sub(c.started)
}
