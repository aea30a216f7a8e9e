package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// engine is the Engine.IO and Socket.IO state of a link. inMu of the link
// guards it, unless a field says otherwise.
type engine struct {
	sid      string
	token    string         // of the handshake request, until it is verified
	identity *auth.Identity // of that token
	partial  *partial       // a binary packet whose attachments are still coming
	poll     *poll          // polling transport; nil for links that began on WebSocket
	raw      EngineHandler  // of a raw endpoint; nil: Socket.IO
}

// partial is a binary packet under reconstruction. packet is nil when the
// packet was refused and its attachments are to be thrown away.
type partial struct {
	packet      *socketio.Packet
	attachments [][]byte
	missing     int
}

// Frames that every Socket.IO connection shares.
var (
	framePing      = controlFrame(engineio.Ping, nil)
	frameNoop      = controlFrame(engineio.Noop, nil)
	frameCloseText = controlFrame(engineio.Close, nil)
)

func controlFrame(t engineio.PacketType, data []byte) *frame {
	f := wsFrame(wsText, 1+len(data), func(dst []byte) []byte { return engineio.AppendText(dst, t, data) })
	f.control = true
	return f
}

// newSession makes an Engine.IO link; k is its first transport. raw is nil for
// Socket.IO.
func (s *Server) newSession(k kind, r *http.Request, raw EngineHandler) *link {
	l := s.newLink(k, codecSocketIO, r)
	l.engine = &engine{sid: s.newSessionID(), raw: raw}
	if s.opts.Auth != nil {
		token, _ := auth.Extract(r, nil, s.opts.AuthPlaces)
		// A copy, because the header that it lies in would be kept with it.
		l.engine.token = strings.Clone(clip(token, auth.MaxTokenBytes+1))
	}
	now := s.wheel.now()
	l.beat, l.beatAt = framePing, now+s.opts.PingInterval
	if raw == nil {
		l.connectBy = now + s.opts.ConnectTimeout
	}
	return l
}

// openFrame is the handshake packet (Engine.IO 4, handshake).
func (l *link) openFrame(upgrades ...string) *frame {
	o := &l.srv.opts
	if upgrades == nil {
		upgrades = []string{}
	}
	f := wsFrame(wsText, 128, func(dst []byte) []byte {
		return engineio.AppendOpen(dst, engineio.Handshake{
			SID: l.engine.sid, Upgrades: upgrades,
			PingInterval: o.PingInterval, PingTimeout: o.PingTimeout, MaxPayload: o.MaxPayload,
		})
	})
	f.control = true
	return f
}

// Errors that close a Socket.IO connection. The client is not told which.
var (
	errPeerClosed    = errors.New("close packet")
	errNotConnected  = errors.New("packet for a namespace that is not connected")
	errReconnect     = errors.New("second CONNECT for a namespace")
	errDirection     = errors.New("packet type is not for clients")
	errInterleaved   = errors.New("text packet while attachments are due")
	errStrayBinary   = errors.New("binary packet without an announcement")
	errNotUTF8       = errors.New("text is not valid UTF-8")
	errStruckOut     = errors.New("too many refused messages")
	errConnectSize   = errors.New("namespace or payload of CONNECT is too long")
	errTokenRejected = errors.New("token rejected")
)

// enginePacket handles one Engine.IO packet; data is valid during the call. An
// error ends the connection.
func (l *link) enginePacket(p engineio.Packet) error {
	switch p.Type {
	case engineio.Message:
		if l.engine.raw != nil {
			return l.rawMessage(p.Data, p.Binary)
		}
		if p.Binary {
			return l.attachment(p.Data)
		}
		return l.packet(p.Data)
	case engineio.Pong:
		l.alive()
		return nil
	case engineio.Close:
		return errPeerClosed
	case engineio.Ping, engineio.Open:
		return fmt.Errorf("%w: %v", errDirection, p.Type)
	}
	return nil // a late upgrade or noop packet
}

// packet handles the text of one Socket.IO packet.
func (l *link) packet(b []byte) error {
	e := l.engine
	if e.partial != nil {
		return errInterleaved
	}
	if event, ok := peekEvent(b); ok {
		l.srv.count.messagesIn.Add(1)
		passed, err := l.admit(event, len(b))
		if err != nil {
			return err
		}
		if !passed {
			if event.attachments > l.srv.opts.MaxAttachments {
				return socketio.ErrTooManyAttachments
			}
			if event.attachments > 0 {
				e.partial = &partial{missing: event.attachments}
			}
			return nil
		}
	}
	p, err := socketio.Parse(b, l.srv.opts.MaxAttachments)
	if err != nil {
		return err
	}
	if p.Attachments > 0 {
		p.Namespace, p.Data = append([]byte(nil), p.Namespace...), append([]byte(nil), p.Data...)
		e.partial = &partial{packet: &p, missing: p.Attachments}
		return nil
	}
	return l.socketPacket(&p, nil)
}

// attachment takes one binary message.
func (l *link) attachment(b []byte) error {
	part := l.engine.partial
	if part == nil {
		return errStrayBinary
	}
	part.missing--
	if part.packet != nil {
		part.attachments = append(part.attachments, append([]byte(nil), b...))
	}
	if part.missing > 0 {
		return nil
	}
	l.engine.partial = nil
	if part.packet == nil {
		return nil
	}
	return l.socketPacket(part.packet, part.attachments)
}

// socketPacket handles a complete packet (Socket.IO 5, packet types).
func (l *link) socketPacket(p *socketio.Packet, attachments [][]byte) error {
	c := l.conn(p.Namespace)
	if p.Type == socketio.Connect {
		if c != nil {
			return errReconnect
		}
		return l.connect(string(p.Namespace), p.Data)
	}
	if c == nil {
		return errNotConnected
	}
	switch p.Type {
	case socketio.Event, socketio.BinaryEvent:
		return c.event(p, attachments)
	case socketio.Ack, socketio.BinaryAck:
		l.srv.count.messagesIn.Add(1)
		c.acked(p.ID, socketio.SplitArgs(p.Data), attachments)
		return nil
	case socketio.Disconnect:
		l.drop(c)
		c.end(reasonClient)
		return nil
	}
	return fmt.Errorf("%w: %v", errDirection, p.Type)
}

// conn returns the link's connection in a namespace, or nil. A link that is not
// Socket.IO has one only.
func (l *link) conn(ns []byte) *Conn {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	for _, c := range l.conns {
		if l.engine == nil || c.ns.name == string(ns) {
			return c
		}
	}
	return nil
}

// drop takes a connection off the link and reports whether it was there.
func (l *link) drop(c *Conn) bool {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	for i := range l.conns {
		if l.conns[i] == c {
			last := len(l.conns) - 1
			l.conns[i] = l.conns[last]
			l.conns[last] = nil
			l.conns = l.conns[:last]
			return true
		}
	}
	return false
}

// control queues a packet that is not an event.
func (l *link) control(packet func([]byte) []byte) {
	f := messageFrame(64, nil, packet)
	f.control = true
	l.put(f, nil)
}
