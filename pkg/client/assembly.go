package client

import (
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// assembly is a binary packet whose attachments are still arriving (Socket.IO 5,
// BINARY_EVENT and BINARY_ACK).
type assembly struct {
	text []byte
	pkt  socketio.Packet // aliases text
	atts [][]byte
	size int
}

// attachment takes the next binary packet.
func (c *sioConn) attachment(b []byte, m *rt.Message) error {
	asm := c.asm
	if asm == nil {
		return &protocolError{text: "binary data without a packet that announced it"}
	}
	if asm.size += len(b); asm.size+len(asm.text) > c.d.opt.MaxMessage {
		return &protocolError{text: "attachments are too long", code: closeTooBig}
	}
	asm.atts = append(asm.atts, append([]byte(nil), b...))
	if len(asm.atts) < asm.pkt.Attachments {
		return nil
	}
	c.asm = nil
	m.Attachments, m.Size = asm.atts, asm.size+len(asm.text)+1
	return c.deliver(asm.pkt, m)
}
