package client

import (
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// multiplex is what a handshake needs that joins more than one namespace over
// its connection. It belongs to the read goroutine.
type multiplex struct {
	more    []string // besides the connection's own
	auth    []byte   // of their CONNECT packets
	waiting int
}

// joinMore asks for the further namespaces once the first one is joined. It
// returns whether there are any to wait for.
func (c *sioConn) joinMore() (bool, error) {
	m := c.multiplex
	if m == nil || len(m.more) == 0 {
		return false, nil
	}
	m.waiting = len(m.more)
	for _, ns := range m.more {
		if err := c.reply(socketio.AppendConnect([]byte{byte(engineio.Message)}, ns, m.auth)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// joined takes what the server says about one of the further namespaces.
func (c *sioConn) joined(p socketio.Packet) {
	m := c.multiplex
	if m == nil || c.outcome == nil {
		return
	}
	switch p.Type {
	case socketio.Connect:
		if m.waiting--; m.waiting == 0 {
			c.setInfo(func(i *rt.ConnInfo) { c.phases(&i.Phases) })
			c.settle(true, nil)
		}
	case socketio.ConnectError:
		c.settle(true, &rt.Error{
			Op: "dial", Target: c.target, Kind: rt.KindRejected, Stage: rt.StageNamespace,
			Code: connectErrorCode(p.Data), Err: errNotConnected,
		})
	}
}
